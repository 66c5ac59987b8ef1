"""A person and a trained net write a text together, in the terminal."""

import dataclasses
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from experiments import chat
from jaxdl import language
from jaxdl.core.run import BadInput
from jaxdl.language import tokenizers
from jaxdl.nn import BERT, GPT2
from tests.experiments.launch_files import train, write

ROOT = Path(__file__).parents[2]
TINY = {
    "steps": 2, "steps_per_call": 1, "context": 16, "width": 8, "depth": 1, "heads": 1,
    "batch_size": 2, "pages": 0, "devices": 1, "scored_tokens": 64,
}  # fmt: skip


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """The workdir of a GPT-2 that has hardly learned anything."""
    from experiments._systems import find

    folder = tmp_path_factory.mktemp("runs") / "gpt2"
    state, _ = train(find("gpt2").path, folder, **TINY)
    return folder, state


@pytest.fixture(scope="module")
def hf(tmp_path_factory):
    """A folder of Hugging Face, of a net that was not trained."""
    folder = tmp_path_factory.mktemp("hf")
    net = GPT2(257, 16, 8, 1, 1)
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    language.save(folder, net, jax.tree.map(lambda x: 9 * x, params))
    tokenizers.save(tokenizers.raw_bytes(), folder)
    return folder


def likeliest(net, params, prompt, steps):
    whole = language.generate(net, params, list(prompt), steps=steps)
    return bytes(min(t, 255) for t in whole[len(prompt) :].tolist()).decode("utf-8", "replace")


def test_a_prompt_is_gone_on_from_as_generate_does(workdir, hf, tmp_path, monkeypatch, capsys):
    folder, state = workdir
    config = chat.Config(workdir=str(folder), prompt="The ", tokens=4, temperature=0)
    expected = likeliest(GPT2(257, 16, 8, 1, 1), state.params, b"The ", 4)
    assert chat.main(config) == "The " + expected
    out, err = capsys.readouterr()
    assert out == expected + "\n" and "jaxdl:" not in err
    chat.main(dataclasses.replace(config, workdir="", hf=str(hf)))
    assert capsys.readouterr().out == likeliest(*language.load(hf), b"The ", 4) + "\n"
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, tmp_path / "runs" / "gpt2" / "mine")
    assert chat.main(dataclasses.replace(config, workdir="latest")) == "The " + expected


def test_what_is_drawn_depends_on_the_seed_alone(hf):
    config = chat.Config(hf=str(hf), prompt="The ", tokens=4, temperature=9.0)
    same, other = (chat.main(dataclasses.replace(config, seed=seed)) for seed in (0, 1))
    assert chat.main(config) == same != other


def test_a_pipe_is_a_prompt_and_a_long_one_is_told_in_a_line(hf, capsys, monkeypatch):
    config = chat.Config(hf=str(hf), tokens=4, temperature=0)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0123456789" * 3 + "\n"))
    chat.main(config)
    out, err = capsys.readouterr()
    assert out == likeliest(*language.load(hf), b"890123456789", 4) + "\n"
    assert err.count("\n") == 1
    assert "has 30 tokens; of these the net sees the last 12, since its context is 16" in err
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))  # begins as documents do, behind `end`
    chat.main(config)
    assert capsys.readouterr().out == likeliest(*language.load(hf), [256], 4) + "\n"


class Terminal(io.StringIO):
    """A standard input or output that says it is a terminal."""

    def isatty(self):
        """Says so."""
        return True


def test_a_conversation_goes_on_until_it_is_forgotten(hf, capsys, monkeypatch):
    net, params = language.load(hf)
    monkeypatch.setattr(sys, "stdin", Terminal("abcd\n/new\nabcd\nx\n"))
    said = chat.main(chat.Config(hf=str(hf), tokens=4, temperature=0))
    first = likeliest(net, params, b"abcd", 4)
    assert said.startswith(f"abcd{first}\nx")
    out = capsys.readouterr().out
    assert out.startswith(f"> {first}\n> > {first}\n> ") and out.count(f"> {first}\n") == 2


def test_a_net_does_not_move_the_cursor_of_a_terminal(monkeypatch):
    for kind, shown in ((Terminal, "a\\x1b[2J\tb\n"), (io.StringIO, "a\x1b[2J\tb\n")):
        screen = kind()
        monkeypatch.setattr(sys, "stdout", screen)
        chat.show("a\x1b[2J\tb\n")
        assert screen.getvalue() == shown


def test_what_cannot_write_is_one_line(workdir, hf, tmp_path):
    def refused(line, **settings):
        with pytest.raises(BadInput, match=line) as error:
            chat.main(chat.Config(**settings, prompt="a"))
        assert "\n" not in str(error.value)

    refused("--workdir is missing: the folder of the run to chat, or latest; or --hf")
    refused("--workdir and --hf name two models", workdir=str(workdir[0]), hf=str(hf))
    refused("--hf=.*nowhere is not a folder", hf=str(tmp_path / "nowhere"))
    refused("--workdir=.*nowhere is not a folder", workdir=str(tmp_path / "nowhere"))
    train(write(tmp_path / "own") / "linear.py", tmp_path / "pendulum")
    refused("is of linear, which learns to write no text", workdir=str(tmp_path / "pendulum"))
    bare = shutil.copytree(hf, tmp_path / "bare")
    (bare / "tokenizer_config.json").unlink()
    refused("bare holds no tokenizer", hf=str(bare))
    chat.main(chat.Config(hf=str(bare), tokenizer_dir=str(hf), prompt="The ", tokens=4))
    tokenizers.save(tokenizers.raw_bytes(("end", "pad")), bare)
    refused("the tokenizer of .*bare has 258 tokens, and its net 257", hf=str(bare))
    net = BERT(40, 8, 2, 8, 1, 1)
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    language.save(tmp_path / "bert", net, params)
    refused("bert holds a BERT, which writes no text", hf=str(tmp_path / "bert"))


@pytest.mark.slow
def test_on_the_command_line(hf, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def call(*flags, **streams):
        command = [sys.executable, "-m", "experiments", "chat", *flags]
        return subprocess.run(
            command, cwd=ROOT, env=environment, text=True, timeout=300, capture_output=True,
            **streams,
        )  # fmt: skip

    done = call(f"--hf={hf}", "--tokens=4", "--temperature=0", input="abcd\n")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout == likeliest(*language.load(hf), b"abcd", 4) + "\n"
    done = call(f"--hf={tmp_path}", "--prompt=a")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
