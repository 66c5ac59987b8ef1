"""What a hostile MJCF can do to MuJoCo's own loader, and that ours refuses it."""

import os
import re
import shutil
import struct
import subprocess
import sys
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from jaxdl.envs import mjcf, read_mjcf
from tests.envs.mjcf_files import BODY, assert_same_model, png, refused, stl, write


@pytest.fixture(autouse=True)
def quiet():
    """Plain MuJoCo would leave a MUJOCO_LOG.TXT behind."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda text: None)
    yield
    mujoco.set_mju_user_warning(before)


VALID = """
<compiler meshdir="mesh" texturedir="look" angle="radian"/>
<size memory="2M" nkey="1" nuser_body="2"/>
<asset>
  <mesh file="f.stl"/><mesh name="o" file="./f.obj" scale="2 2 2"/><skin file="f.skn"/>
  <hfield file="f.png" size="1 1 1 1"/><hfield name="raw" file="f.bin" size="1 1 1 1"/>
  <texture type="2d" file="f.png"/><texture name="t2" type="2d" file="deep//f.png"/>
  <texture name="box" type="cube" fileright="f.png" fileup="deep/f.png"/>
</asset>
<worldbody><light dir="0 0 -1"/><geom type="mesh" mesh="f"/><geom type="hfield" hfield="raw"/>
  <body name="b" user="1 2"><freejoint/>
    <geom type="mesh" mesh="o" name="&lt;&amp;&quot;é&#10;"/></body>
  <replicate count="3" offset="3 0 0">
    <body><joint range="-1 1"/><geom size="1"/></body></replicate>
  <body name="soft">
    <flexcomp name="x" type="gmsh" dim="3" mass="1" file="f.msh" rigid="true"/></body>
</worldbody>"""


@pytest.mark.parametrize(
    "compiler",
    [
        "",
        '<compiler assetdir="look"/><compiler meshdir="mesh"/>',
        '<compiler meshdir="nowhere"/><compiler assetdir="mesh" texturedir="look"/>',
        '<compiler strippath="true"/>',
    ],
)
def test_a_model_with_files_is_the_one_that_mujoco_reads(tmp_path, monkeypatch, compiler):
    inside = VALID.replace("deep//", "") if "strip" in compiler else VALID
    path = write(tmp_path, inside + compiler)
    monkeypatch.chdir(tmp_path)
    theirs = mujoco.MjModel.from_xml_path("model.xml")
    monkeypatch.chdir("/")
    assert_same_model(read_mjcf(path), theirs)
    assert_same_model(read_mjcf(str(path)), theirs)


def test_warnings_are_told_and_leave_no_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "model", '<compiler settotalmass="2"/>' + BODY)
    with pytest.warns(UserWarning, match="model.xml: .*settotalmass"):
        read_mjcf(path)
    assert not (tmp_path / "MUJOCO_LOG.TXT").exists()


def test_packaged_models_are_the_ones_that_mujoco_reads():
    ours = [resources.files("jaxdl.envs") / "assets/cartpole.xml"]
    brax = sorted((resources.files("brax.envs") / "assets").iterdir(), key=str)
    mjx = [Path(mujoco.__file__).parent / f"mjx/test_data/{name}.xml" for name in ("ray", "convex")]
    for path in (*ours, *brax, *mjx):
        assert_same_model(read_mjcf(path), mujoco.MjModel.from_xml_path(str(path)))
    assert len(brax) > 9


def test_mujoco_is_handed_every_file_that_its_text_names(tmp_path, monkeypatch):
    handed = []
    load = mujoco.MjModel.from_xml_string
    monkeypatch.setattr(
        mujoco, "MjModel", SimpleNamespace(from_xml_string=lambda *a: handed.extend(a))
    )
    read_mjcf(write(tmp_path, VALID))
    text, files = handed
    tree = ElementTree.fromstring(text)
    named = {v for e in tree.iter() for k, v in e.attrib.items() if k.startswith("file")}
    assert named == set(files) and len(named) == 8
    assert all(re.fullmatch(r"\d+\.[a-z]+", name) for name in named)
    assert not tree.find("compiler").attrib.keys() & {*mjcf.DIRECTORIES, "strippath"}
    monkeypatch.chdir("/")
    shutil.rmtree(tmp_path)
    assert load(text, files).nmesh == 2


def test_files_of_one_name_in_two_folders_are_two_files(tmp_path):
    inside = '<asset><mesh name="a" file="f.stl"/><mesh name="c" file="mesh/f.stl"/></asset>'
    model = read_mjcf(write(tmp_path, inside + BODY))
    first, second = model.mesh_vert[:4], model.mesh_vert[4:]
    np.testing.assert_allclose(np.ptp(second, 0), 2 * np.ptp(first, 0), rtol=1e-6)


@pytest.mark.parametrize("include", ["include", "Include", "INCLUDE"])
@pytest.mark.parametrize("name", ["{}/secret.xml", "../secret.xml", "secret.xml"])
def test_includes_are_refused_which_mujoco_follows(tmp_path, include, name):
    secret = "<mujoco><custom><text name='secret' data='x'/></custom></mujoco>"
    (tmp_path / "secret.xml").write_text(secret)
    folder = tmp_path / "model"
    path = write(folder, f'<{include} file="{name.format(tmp_path)}"/>' + BODY)
    (folder / "secret.xml").write_text(secret)
    if include == "include":  # the others it opens as well, before its schema turns them down
        assert mujoco.MjModel.from_xml_path(str(path)).ntext == 1
    assert f"line 1: <{include}>" in refused(path)


OUTSIDE = [
    '<asset><mesh file="{}"/></asset>',
    '<asset><skin file="{}"/></asset>',
    '<asset><hfield size="1 1 1 1" file="{}"/></asset>',
    '<asset><texture type="2d" file="{}"/></asset>',
    '<asset><texture name="t" type="cube" fileright="{}"/></asset>',
    '<asset><texture name="t" type="cube" fileleft="{}"/></asset>',
    '<asset><texture name="t" type="cube" fileup="{}"/></asset>',
    '<asset><texture name="t" type="cube" filedown="{}"/></asset>',
    '<asset><texture name="t" type="cube" filefront="{}"/></asset>',
    '<asset><texture name="t" type="cube" fileback="{}"/></asset>',
    '<worldbody><body name="q"><flexcomp name="x" type="gmsh" dim="3" rigid="true" file="{}"/>'
    "</body></worldbody>",
]
SUFFIX = (".stl", ".skn", ".png", ".png", *(".png",) * 6, ".msh")


@pytest.mark.parametrize(("element", "suffix"), zip(OUTSIDE, SUFFIX, strict=True))
def test_files_outside_of_the_folder_are_refused_which_mujoco_reads(tmp_path, element, suffix):
    write(tmp_path / "outside", BODY)
    outside = tmp_path / "outside/mesh" / f"f{suffix}"
    for name in (str(outside), f"../outside/mesh/f{suffix}", f"mesh/../../outside/mesh/f{suffix}"):
        path = write(tmp_path / "model", element.format(name) + BODY)
        assert mujoco.MjModel.from_xml_path(str(path)).nbody > 0
        message = refused(path)
        assert "should be a path within the model's folder" in message
        assert re.search(r"line 1: <\w+>: file\w*=", message)
    for name in ("C:f", "file:///f", "http://host/f", r"..\f", r"\\host\f", "~/f", "a\\f", "mjz:f"):
        path = write(tmp_path / "model", element.format(name + suffix) + BODY)
        assert "should be a path within the model's folder" in refused(path)


@pytest.mark.parametrize("attribute", mjcf.DIRECTORIES)
def test_folders_outside_are_refused_which_mujoco_reads(tmp_path, attribute):
    kind = "texture type='2d'" if attribute == "texturedir" else "hfield size='1 1 1 1'"
    write(tmp_path / "outside", BODY)
    for name in (tmp_path / "outside/mesh", "../outside/mesh", "mesh/../../outside/mesh"):
        inside = f'<compiler {attribute}="{name}"/><asset><{kind} file="f.png"/></asset>' + BODY
        path = write(tmp_path / "model", inside)
        assert mujoco.MjModel.from_xml_path(str(path)).nbody == 2
        assert f"line 1: <compiler>: {attribute}=" in refused(path)


def test_symbolic_links_that_lead_out_are_refused_which_mujoco_follows(tmp_path):
    folder = tmp_path / "model"
    write(tmp_path / "outside", BODY)
    path = write(folder, '<asset><mesh file="link.stl"/></asset>' + BODY)
    (folder / "link.stl").symlink_to(tmp_path / "outside/f.stl")
    assert mujoco.MjModel.from_xml_path(str(path)).nmesh == 1
    assert "leads out of" in refused(path)
    (folder / "link.stl").unlink()
    (folder / "link.stl").symlink_to("mesh/f.stl")  # within the folder
    assert read_mjcf(path).nmesh == 1
    (folder / "away").symlink_to(tmp_path / "outside")
    write(folder, '<asset><mesh file="away/f.stl"/></asset>' + BODY)
    assert "leads out of" in refused(path)
    (folder / "loop.stl").symlink_to("loop.stl")
    write(folder, '<asset><mesh file="loop.stl"/></asset>' + BODY)
    assert "cannot be found below" in refused(path)


def test_the_working_directory_is_not_looked_into(tmp_path, monkeypatch):
    path = write(tmp_path / "model", '<asset><mesh file="here.stl"/></asset>' + BODY)
    (tmp_path / "here.stl").write_bytes(stl())
    monkeypatch.chdir(tmp_path)
    assert mujoco.MjModel.from_xml_string(path.read_text()).nmesh == 1
    assert "cannot be found below" in refused(path)


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (
            '<extension><plugin plugin="mujoco.sdf.torus"/></extension>',
            "<extension> is refused; it",
        ),
        ('<asset><mesh name="m"><plugin plugin="p"/></mesh></asset>', "<plugin> is refused"),
        ('<sensor><plugin plugin="p"/></sensor>', "<plugin> is refused"),
        ('<asset><model name="m" file="f.xml"/></asset>', "<model> is refused; put"),
        ('<worldbody><attach model="m" prefix="p"/></worldbody>', "<attach> is refused; put"),
        ('<asset><mesh file="f.stl" content_type="a/b"/></asset>', "attribute 'content_type'"),
        ('<worldbody><geom plugin="p"/></worldbody>', "attribute 'plugin' is refused"),
        ('<worldbody><geom size="1" file="f.stl"/></worldbody>', "'f.stl' should end in nothing"),
        ('<worldbody><geom size="1" filename="f.stl"/></worldbody>', "should end in nothing"),
        ('<asset><mesh file="f.usd"/></asset>', "should end in .stl or .obj or .msh"),
        ('<asset><mesh file="f"/></asset>', "should end in .stl"),
        ('<asset><mesh file=""/></asset>', "should end in .stl"),
        ('<asset><texture type="2d" file="f.ktx"/></asset>', "should end in .png"),
        ('<Asset><mesh file="/f.stl"/></Asset>', "<Asset>: elements of MJCF are written in small"),
        ('<asset><mesh FILE="/f.stl"/></asset>', "attribute 'FILE' is refused"),
        ('<asset xmlns:a="b"><mesh a:file="/f.stl"/></asset>', "attribute 'xmlns:a' is refused"),
        ('<asset><mesh file="none.stl"/></asset>', "'none.stl' cannot be found below"),
        (f'<asset><mesh file="{"x" * 400}.stl"/></asset>', "cannot be found below"),
        ('<asset><mesh file="mesh.stl"/></asset>', "cannot be found below"),
        ("<wheel/>", "cannot be compiled: XML Error"),
        ("<worldbody>", "is not XML in UTF-8: mismatched tag"),
        ("<a" * 10, "is not XML in UTF-8"),
        ("<default>" * 300 + "</default>" * 300, "more than 10,000 elements, 200 deep"),
        ("<custom>" + "<text/>" * 10_001 + "</custom>", "more than 10,000 elements, 200 deep"),
    ],
)
def test_what_is_refused_is_named_with_what_to_do(tmp_path, inside, message):
    assert message in refused(write(tmp_path, inside + BODY))


@pytest.mark.parametrize(
    "inside",
    [
        '<worldbody><replicate count="1000000"><body><geom/></body></replicate></worldbody>',
        "<worldbody>"
        + '<replicate count="10">' * 4
        + "<geom/>"
        + "</replicate>" * 4
        + "</worldbody>",
        '<worldbody><body><composite type="cable" count="100000 1 1"/></body></worldbody>',
        '<worldbody><body><flexcomp name="x" type="grid" count="300 300 300"/></body></worldbody>',
        '<worldbody><body><flexcomp name="x" cellcount="900 900 900"/></body></worldbody>',
        '<asset><texture name="t" type="2d" builtin="flat" width="20000" height="20000"/></asset>',
        '<default><texture width="20000"/></default>',
        '<asset><hfield name="h" nrow="10000" ncol="10000" size="1 1 1 1"/></asset>',
        '<asset><mesh name="s" builtin="supersphere" params="2000 1 1"/></asset>',
        '<sensor><user name="u" dim="1000000000"/></sensor>',
        '<sensor><contact num="1000000000"/></sensor>',
        '<sensor><clock nsample="1000000000"/></sensor>',
        '<actuator><general body="b" dyntype="user" actdim="1000000000"/></actuator>',
        '<worldbody><camera resolution="20000 20000"/></worldbody>',
        '<size memory="2G"/>',
        '<size memory="100T"/>',
        '<size memory="99999999999"/>',
        '<size memory="0x7fffffff"/>',
        '<size njmax="2000000000"/>',
        '<size nuserdata="100000000"/>',
        '<size nuser_body="100000000"/>',
        '<size nkey="50000000"/>',
        '<compiler><lengthrange timestep="1e-9"/></compiler>',
        '<compiler><lengthrange inttotal="1e300" timestep="1e-300"/></compiler>',
        '<compiler><lengthrange timestep="0"/></compiler>',
        '<asset><hfield name="h" nrow="inf" ncol="1" size="1 1 1 1"/></asset>',
        '<asset><hfield name="h" nrow="nan" ncol="1" size="1 1 1 1"/></asset>',
        '<asset><hfield name="h" nrow="0xffff" ncol="1" size="1 1 1 1"/></asset>',
    ],
)
def test_absurd_sizes_are_refused_before_mujoco_sees_them(tmp_path, inside, monkeypatch):
    monkeypatch.setattr(mujoco, "MjModel", None)
    message = refused(write(tmp_path, inside + BODY))
    assert re.search(r"model.xml, line 1: <\w+>: ", message)


def test_mujoco_itself_is_held_up_by_a_length_range(tmp_path):
    # The threat is real: plain MuJoCo does not come back within the time.
    inside = """<compiler><lengthrange timestep="1e-9" mode="all"/></compiler><worldbody><body>
      <joint name="j"/><geom size="1"/></body></worldbody><actuator><motor joint="j"/></actuator>"""
    path = write(tmp_path, inside)
    code = f"import mujoco; mujoco.MjModel.from_xml_path({str(path)!r})"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=4, cwd=tmp_path)
    assert "is too long" in refused(path)


def test_images_that_unpack_to_more_than_they_claim_are_refused(tmp_path):
    path = write(tmp_path, '<asset><texture type="2d" file="f.png"/></asset>' + BODY)
    bomb = png(pixels=bytes(30_000_000))
    assert len(bomb) < 40_000
    (tmp_path / "f.png").write_bytes(bomb)
    assert "unpacks to more than the pixels that it claims" in refused(path)
    (tmp_path / "f.png").write_bytes(png(width=60_000, height=60_000, pixels=b""))
    assert "unpacks to 3600000000 numbers" in refused(path)
    (tmp_path / "f.png").write_bytes(png(pixels=b"\0"))
    assert "cannot be compiled" in refused(path)
    damaged = bytearray(png())
    damaged[45] ^= 0xFF
    (tmp_path / "f.png").write_bytes(damaged)
    assert re.search("is damaged|cannot be compiled", refused(path))
    for content in (b"", b"GIF89a", png()[:20]):
        (tmp_path / "f.png").write_bytes(content)
        assert "is not a PNG image" in refused(path)


@pytest.mark.parametrize(
    "content", [b"", b"solid x", b"\xff" * 200, struct.pack("<4i", *4 * [2**31 - 1])]
)
def test_damaged_files_are_told(tmp_path, content):
    for element, suffix in zip(OUTSIDE[:3], (".stl", ".skn", ".bin"), strict=True):
        path = write(tmp_path, element.format("f" + suffix) + BODY)
        (tmp_path / f"f{suffix}").write_bytes(content)
        assert "cannot be compiled" in refused(path)


def test_entities_and_other_encodings_are_refused(tmp_path):
    laughs = "".join(f'<!ENTITY l{i + 1} "{10 * f"&l{i};"}">' for i in range(9))
    head = f'<!DOCTYPE mujoco [<!ENTITY l0 "ha">{laughs}]>'
    path = write(tmp_path, "&l9;" + BODY, root=head + "<mujoco>{}</mujoco>")
    assert "line 1: a DOCTYPE with entities is refused" in refused(path)
    outside = '<!DOCTYPE mujoco SYSTEM "file:///etc/hostname">'
    path = write(tmp_path, BODY, root=outside + "<mujoco>{}</mujoco>")
    assert "a DOCTYPE with entities is refused" in refused(path)
    text = f"<mujoco>{BODY}</mujoco>"
    for encoding in ("utf-16", "utf-32"):
        path.write_bytes(text.encode(encoding))
        assert "is not XML in UTF-8" in refused(path)
    path.write_bytes(f'<?xml version="1.0" encoding="utf-7"?>{text}'.encode())
    assert read_mjcf(path).nbody == 2  # the declaration is not believed
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_mjcf(path).nbody == 2


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path):
    path = tmp_path / "model.xml"
    assert "cannot be read: No such file" in refused(path)
    assert "is not a regular file" in refused(tmp_path)
    assert "is not a regular file" in refused("/dev/zero")
    os.mkfifo(tmp_path / "pipe.xml")
    assert "is not a regular file" in refused(tmp_path / "pipe.xml")
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: nothing is written
    assert f"has {2**40} bytes; at most 1000000 are read" in refused(path)
    path = write(tmp_path, '<asset><mesh file="f.stl"/></asset>' + BODY)
    with (tmp_path / "f.stl").open("wb") as file:
        file.truncate(2**40)
    assert f"f.stl has {2**40} bytes; at most" in refused(path)
    (tmp_path / "f.stl").unlink()
    os.mkfifo(tmp_path / "f.stl")
    assert "f.stl is not a regular file" in refused(path)


def test_other_formats_are_refused_which_mujoco_reads(tmp_path):
    robot = (
        '<robot name="r"><link name="l"><visual><geometry><mesh filename="{}"/></geometry></visual>'
    )
    robot += "<collision><geometry><mesh filename='{}'/></geometry></collision></link></robot>"
    write(tmp_path, BODY)
    path = tmp_path / "robot.xml"
    path.write_text(robot.replace("{}", str(tmp_path / "f.stl")))
    assert mujoco.MjModel.from_xml_path(str(path)).nmesh == 1
    assert "begins with <robot>, not <mujoco>" in refused(path)
    path.write_text(f"<MuJoCo>{BODY}</MuJoCo>")
    assert "begins with <MuJoCo>, not <mujoco>" in refused(path)


def test_all_that_mujoco_can_open_is_known():
    """MuJoCo's own schema: a new attribute that names files, folders or code fails this test."""
    rows = {}
    tag = ""
    for line in mujoco.mj_printSchema(False, False).splitlines():
        head = line[:30].split()
        rest = line[30:].split()
        tag = head[0] if head else tag
        rows.setdefault(tag, set()).update(rest)
    assert len(rows) > 100 and "pos" in rows["geom"]
    every = set().union(*rows.values())
    named = {name for name in every if re.search(r"file|path|ur[il]|dir$|plugin|content|lib", name)}
    six = {f"file{side}" for side in "right left up down front back".split()}
    known = {"file", "dir", "strippath", "filterparent", "plugin", "content_type"}
    assert named <= known | six | set(mjcf.DIRECTORIES)
    holders = {tag for tag, names in rows.items() if any(n.startswith("file") for n in names)}
    assert holders - {"flag"} == {*mjcf.SUFFIXES, "model"}
    assert {tag for tag, names in rows.items() if names & set(mjcf.REFUSED_ATTRIBUTES)} <= {
        *("plugin", "mesh", "hfield", "texture", "model")
    }
    counts = {n for n in every if re.search(r"count|num$|^n[a-z]+$|dim$|resolution|nrow|ncol", n)}
    of_size = {name for name in rows["size"] if name.startswith("n")}
    harmless = {
        "name",
        "nchannel",
        "condim",
        "nativeccd",
        "needstage",
        "noise",
        "nominal",
        "normal",
    }
    harmless |= {"node", "nodecoord"}  # lists: as long as the file
    harmless |= {"numquads", "numslices", "numstacks"}  # how finely it is drawn
    assert counts <= mjcf.SIZES | of_size | harmless
