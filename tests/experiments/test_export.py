import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import export, ppo, rl2, simclr
from jaxdl import data, deploy
from jaxdl.core import fit
from jaxdl.core.run import BadInput
from jaxdl.deploy.comparison import random_inputs
from jaxdl.envs import make
from jaxdl.launch.flags import configure
from jaxdl.rl.evaluation import play
from jaxdl.vision import encoder

ROOT = Path(__file__).parents[2]
SMALL = {"num_envs": 8, "unroll": 8, "epochs": 1, "minibatches": 1, "hidden": (8,)}
SMALL |= {"microbatches": 1, "eval_envs": 8, "eval_steps": 5}
BANDIT = {"batch": 40, "hidden": 8, "epochs": 1, "minibatches": 1, "eval_tasks": 64}
RUNS = {  # system, preset, settings; one is trained on more devices than it is exported on
    "squashed": ("ppo", "smoke", {
        **SMALL, "env": "pendulum", "squash": True, "normalize_observations": True,
        "steps": 2, "num_seeds": 2, "devices": 4,
    }),
    "lstm": ("ppo", "smoke", SMALL | {"recurrent": "lstm", "steps": 2, "devices": 1}),
    "bandit": ("rl2", "smoke", {
        **BANDIT, "arms": (3,), "pulls": (5,),
        "steps": 2, "steps_per_call": 1, "save_every": 1, "devices": 1,
    }),
    "digits": ("simclr", "smoke", {
        "width": 0.25, "hidden": 16, "features": 8, "batch_size": 16, "steps": 2, "devices": 1,
    }),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Name -> (workdir, its Config, the final state), trained when it is first asked for."""
    folder, done = tmp_path_factory.mktemp("runs"), {}

    def train(name):
        if name not in done:
            system, preset, settings = RUNS[name]
            module = importlib.import_module(f"experiments.{system}")
            workdir = str(folder / name)
            config = configure(system, module.PRESETS, preset, settings | {"workdir": workdir})
            images = data.load("digits").train_images if system == "simclr" else None
            batches = () if images is None else data.sampler(images, config.batch_size)
            state, _ = fit(module.deploy(config)[0], batches, config.run)
            done[name] = Path(workdir), config, jax.device_get(state)
        return done[name]

    return train


@pytest.fixture(scope="module")
def exported(trained):
    """Name -> the folder of its export."""
    done = {}

    def of(name):
        if name not in done:
            done[name] = export.main(export.Config(workdir=str(trained(name)[0])))
        return done[name]

    return of


def copied(workdir, tmp_path):
    """A copy without exports, that a test may damage."""
    hidden = shutil.ignore_patterns("export")
    return Path(shutil.copytree(workdir, tmp_path / workdir.name, ignore=hidden))


def own_policy(module):
    """What a learner itself does with observations, by the net that its launch file builds."""

    def function(config, state, inputs):
        if module is ppo:
            net = ppo.network(config, make(config.env))
        else:
            net = rl2.build(config, arms=3, pulls=5)[0]
        args = [inputs[name] for name in ("carry", "obs", "first")]
        carry, logits, value = net.step(state.params, *args)
        action = jnp.argmax(logits, axis=1).astype(jnp.int32)
        return {"action": action, "value": value, "logits": logits, "carry": carry}

    return function


def squashed_policy(config, state, inputs):
    """In NumPy: observations normalized, one tanh layer for actor and critic, bounds of +-2."""
    seen, params = jax.tree.map(lambda x: x[0], (state.extra.seen, state.params))
    x = np.clip((inputs["obs"] - seen.mean) / np.sqrt(seen.variance + 1e-8), -10, 10)
    actor, critic = (params[name][0] for name in ("actor", "critic"))
    hidden = [np.tanh(x @ layer.kernel + layer.bias) for layer in (actor, critic)]
    mean = hidden[0] @ params["policy"].kernel + params["policy"].bias
    value = hidden[1] @ params["value"].kernel + params["value"].bias
    log_std = np.broadcast_to(params["log_std"], mean.shape)
    return {"action": 2 * np.tanh(mean), "mean": mean, "log_std": log_std, "value": value[:, 0]}


def own_encoder(config, state, inputs):
    return {"features": encoder(simclr.network(config, 8), state)(inputs["images"])}


OWN = {
    "squashed": squashed_policy,
    "lstm": own_policy(ppo),
    "bandit": own_policy(rl2),
    "digits": own_encoder,
}

ELSEWHERE = """
import os, re, runpy, sys
from pathlib import Path

for folder in sys.argv[1:]:
    os.chdir(folder)
    (code,) = re.findall(r"```python\\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    Path("usage.py").write_text(code)
    names = runpy.run_path("usage.py")  # zeros, two rows of them
    jax, np = names["jax"], names["np"]
    assert all(len(x) == 2 for x in jax.tree.leaves(names["outputs"]))
    with np.load("inputs.npz") as file:
        leaves = [file[f"arr_{i}"] for i in range(len(file))]
    inputs = jax.tree.unflatten(jax.tree.structure(names["inputs"]), leaves)
    np.savez("outputs.npz", *jax.tree.leaves(names["program"](names["weights"], inputs)))
assert not {"jaxdl", "experiments", "flax"} & {name.split(".")[0] for name in sys.modules}
"""


@pytest.mark.slow
def test_a_process_with_jax_alone_computes_the_same(trained, exported, tmp_path):
    """By the lines of its README, and compared with the learners' own functions."""
    folders = {name: exported(name) for name in RUNS}
    inputs, expected = {}, {}
    for name, folder in folders.items():
        _, config, state = trained(name)
        module = importlib.import_module(f"experiments.{config.run.system}")
        inputs[name] = random_inputs(module.deploy(config)[1].inputs, 7, seed=1)
        expected[name] = OWN[name](config, state, inputs[name])
        np.savez(folder / "inputs.npz", *jax.tree.leaves(inputs[name]))
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    command = [sys.executable, str(tmp_path / "elsewhere.py"), *map(str, folders.values())]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    for name, folder in folders.items():
        with np.load(folder / "outputs.npz") as file:
            got = [file[f"arr_{i}"] for i in range(len(file))]
        wanted = jax.tree.leaves(expected[name])
        assert len(got) == len(wanted)
        for x, y in zip(wanted, got, strict=True):
            assert y.dtype == x.dtype and y.shape == x.shape
            np.testing.assert_allclose(y, x, rtol=1e-5, atol=1e-6)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in RUNS if name != "bandit"]


@pytest.mark.parametrize("name", ["bandit", *SLOW])
def test_what_is_written_is_read_back_bit_for_bit(name, trained, capsys):
    folder = export.main(export.Config(workdir=str(trained(name)[0])))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(x.startswith("ok ") and "bit for bit" in x for x in lines[:3])
    about = json.loads((folder / "export.json").read_text())
    result = json.loads((folder.parent / "result.json").read_text())
    assert (about["step"], about["fingerprint"]) == (result["steps"], result["fingerprint"])
    assert about["platforms"] == ["cpu", "cuda", "tpu"]
    assert all(x["shape"][0] == "b" for x in (about["inputs"] | about["outputs"]).values())
    program = (folder / "program.stablehlo").read_bytes()
    assert str(ROOT).encode() not in program and b"jaxdl/" not in program


@pytest.mark.slow
def test_the_exported_policy_earns_what_the_learner_measures(trained, exported):
    _, config, state = trained("lstm")
    program, env = deploy.load(exported("lstm")), make(config.env)
    net = ppo.network(config, env)

    def step(params, carry, obs, first):
        outputs = program.call({"obs": obs, "first": first, "carry": carry})
        return outputs["carry"], outputs["action"], outputs["value"]

    as_it_is = net.distribution._replace(mode=lambda action: action)
    player = net._replace(step=step, distribution=as_it_is)
    key = jax.random.key(5)
    got = play(key, env, player, (), lambda obs: obs, config.eval_envs, config.eval_steps)
    wanted = jax.jit(ppo.build(config).evaluate)(key, state)
    assert got["episode_return"] == wanted["episode_return"] > 1


@pytest.mark.slow
def test_the_seed_that_is_asked_for(trained, tmp_path):
    workdir, _, state = trained("squashed")
    config = export.Config(workdir=str(workdir), which=1, out=str(tmp_path / "a" / "b"))
    loaded = deploy.load(export.main(config))
    kernels = state.params["policy"].kernel
    np.testing.assert_array_equal(loaded.weights["params/policy/kernel"], kernels[1])
    assert not np.array_equal(kernels[0], kernels[1])
    assert loaded.about["which"] == 1
    assert "seen/mean" in loaded.weights and "seen/count" not in loaded.weights


@pytest.mark.slow
def test_the_head_is_not_exported(exported):
    names = deploy.load(exported("digits")).weights
    assert {name.split("/trunk/")[0] for name in names} == {"params", "extra/batch_stats"}


def test_large_encoders_are_exported_in_float32():
    learner, deployment = simclr.deploy(configure("simclr", simclr.PRESETS, "gpu"))
    weights = deployment.weights(jax.eval_shape(learner.init, jax.random.key(0)))
    program = jax.make_jaxpr(deployment.apply)(weights, random_inputs(deployment.inputs, 1))
    assert "bf16" not in str(program)


def snapshot(folder):
    return {p: p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))}


def test_a_damaged_checkpoint_is_passed_over_and_nothing_is_touched(trained, tmp_path, capsys):
    workdir = copied(trained("bandit")[0], tmp_path)
    (workdir / "checkpoints/9.orbax-checkpoint-tmp").mkdir()  # as if a run were just saving
    victim = max((workdir / "checkpoints/2").rglob("*"), key=lambda p: p.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    before = snapshot(workdir)
    folder = export.main(export.Config(workdir=str(workdir), out=str(tmp_path / "out")))
    assert json.loads((folder / "export.json").read_text())["step"] == 1
    assert "checkpoint 2 is not used" in capsys.readouterr().err
    assert snapshot(workdir) == before


@pytest.mark.parametrize("file", ["weights.safetensors", "program.stablehlo"])
def test_an_export_that_was_changed_is_refused(file, exported, tmp_path):
    folder = Path(shutil.copytree(exported("bandit"), tmp_path / "export"))
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
        export.main(export.Config(workdir=str(trained("bandit")[0]), out=str(tmp_path / "out")))
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


BAD = {
    "no config.json": (without("config.json"), {}, "holds no run: it has no config.json"),
    "no checkpoint": (without("checkpoints"), {}, "no checkpoint that can be used"),
    "no good one": (without("checkpoints/[12]/manifest.json"), {}, "no checkpoint that can be"),
    "cut config.json": (lambda w: (w / "config.json").write_text("{"), {}, "not hold the settings"),
    "no system": (settings_changed(system=None), {}, "is of None, which is no experiment"),
    "another system": (settings_changed(system="mlsh"), {}, "'mlsh', which is no experiment"),
    "no learner": (settings_changed(system="tour"), {}, "trains nothing to export"),
    "no module": (settings_changed(system="__main__"), {}, "is no experiment"),
    "unknown setting": (settings_changed(hiden=3), {}, "unknown setting 'hiden'; did you mean"),
    "another type": (settings_changed(hidden="8"), {}, "hidden='8' is not of type int"),
    "another preset": (settings_changed(preset="huge"), {}, "should be one of smoke, cpu"),
    "another net": (settings_changed(hidden=16), {}, r"expected \[\[6, 48\]"),
    "several bandits": (settings_changed(arms=[2, 3]), {}, "should end in one of k2_n5, k3_n5"),
    "no such seed": (lambda w: None, {"which": 1}, "--which=1, but the run has 1 seeds"),
    "out is a file": (lambda w: None, {"out": "config.json/x"}, "cannot be made"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_exported_is_told(name, trained, tmp_path):
    change, flags, message = BAD[name]
    workdir = copied(trained("bandit")[0], tmp_path)
    change(workdir)
    before = snapshot(workdir)
    if "out" in flags:
        flags = {"out": str(workdir / flags["out"])}
    with pytest.raises(BadInput, match=message) as told:
        export.main(export.Config(workdir=str(workdir), **flags))
    assert len(str(told.value).splitlines()) == 1 or name == "another net"
    assert str(workdir.parent) in str(told.value) or "which" in flags
    assert snapshot(workdir) == before


def test_the_folder_of_one_of_several_bandits(tmp_path):
    settings = BANDIT | {"arms": (2, 3), "pulls": (5,), "workdir": str(tmp_path / "k3_n5")}
    _, deployment = rl2.deploy(configure("rl2", rl2.PRESETS, "smoke", settings))
    assert deployment.inputs["obs"].shape == (1 + 3 + 2,)
    (tmp_path / "k3_n5").mkdir()
    (tmp_path / "k3_n5/config.json").write_text("{}")
    with pytest.raises(BadInput, match=f"there is one in {tmp_path}/k3_n5"):
        export.main(export.Config(workdir=str(tmp_path)))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--workdir is missing"),
        (["--workdir=nowhere"], "--workdir=nowhere is not a folder"),
        (["--platforms=cpu,gpu"], "--platforms=gpu: should be among cpu, cuda, rocm, tpu"),
        (["--platforms=tpu"], "--platforms must hold cpu"),
        (["--which=-1"], "--which must not be negative"),
        (["--wich=1"], "flag 'wich'"),
    ],
)
def test_bad_flags_are_told_in_a_line(flags, message, tmp_path):
    command = [sys.executable, "-m", "experiments.export", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
