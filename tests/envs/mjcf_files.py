"""Models and the files that they name, written for tests of the reader of MJCF."""

import struct
import zlib

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import read_mjcf

BODY = '<worldbody><body name="b"><freejoint/><geom name="g" size="1"/></body></worldbody>'
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
FACES = ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))


def stl(scale=1.0):
    faces = (np.concatenate([[[0, 0, 0]], scale * CORNERS[list(face)]]) for face in FACES)
    return (
        bytes(80)
        + struct.pack("<I", 4)
        + b"".join(f.astype("<f4").tobytes() + b"\0\0" for f in faces)
    )


def obj():
    lines = ["v {:g} {:g} {:g}".format(*corner) for corner in CORNERS]
    return "\n".join(lines + ["f {} {} {}".format(*np.array(face) + 1) for face in FACES]).encode()


def skin():
    bone = b"b".ljust(40, b"\0") + struct.pack("<7fi", 0, 0, 0, 1, 0, 0, 0, 3)
    bone += struct.pack("<3i3f", 0, 1, 2, 1, 1, 1)
    return (
        struct.pack("<4i", 3, 0, 1, 1) + CORNERS[:3].tobytes() + struct.pack("<3i", 0, 1, 2) + bone
    )


def gmsh():
    nodes = ["{} {:g} {:g} {:g}".format(i + 1, *corner) for i, corner in enumerate(CORNERS)]
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$Nodes", "4", *nodes, "$EndNodes"]
    return "\n".join([*lines, "$Elements", "1", "1 4 2 0 1 1 2 3 4", "$EndElements", ""]).encode()


def png(color=200, *, width=8, height=8, pixels=None):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pixels = height * (b"\0" + width * bytes((color, 10, 30))) if pixels is None else pixels
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(pixels, 9))
        + chunk(b"IEND", b"")
    )


def write(folder, inside, root="<mujoco>{}</mujoco>"):
    """A model file in a folder that holds every kind of file."""
    for name in ("mesh", "look/deep"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = {"f.stl": stl(), "mesh/f.stl": stl(2.0), "mesh/f.obj": obj(), "mesh/f.skn": skin()}
    files |= {"mesh/f.msh": gmsh(), "mesh/f.png": png(), "look/f.png": png(90)}
    files |= {"look/deep/f.png": png(10), "mesh/f.bin": struct.pack("<2i4f", 2, 2, 0, 1, 2, 3)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "model.xml"
    path.write_text(root.format(inside))
    return path


def refused(path):
    with pytest.raises(BadInput) as error:
        read_mjcf(path)
    message = str(error.value)
    assert "\n" not in message and len(message) < 600
    return message


def assert_same_model(ours, theirs):
    """All arrays but where the files lay."""
    assert ours.names == theirs.names
    compared = 0
    for name in dir(theirs):
        expected = getattr(theirs, name)
        if isinstance(expected, np.ndarray) and name != "_sizes" and not name.endswith("pathadr"):
            np.testing.assert_array_equal(getattr(ours, name), expected, err_msg=name)
            compared += 1
    assert compared > 300
