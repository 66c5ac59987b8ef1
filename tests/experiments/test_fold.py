import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import fold, watch
from experiments._structure_model import StructureModel, open_models
from jaxdl.core.run import BadInput
from jaxdl.launch.settings import configure
from jaxdl.science import films


def configured(preset="cpu", **settings):
    return configure("fold", fold.PRESETS, preset, settings)


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    """The scores of `./run fold --preset=smoke` in an empty folder, and that folder."""
    folder = tmp_path_factory.mktemp("fold")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(films, "FRAMES", 6)
        (scores,) = fold.main(configured("smoke"))
    return scores, folder


@pytest.mark.slow
def test_it_folds_the_first_embedded_chain_from_nothing(folded):
    """Training a tiny net first; the file holds all atoms, with their confidence as B-factors."""
    from jaxdl.science import proteins

    scores, folder = folded
    name, chain = next(iter(proteins.open_chains().items()))
    assert scores["residues"] == len(chain.aatype) and scores["rows"] == 1
    assert scores["model"] == "runs/alphafold/fold-smoke, step 4"
    found = proteins.read(folder / "folded" / f"{name}.pdb")
    assert proteins.sequence_of(found) == proteins.sequence_of(chain)
    np.testing.assert_allclose(found.b_factors[:, 1], scores["plddt_of_residues"], atol=0.01)
    written = json.loads((folder / "folded" / f"{name}.json").read_text())
    assert written["sequence"] == proteins.sequence_of(chain)
    assert len(written["plddt_of_cycles"]) == 2
    pictures = {path.name for path in (folder / "folded").glob("*.png")}
    expected = ("structure", "confidence", "distances", "contacts")
    assert pictures == {f"{name}_{picture}.png" for picture in expected}
    with Image.open(folder / "folded" / f"{name}.gif") as gif:
        assert gif.n_frames == 16  # 8 layers in each of 2 cycles


@pytest.mark.slow
def test_the_run_that_it_trained_is_taken_again_and_can_be_filmed(folded, monkeypatch, capsys):
    scores, folder = folded
    monkeypatch.chdir(folder)
    monkeypatch.setattr(films, "FRAMES", 6)
    (model,) = open_models((), "", 0, "smoke")
    assert model.name == scores["model"] and "trains" not in capsys.readouterr().out
    run = folder / "runs" / "alphafold" / "fold-smoke"
    path = watch.main(configure("watch", watch.PRESETS, "cpu", {"workdir": str(run)}))
    assert path == run / "figures" / "film.gif"
    assert "data:image/gif;base64," in (run / "report.html").read_text()


@pytest.mark.slow
def test_sequences_of_about_one_length_share_a_program(folded, monkeypatch):
    from jaxdl.science import alphafold

    monkeypatch.chdir(folded[1])
    (model,) = open_models((), "", 0, "smoke")
    for sequence in ("MKVLAAGIVGACDEFGH", "MKVLAAGIVGACDEFGHKLM"):
        told = fold.predict(model, alphafold.make_query("one", sequence), configured())
        assert told.positions.shape == (len(sequence), 37, 3)
        assert np.isfinite(told.positions).all()
    program = fold.compiled(model.net, model.sampling, model.recycles, 1)
    assert program._cache_size() == 1


def test_files_have_different_plain_names():
    names = ["one two", "one", "../x y", "", "one"]
    assert fold.file_names(names) == ["one", "one-2", "___x", "sequence", "one-3"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"fasta": "missing.fasta"}, r"^missing.fasta: there is no such file$"),
        ({"params": "missing.npz"}, r"^missing.npz: there is no such file$"),
        ({"workdir": "missing"}, r"^--workdir=missing is not a folder$"),
        ({"params": __file__, "workdir": "."}, "exclude each other"),
        ({"ensembles": 0}, "at least 1"),
    ],
)
def test_bad_flags_are_one_line(settings, problem):
    settings = {k: (v,) if k == "params" else v for k, v in settings.items()}
    with pytest.raises(BadInput, match=problem):
        configured(**settings)


def test_a_run_of_something_else_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"system": "gpt2", "preset": "smoke"}))
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(BadInput, match="is a run of gpt2, not of alphafold"):
        open_models((), str(tmp_path), 0, "smoke")


def test_parameters_of_something_else_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(BadInput, match="not laid out as DeepMind's parameters"):
        open_models((str(tmp_path / "other.npz"),), "", 0, "smoke")


def test_the_most_confident_model_is_kept(monkeypatch, tmp_path):
    from jaxdl.science import alphafold

    size, known = 4, np.ones((4, 37), np.float32)

    def told(plddt):
        return alphafold.Prediction(
            positions=np.random.default_rng(0).normal(size=(size, 37, 3)) * 4,
            atom_mask=known, plddt=np.full(size, plddt), distogram=np.zeros((size, size, 64)),
            pae=np.ones((size, size)), ptm=np.float32(0.5),
            trajectory=np.zeros((1, 2, size, 3)), cycle_plddt=np.full((1, size), plddt),
        )  # fmt: skip

    models = [StructureModel(n, None, None, None, 0) for n in ("sure", "unsure")]
    monkeypatch.setattr(fold, "open_models", lambda *_: models)
    monkeypatch.setattr(fold, "predict", lambda model, *_: told(80 if model.name == "sure" else 30))
    (tmp_path / "q.fasta").write_text(">q\nACDE\n")
    settings = {"fasta": str(tmp_path / "q.fasta"), "out": str(tmp_path / "out")}
    (scores,) = fold.main(configured(**settings, format="mmcif"))
    assert (scores["model"], scores["plddt"], scores["ptm"]) == ("sure", 80.0, 0.5)
    assert (tmp_path / "out" / "q.cif").read_text().startswith("data_q")
    assert (tmp_path / "out" / "q_aligned_error.png").exists()


@pytest.mark.slow
def test_published_parameters_fold_with_an_alignment(tmp_path):
    """A file in DeepMind's layout, of a small net whose sizes are told by the shapes alone."""
    from tests.science.alphafold.golden import drawn

    golden = Path(drawn.__file__).parent / "network.npz"
    with np.load(golden) as file:
        shapes = json.loads(str(file["shapes"]))
    np.savez(tmp_path / "params_small.npz", **drawn.draw_parameters(shapes))
    (tmp_path / "q.fasta").write_text(">q\nMKVLAAGIVG\n")
    (tmp_path / "q.a3m").write_text(">q\nMKVLAAGIVG\n>r\nMKILAA-IVG\n>s\nMRVLgAAGIVG\n")
    files = {"fasta": str(tmp_path / "q.fasta"), "a3m": (str(tmp_path / "q.a3m"),)}
    params, out = (str(tmp_path / "params_small.npz"),), str(tmp_path / "out")
    (scores,) = fold.main(configured(**files, params=params, out=out, recycles=1))
    assert scores["rows"] == 3 and 0 < scores["ptm"] < 1
    assert len(scores["plddt_of_cycles"]) == 2
    assert (tmp_path / "out" / "q.pdb").read_text().startswith("ATOM")


def test_a_run_without_an_evaluation_is_not_filmed(tmp_path):
    from experiments._film import shoot
    from experiments._finished import FinishedRun

    run = FinishedRun(tmp_path, None, configured())
    with pytest.raises(BadInput, match="holds no evaluation to film"):
        shoot(run, lambda outcome: ([], ""), 0, "")
