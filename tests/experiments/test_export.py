import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import export
from jaxdl import deploy
from jaxdl.core import Run, fit
from jaxdl.core.run import BadInput
from jaxdl.deploy.comparison import random_inputs
from tests.experiments.launch_files import train, write

ROOT = Path(__file__).parents[2]
REAL = {  # systems of the house, small: name, settings
    "ppo": {
        "env": "pendulum", "num_envs": 8, "unroll": 8, "epochs": 1, "minibatches": 1,
        "microbatches": 1, "hidden": (8,), "recurrent": "lstm", "eval_envs": 8, "eval_steps": 5,
        "normalize_observations": True, "steps": 2, "num_seeds": 2, "devices": 4,
    },
    "simclr": {"batch_size": 16, "steps": 2, "devices": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """A folder of one's own launch files."""
    return write(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def trained(systems, tmp_path_factory):
    """The workdir of a run of two seeds, with checkpoints of steps 2 and 4, and its state."""
    workdir = tmp_path_factory.mktemp("runs") / "linear"
    state, _ = train(systems / "linear.py", workdir, num_seeds=2, save_every=2)
    return workdir, jax.device_get(state)


def copied(workdir, tmp_path):
    """A copy without exports, that a test may damage."""
    hidden = shutil.ignore_patterns("export")
    return Path(shutil.copytree(workdir, tmp_path / workdir.name, ignore=hidden))


def _size(path):
    return path.stat().st_size


def snapshot(folder):
    return {p: p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))}


def test_a_run_of_ones_own_launch_file_is_exported_and_read_back(trained, capsys):
    workdir, state = trained
    folder = export.main(export.Config(workdir=str(workdir), which=1))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(line.startswith("ok ") for line in lines[:3])
    about = json.loads((folder / "export.json").read_text())
    result = json.loads((workdir / "result.json").read_text())
    assert (about["system"], about["step"], about["which"]) == ("linear", 4, 1)
    assert about["fingerprint"] == result["fingerprint"]
    loaded = deploy.load(str(folder))
    w = state.params["w"][1]
    np.testing.assert_array_equal(loaded.weights["w"], w)
    obs = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.call({"obs": obs})["action"], 2 * np.tanh(obs @ w), rtol=1e-5)
    program = (folder / "program.stablehlo").read_bytes()
    assert str(ROOT).encode() not in program and b"jaxdl/" not in program


ELSEWHERE = """
import re, sys
from pathlib import Path
(code,) = re.findall(r"```python\\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
exec(code)
assert outputs["action"].shape == (2, 1)
assert not {"jaxdl", "experiments", "flax"} & {name.split(".")[0] for name in sys.modules}
"""


@pytest.mark.parametrize("jit", ["0", "1"])
def test_a_process_with_jax_alone_runs_it_by_its_readme(trained, tmp_path, jit):
    folder = export.main(export.Config(workdir=str(trained[0]), out=str(tmp_path / "out")))
    command = [sys.executable, "-c", ELSEWHERE]
    environment = os.environ | {"JAX_DISABLE_JIT": jit, "PYTHONPATH": ""}
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_systems_of_the_house_are_exported_bit_for_bit(name, tmp_path, capsys):
    train(_path_of(name), tmp_path / name, **REAL[name])
    folder = export.main(export.Config(workdir=str(tmp_path / name)))
    lines = capsys.readouterr().out.splitlines()[-4:]
    assert all(line.startswith("ok ") and "bit for bit" in line for line in lines[:3])
    loaded = deploy.load(folder)
    spec = {k: v for k, v in loaded.about["inputs"].items()}
    assert all(x["shape"][0] == "b" for x in spec.values())


def _path_of(name):
    from experiments._systems import find

    return find(name).path


def test_large_encoders_are_exported_in_float32():
    from experiments._systems import find
    from jaxdl.launch.settings import configure

    module = find("simclr").module
    settings = {"data": "cifar10"}
    system = module.build(configure("simclr", module.PRESETS, "gpu", settings))
    weights = system.deployment.weights(jax.eval_shape(system.learner.init, jax.random.key(0)))
    inputs = random_inputs(system.deployment.inputs, 1)
    assert "bf16" not in str(jax.make_jaxpr(system.deployment.apply)(weights, inputs))


def test_a_damaged_checkpoint_is_passed_over_and_nothing_is_touched(trained, tmp_path, capsys):
    workdir = copied(trained[0], tmp_path)
    (workdir / "checkpoints/9.orbax-checkpoint-tmp").mkdir()  # as if a run were just saving
    victim = max((workdir / "checkpoints/4/default/d").iterdir(), key=_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    before = snapshot(workdir)
    folder = export.main(export.Config(workdir=str(workdir), out=str(tmp_path / "out")))
    assert json.loads((folder / "export.json").read_text())["step"] == 2
    assert "checkpoint 4 is not used" in capsys.readouterr().err
    assert snapshot(workdir) == before


@pytest.mark.parametrize("file", ["weights.safetensors", "program.stablehlo"])
def test_an_export_that_was_changed_is_refused(file, trained, tmp_path):
    folder = export.main(export.Config(workdir=str(trained[0]), out=str(tmp_path / "out")))
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(BadInput, match=f"{file} has changed"):
        deploy.load(folder)
    (folder / file).unlink()
    with pytest.raises(BadInput, match="not hold a whole export"):
        deploy.load(folder)


def test_a_program_that_computes_something_else_is_not_left_behind(trained, tmp_path, monkeypatch):
    def wrong(folder):
        loaded = deploy.load(folder)
        return loaded._replace(
            call=lambda inputs: jax.tree.map(lambda x: x + 1, loaded.call(inputs))
        )

    monkeypatch.setattr("jaxdl.deploy.comparison.load", wrong)
    with pytest.raises(SystemExit, match="not what was trained"):
        export.main(export.Config(workdir=str(trained[0]), out=str(tmp_path / "out")))
    assert not (tmp_path / "out/export.json").exists()


def settings_changed(**changes):
    def change(workdir):
        file = workdir / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def without(name):
    def change(workdir):
        for path in workdir.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


LOST = {"launch_file": "/nowhere/linear.py"}
BAD = {
    "no config.json": (without("config.json"), {}, "holds no run: it has no config.json"),
    "no checkpoint": (without("checkpoints"), {}, "no checkpoint that can be used"),
    "no good one": (without("checkpoints/[24]/manifest.json"), {}, "no checkpoint that can be"),
    "cut config.json": (lambda w: (w / "config.json").write_text("{"), {}, "not hold the settings"),
    "a list": (lambda w: (w / "config.json").write_text("[1]"), {}, "not hold the settings"),
    "from Python": (settings_changed(system="", **LOST), {}, "names no (launch file|system)"),
    "another system": (settings_changed(system="linearr", **LOST), {}, "unknown system 'linearr'"),
    "unknown setting": (settings_changed(widht=3), {}, "unknown setting 'widht'; did you mean"),
    "another type": (settings_changed(width="8"), {}, "width='8' is not of type int"),
    "another preset": (settings_changed(preset="huge"), {}, "should be one of smoke, cpu"),
    "another net": (settings_changed(width=16), {}, r"expected \[\[2, 3, 16\]"),
    "no such seed": (lambda w: None, {"which": 2}, "--which=2, but the run has 2 seeds"),
    "no such stage": (lambda w: None, {"stage": "x"}, "--stage=x: the run has no stages"),
    "out is a file": (lambda w: None, {"out": "config.json/x"}, "cannot be made"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_exported_is_told(name, trained, tmp_path):
    change, flags, message = BAD[name]
    workdir = copied(trained[0], tmp_path)
    change(workdir)
    before = snapshot(workdir)
    if "out" in flags:
        flags = {"out": str(workdir / flags["out"])}
    with pytest.raises(BadInput, match=message) as told:
        export.main(export.Config(workdir=str(workdir), **flags))
    assert len(str(told.value).splitlines()) == 1 or name == "another net"
    assert snapshot(workdir) == before


def test_a_run_from_python_is_told_in_a_line_what_is_missing_and_what_would_work(systems, tmp_path):
    from experiments._systems import find
    from jaxdl.launch.settings import configure

    module = find(str(systems / "linear.py")).module
    system = module.build(configure("linear", module.PRESETS, "smoke"))
    fit(system.learner, (), Run(steps=2, workdir=str(tmp_path / "run"), devices=1))
    with pytest.raises(BadInput, match="started from Python.*jaxdl.deploy.write") as told:
        export.main(export.Config(workdir=str(tmp_path / "run")))
    assert "\n" not in str(told.value)


def test_a_system_without_a_deployment_has_nothing_to_export(systems, tmp_path):
    train(systems / "nothing.py", tmp_path / "run")
    with pytest.raises(BadInput, match="nothing, which has nothing to export"):
        export.main(export.Config(workdir=str(tmp_path / "run")))


def test_the_last_stage_or_the_one_that_is_named(systems, tmp_path):
    state, _ = train(systems / "staged.py", tmp_path / "run")
    last = export.main(export.Config(workdir=str(tmp_path / "run")))
    assert last == tmp_path / "run/student/export"
    np.testing.assert_array_equal(deploy.load(last).weights["w"], state.params["w"])
    first = export.main(export.Config(workdir=str(tmp_path / "run"), stage="teacher"))
    assert first == tmp_path / "run/teacher/export"
    assert not np.array_equal(deploy.load(first).weights["w"], state.params["w"])
    with pytest.raises(BadInput, match="--stage=pupil: its stages are teacher, student"):
        export.main(export.Config(workdir=str(tmp_path / "run"), stage="pupil"))


def test_latest_is_the_newest_run(systems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        train(systems / "linear.py", tmp_path / "runs/linear" / name)
    folder = export.main(export.Config(workdir="latest"))
    assert folder.resolve() == tmp_path / "runs/linear/two/export"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--workdir is missing"),
        (["--workdir=nowhere"], "--workdir=nowhere is not a folder"),
        (["--platforms=cpu,gpu"], "--platforms=gpu: should be among cpu, cuda, rocm, tpu"),
        (["--platforms=tpu"], "--platforms must hold cpu"),
        (["--which=-1"], "--which must be at least 0"),
        (["--wich=1"], "flag 'wich'"),
    ],
)
def test_bad_flags_are_told_in_a_line(flags, message):
    command = [sys.executable, "-m", "experiments", "export", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
