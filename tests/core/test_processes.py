"""Several processes on one machine, which find each other on 127.0.0.1 and compute together."""

import json
import signal
import socket
import subprocess

import numpy as np
import pytest

from jaxdl.core.logs import read_metrics
from jaxdl.core.run import in_cluster
from tests.core.helpers import (
    TOY,
    finish,
    result,
    run_toy,
    saved_leaves,
    saved_steps,
    start,
    wait_for,
)

pytestmark = pytest.mark.slow
SYSTEMS = {
    "toy": (*TOY, "--steps=40"),
    "ppo": (*("-m", "experiments", "ppo", "--preset=smoke", "--steps=2"), "--eval_steps=20"),
    "simclr": (*("-m", "experiments", "simclr", "--preset=smoke", "--steps=2"),),
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_two(workdir, *arguments, devices=1, each=lambda rank: ()):
    """Two processes of one run, each with some devices of its own."""
    where = ("--num_processes=2", f"--coordinator=127.0.0.1:{free_port()}", "--heartbeat=10")
    return [
        start(
            *arguments,
            f"--workdir={workdir}",
            *where,
            f"--process_id={rank}",
            *each(rank),
            devices=devices,
        )
        for rank in range(2)
    ]


@pytest.mark.parametrize("system, devices", [("toy", 1), ("simclr", 1), ("ppo", 4)])
def test_two_processes_compute_what_one_does(tmp_path, system, devices):
    """With as many devices in all: the same metrics and the same checkpoint."""
    two, one = tmp_path / "two", tmp_path / "one"
    processes = start_two(two, *SYSTEMS[system], devices=devices)
    messages = [finish(process) for process in processes]
    finish(start(*SYSTEMS[system], f"--workdir={one}", devices=2 * devices))
    assert messages[0] and not messages[1]  # only process 0 tells
    rows = [read_metrics(folder / "metrics.jsonl") for folder in (two, one)]
    assert len(rows[0]) == len(rows[1]) > 0
    step = saved_steps(one)[-1]
    assert saved_steps(two)[-1] == step
    found, expected = (saved_leaves(folder, step) for folder in (two, one))
    assert found.keys() == expected.keys() and found
    for path, leaf in expected.items():
        np.testing.assert_allclose(found[path], leaf, atol=1e-5, rtol=1e-5, err_msg=path)
    for name, metric in result(one)["metrics"].items():
        np.testing.assert_allclose(
            result(two)["metrics"][name]["values"], metric["values"], atol=1e-5, rtol=1e-5
        )


def test_a_checkpoint_of_two_processes_goes_on_in_one(tmp_path):
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    run_toy(straight, devices=2)
    for process in start_two(cut, *TOY, "--steps=50"):
        finish(process)
    assert "resuming" in run_toy(cut, devices=2)
    assert result(cut)["fingerprint"] == result(straight)["fingerprint"]


def test_a_signal_to_one_process_stops_both_at_the_same_step(tmp_path):
    processes = start_two(tmp_path, *TOY, "--pause=0.03", "--steps=10000")
    wait_for(lambda: saved_steps(tmp_path), *processes)
    processes[1].send_signal(signal.SIGTERM)
    messages = [finish(process, 143) for process in processes]
    stopped = [[x for x in text.splitlines() if "stopped at step" in x] for text in messages]
    assert stopped[0] == stopped[1] != []
    assert f"stopped at step {saved_steps(tmp_path)[-1]} " in stopped[0][0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_survivor_ends_when_its_peer_is_dead_or_silent(tmp_path, number):
    survivor, peer = start_two(tmp_path, *TOY, "--pause=0.03", "--steps=10000")
    wait_for(lambda: saved_steps(tmp_path), survivor, peer)
    peer.send_signal(number)
    try:
        survivor.communicate(timeout=20)  # twice the heartbeat
    finally:
        peer.kill()
        peer.communicate()
    assert survivor.returncode not in (0, 2, 3, 4, 130, 143)


def test_after_a_peers_death_both_start_again_and_finish_with_the_right_bits(tmp_path):
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    run_toy(straight, devices=2)
    restarts = ("--max_restarts=3", "--heartbeat=3")
    processes = start_two(cut, *TOY, "--pause=0.03", *restarts, each=lambda rank: restarts)
    wait_for(lambda: saved_steps(cut), *processes)
    pid = processes[1].pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        subprocess.run(["kill", "-KILL", *children.read().split()], check=True)
    messages = [finish(process) for process in processes]
    assert all("restarts left" in message for message in messages)
    assert "resuming" in messages[0]
    assert result(cut)["fingerprint"] == result(straight)["fingerprint"]


def test_a_process_that_hangs_ends_both(tmp_path):
    hang = tmp_path / "hang"
    processes = start_two(
        tmp_path / "run",
        *TOY,
        "--pause=0.03",
        "--steps=10000",
        "--watchdog=15",  # longer than the toy compiles on a busy machine
        each=lambda rank: ("--heartbeat=60", f"--hang={hang}" if rank else "--hang="),
    )
    wait_for(lambda: saved_steps(tmp_path / "run"), *processes)
    hang.touch()
    messages = [process.communicate(timeout=45)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], messages
    assert "in fetch" in messages[1] and "in train" in messages[1]


def test_what_process_0_refuses_ends_both(tmp_path):
    run_toy(tmp_path, "--steps=10")
    processes = start_two(tmp_path, *TOY, "--seed=1")
    messages = [finish(process, 2, seconds=30) for process in processes]
    assert "--seed: it has 0, this run 1" in messages[0]
    assert "process 0 has ended the run" in messages[1]


def test_slurm_announces_the_processes(tmp_path):
    """With the variables that srun sets, and no flags."""
    job = str(free_port() % 4096)  # JAX makes the port of it
    processes = [
        start(
            *TOY,
            f"--workdir={tmp_path}",
            "--steps=20",
            SLURM_JOB_ID=job,
            SLURM_STEP_NODELIST="127.0.0.1",
            SLURM_NTASKS="2",
            SLURM_STEP_NUM_TASKS="2",
            SLURM_STEP_NUM_NODES="1",
            SLURM_PROCID=str(rank),
            SLURM_LOCALID=str(rank),
        )
        for rank in range(2)
    ]
    messages = [finish(process) for process in processes]
    for message in messages:  # the second process says nothing else
        assert "waiting for them (--alone" in message.splitlines()[0]
    assert len(messages[0].splitlines()) > 1 and len(messages[1].splitlines()) == 1
    assert result(tmp_path)["device"].startswith("2 x ")


CLUSTERS = {
    "a machine alone": ({}, False),
    "one task of SLURM": ({"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "1"}, False),
    "two tasks of SLURM": ({"SLURM_STEP_NUM_TASKS": "2"}, True),
    "mpirun -n 4": ({"OMPI_COMM_WORLD_SIZE": "4"}, True),
    "one TPU host": ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
    "a TPU pod": ({"TPU_WORKER_HOSTNAMES": "t0,t1"}, True),
    "a pod of Kubernetes": ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),
    "an indexed job": ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "0"}, True),
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_only_a_cluster_with_companions_is_joined(monkeypatch, name):
    variables, expected = CLUSTERS[name]
    for key in {key for group, _ in CLUSTERS.values() for key in group}:
        monkeypatch.delenv(key, raising=False)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    assert in_cluster() == expected


@pytest.mark.parametrize("rank", [0, 1])
def test_a_number_of_processes_needs_a_coordinator(tmp_path, rank):
    flags = ("--num_processes=2", f"--process_id={rank}")
    assert "needs --coordinator" in run_toy(tmp_path, *flags, code=2)


def test_settings_are_written_once(tmp_path):
    for process in start_two(tmp_path, *TOY, "--steps=20"):
        finish(process)
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 0
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 4
