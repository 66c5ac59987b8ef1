"""Zero-shot scores of a finished model, as a command."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import zero_shot
from experiments.language._options import Text
from jaxdl import language
from jaxdl.core.run import BadInput
from jaxdl.language import corpus, tokenizers
from jaxdl.launch.settings import configure
from jaxdl.nn import GPT2
from tests.experiments.launch_files import train

NAMES = "Anna Bruno Clara Dieter Emma Felix Greta Hanno Ingrid Jakob Klara Lukas".split()
THINGS = "basket candle garden kitchen ladder letter mirror pillow saddle teapot window".split()


@pytest.fixture(scope="module")
def hf(tmp_path_factory):
    """A folder of Hugging Face, of a net that takes all tokens for equally likely."""
    folder = tmp_path_factory.mktemp("hf") / "net"
    net = GPT2(257, 8, 8, 1, 1)
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    language.save(folder, net, jax.tree.map(lambda x: jnp.zeros(x.shape), shapes))
    tokenizers.save(tokenizers.raw_bytes(), folder)
    return folder


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A file of text about persons."""
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(150):
        names, things = rng.permutation(NAMES), rng.permutation(THINGS)
        lines.append(f"Then {names[0]} met {names[1]} in the {things[0]} of {names[2]}.")
        lines.append(f"Nobody who knew the {things[1]} had seen {names[0]}.")
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text("\n\n".join(lines) + "\n")
    return path


def test_every_score_stands_beside_what_counts_and_a_guess_reach(hf, story, tmp_path, capsys):
    wiki = tmp_path / "wiki.test.tokens"
    wiki.write_text(" = Shoes = \n \n Two well @-@ made shoes . \n")
    where = {"hf": str(hf), "out": str(tmp_path / "out"), "text": str(story), "other": str(story)}
    few = {"wikitext": str(wiki), "questions": 6, "text_bytes": 1000}
    config = configure("zero_shot", zero_shot.PRESETS, "smoke", where | few)
    figures = {f"{one.name} {one.unit}": one for one in zero_shot.main(config)}
    for name in ("held-out text bits per byte", "WikiText perplexity", "last word perplexity"):
        one = figures[name]
        assert one.score == pytest.approx(one.chance, rel=1e-4) and one.unigram < one.chance
        assert one.low * 0.999 <= one.score <= one.high * 1.001
    assert figures["last word %"].score == 0  # all tokens are equal, and the first is taken
    assert 0 < figures["word_order %"].score < 100 and figures["word_order %"].count == 6
    written = json.loads((tmp_path / "out/zero_shot.json").read_text())
    assert [one["name"] for one in written["figures"]] == [x.name for x in figures.values()]
    assert written["settings"]["questions"] == 6 and written["parameters"] > 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[0] == "what" and "too few" not in out
    assert (figures["names %"].count, figures["names %"].chance) == (6, 10)
    assert "the net is" in (tmp_path / "out/zero_shot.html").read_text()


def test_questions_are_made_of_what_a_run_has_held_out():
    held_out = zero_shot.held_out(Text("topics"), "")
    split = corpus.open_corpus("topics", tokenizers.raw_bytes())
    decode = tokenizers.raw_bytes().decode
    side = split.train
    learned = {decode(corpus.document(side, i)[1:]) for i in range(len(side.shard))}
    assert held_out and not learned & {*held_out}


def test_texts_are_cut_at_a_line():
    assert zero_shot.cut(["aa\nbb\ncc", "d"], 7) == ["aa\nbb\n"]
    assert zero_shot.cut(["aa", "bb\ncc"], 6) == ["aa", "bb\n"]
    assert zero_shot.cut(["aa", "bb"], 0) == ["aa", "bb"]
    assert zero_shot.cut(["ä" * 9], 5) == ["ää"]


def test_what_is_missing_is_one_line(hf, story, tmp_path, capsys):
    config = zero_shot.Config(
        hf=str(hf), out=str(tmp_path), text=str(story), text_bytes=1000, questions=10
    )
    for change, line in (
        ({"hf": ""}, "--workdir is missing: the folder of the run to zero_shot"),
        ({"wikitext": str(tmp_path / "none")}, "none cannot be read"),
        ({"text": str(tmp_path / "none")}, "there is no text"),
        ({"task": "rte"}, "rte needs the folder of its files"),
    ):
        with pytest.raises(BadInput, match=line):
            zero_shot.main(dataclasses.replace(config, **change))
    with pytest.raises(BadInput, match="is not a folder"):
        zero_shot.Config(hf=str(hf), out=str(Path(hf) / "config.json"))
    assert not (tmp_path / "zero_shot.json").exists()
    capsys.readouterr()
    assert not zero_shot.are_enough([1] * 9, "names", zero_shot.Config())
    assert capsys.readouterr().out == "jaxdl: the text gives 9 questions about names: too few\n"


@pytest.mark.slow
def test_of_a_run_the_files_lie_in_its_folder(tmp_path):
    from experiments._systems import find

    folder = tmp_path / "gpt2"
    train(find("gpt2").path, folder, steps=2, steps_per_call=1, devices=1, pages=0, packed=True)
    config = configure("zero_shot", zero_shot.PRESETS, "smoke", {"workdir": str(folder)})
    zero_shot.main(config)
    names = [one["name"] for one in json.loads((folder / "zero_shot.json").read_text())["figures"]]
    assert names[:3] == ["held-out text", "text of another domain", "last word"]
