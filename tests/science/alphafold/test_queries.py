import json
from pathlib import Path

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import alphafold, proteins
from jaxdl.science.alphafold.queries import padded_length

GOLDEN = Path(__file__).parent / "golden"
ONE, TWO = "MKVLAAGIVG", "ACDEFGH"


@pytest.fixture
def files(tmp_path):
    """A FASTA of two sequences, and an alignment of the second in a3m with a row twice."""
    (tmp_path / "two.fasta").write_text(f">one first\n{ONE}\n>two\n{TWO}\n")
    (tmp_path / "two.a3m").write_text(f">two\n{TWO}\n>a\nACDEkkFGK\n>b\nAC-EFGH\n>c\nAC-EFGH\n")
    return tmp_path


def test_an_alignment_goes_to_the_sequence_that_it_begins_with(files):
    one, two = alphafold.read_queries(files / "two.fasta", [files / "two.a3m"])
    assert (one.name, one.sequence, one.msa.shape) == ("one first", ONE, (1, 10))
    assert two.msa.shape == (3, 7)  # the row that comes twice counts once
    np.testing.assert_array_equal(two.msa[0], proteins.encode_sequence(TWO))
    assert two.msa[2, 2] == 21 and two.deletions[1].tolist() == [0, 0, 0, 0, 2, 0, 0]


def test_alignments_of_other_sequences_are_refused(files):
    (files / "other.a3m").write_text(">x\nACDEFGI\n")
    with pytest.raises(BadInput, match="other.a3m: is an alignment of none of the sequences in"):
        alphafold.read_queries(files / "two.fasta", [files / "other.a3m"])
    (files / "one.fasta").write_text(f">two\n{TWO}\n")
    with pytest.raises(BadInput, match="another sequence: position 7 is I there and H in the q"):
        alphafold.read_queries(files / "one.fasta", [files / "other.a3m"])


def test_an_example_is_padded_in_residues_and_rows(files):
    _, query = alphafold.read_queries(files / "two.fasta", [files / "two.a3m"])
    example = alphafold.query_example(query, 2)
    assert example.msa.shape == (4, 32)  # 3 rows are more than 2: the next power of two
    assert alphafold.query_example(query, 8).msa.shape == (8, 32)
    assert example.mask.sum() == 7 and example.row_mask.tolist() == [1, 1, 1, 0]
    assert (example.aatype[7:] == 20).all() and (example.msa[:, 7:] == 21).all()
    assert [padded_length(n) for n in (32, 33, 256, 257, 513)] == [32, 64, 256, 320, 640]


def test_padding_is_taken_off_again():
    rng = np.random.default_rng(0)
    shapes = {
        "positions": (32, 37, 3), "atom_mask": (32, 37), "plddt": (32,), "distogram": (32, 32, 64),
        "pae": (32, 32), "ptm": (), "trajectory": (2, 3, 32, 3), "cycle_plddt": (2, 32),
    }  # fmt: skip
    whole = alphafold.Prediction(**{name: rng.normal(size=shape) for name, shape in shapes.items()})
    part = alphafold.without_padding(whole, 7)
    assert part.positions.shape == (7, 37, 3) and part.pae.shape == (7, 7)
    assert part.trajectory.shape == (2, 3, 7, 3) and part.cycle_plddt.shape == (2, 7)
    np.testing.assert_array_equal(part.distogram, whole.distogram[:7, :7])
    assert alphafold.without_padding(whole._replace(pae=()), 7).pae == ()
    protein = alphafold.as_protein(alphafold.make_query("x", TWO), part)
    np.testing.assert_allclose(protein.b_factors, part.atom_mask * part.plddt[:, None], rtol=1e-6)
    assert protein.residue_index.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_sizes_are_read_from_the_published_shapes():
    """Those of model_1_ptm are the paper's; model_3 lacks what is left out here."""
    shapes = json.loads((GOLDEN / "parameter_names.json").read_text())
    found = alphafold.sizes_of(shapes)
    assert found == alphafold.Sizes(templates=True, pae=True)
    plain = {k: v for k, v in shapes.items() if "/template" not in k and "aligned_error" not in k}
    assert alphafold.sizes_of(plain) == alphafold.Sizes()


def test_sizes_of_a_small_net_are_its_own():
    from tests.science.alphafold.golden.drawn import SMALL

    with np.load(GOLDEN / "network.npz") as file:
        found = alphafold.sizes_of(json.loads(str(file["shapes"])))
    own = {name: size for name, size in SMALL.items() if name in alphafold.Sizes._fields}
    layers = {"structure_layers": own["structure_layers"]}  # share their weights: no shape tells
    assert found._replace(**layers) == alphafold.Sizes(**own, templates=True, pae=True)


def test_files_of_something_else_are_one_line(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(BadInput, match="other.npz is not laid out as DeepMind's parameters"):
        alphafold.read_sizes(tmp_path / "other.npz")
    (tmp_path / "torn.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:60])
    with pytest.raises(BadInput, match="torn.npz"):
        alphafold.read_sizes(tmp_path / "torn.npz")
