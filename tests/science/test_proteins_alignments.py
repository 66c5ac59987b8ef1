"""FASTA, a3m and Stockholm, against rows worked by hand and AlphaFold's parsers."""

import random

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import proteins
from jaxdl.science.proteins.constants import LETTERS


def write(tmp_path, text, name="x"):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    return path


def refusal(reader, path, **kwargs):
    with pytest.raises(BadInput) as error:
        reader(path, **kwargs)
    message = str(error.value)
    assert message.isprintable() and len(message) < 400
    return message


def letters(row):
    return "".join(LETTERS[number] for number in row)


A3M = """#4\t1
>query
MK
WV
>one comment
.aMK-Vcc
>ss_pred
CCCC
>two
M-aa.aBuZ
"""


def test_a3m_counts_small_letters_before_each_column(tmp_path):
    for ends in (A3M, A3M.replace("\n", "\r\n")):
        alignment = proteins.read_a3m(write(tmp_path, ends), query="MKWV")
        assert [letters(row) for row in alignment.msa] == ["MKWV", "MK-V", "M-DE"]
        np.testing.assert_array_equal(
            alignment.deletions, [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 3, 1]]
        )
        assert alignment.names == ("query", "one comment", "two")
        assert (alignment.msa.dtype, alignment.deletions.dtype) == (np.int8, np.int32)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("MKVV", "an alignment of another sequence: position 3 is W there and V in the query"),
        ("MKW", "it has 4 residues, the query has 3"),
        ("MKWVA", "it has 4 residues, the query has 5"),
        ("MK-V", "'-', letter 3, stands for no residue"),
    ],
)
def test_alignments_of_another_query_are_refused(tmp_path, query, message):
    assert message in refusal(proteins.read_a3m, write(tmp_path, A3M), query=query)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">q\nMKWV\n>a\nMKW\n", "line 3: a has 3 columns, the first sequence has 4"),
        (">q\nMK1V\n", "line 1: '1' in q stands for no residue"),
        (">q\x1b[31m\nMK\x1bV\n", "line 1: '\\\\x1b' in q\\x1b[31m stands for no residue"),
        ("MKWV\n", "line 1: a sequence without a line >"),
        (">q\n>a\nMK\n", "line 2: a has 2 columns, the first sequence has 0"),
        (">q\n", "the first sequence is empty"),
        ("#4\n", "holds no sequences"),
        ("", "is empty"),
    ],
)
def test_damaged_a3m_is_refused_in_one_line(tmp_path, text, message):
    assert message in refusal(proteins.read_a3m, write(tmp_path, text))


STOCKHOLM = """# STOCKHOLM 1.0
#=GF ID x
#=GS one/1-4 DE something

query   MK--W
one/1-4 MKaa-
#=GC RF xx..x

query   -V.
one/1-4 RVc
//
"""


def test_stockholm_has_the_columns_of_the_query(tmp_path):
    alignment = proteins.read_stockholm(write(tmp_path, STOCKHOLM), query="MKWV")
    assert [letters(row) for row in alignment.msa] == ["MKWV", "MK-V"]
    np.testing.assert_array_equal(alignment.deletions, [[0, 0, 0, 0], [0, 0, 2, 1]])
    assert alignment.names == ("query", "one/1-4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("//\n", ""), "cut off: there is no line //"),
        (("# STOCKHOLM", "# STOCK"), "line 1: is not # STOCKHOLM 1.0"),
        (("RVc", "RV"), "one/1-4 has 7 columns, the first sequence has 8"),
        (("RVc", "R V c"), "line 10: has 4 words, not name and sequence"),
        (("RVc", "R%c"), "line 6: '%' in one/1-4 stands for no residue"),
    ],
)
def test_damaged_stockholm_is_refused_in_one_line(tmp_path, change, message):
    path = write(tmp_path, STOCKHOLM.replace(*change))
    assert message in refusal(proteins.read_stockholm, path)


def test_fasta_joins_lines_and_takes_the_stop_away(tmp_path):
    path = write(tmp_path, ">a b\r\nmk\r\nWV*\r\n\r\n>c\r\nUX\r\n")
    assert proteins.read_fasta(path) == [("a b", "MKWV"), ("c", "UX")]
    np.testing.assert_array_equal(proteins.encode_sequence("MKUX"), [12, 11, 4, 20])
    for text, message in (
        (">a\nM-K\n", "line 1: '-' stands for no residue"),
        (">a\nMK\n>b\n*\n", "line 3: there is no sequence below this name"),
    ):
        assert message in refusal(proteins.read_fasta, write(tmp_path, text))


@pytest.mark.parametrize("reader", ["read_a3m", "read_stockholm", "read_fasta"])
def test_files_with_random_damage_are_read_or_refused(tmp_path, reader):
    content = (STOCKHOLM if reader == "read_stockholm" else A3M).encode()
    rng = random.Random(0)
    for _ in range(200):
        damaged = bytearray(content[: rng.randrange(1, len(content) + 1)])
        for _ in range(rng.randrange(3)):
            damaged[rng.randrange(len(damaged))] = rng.choice(b" \n>#/-.aM\x1b\xff\0")
        path = write(tmp_path, damaged.decode("latin-1"))
        try:
            getattr(proteins, reader)(path)
        except BadInput as error:
            assert str(error).isprintable() and len(str(error)) < 400


@pytest.mark.parametrize(
    ("name", "shape", "letters_sum", "deletions"),
    [
        ("6KWC_1/bfd_uniref_hits.a3m", (1428, 191), 340619423, 1476618),
        ("6KWC_1/mgnify_hits.sto", (1698, 191), 398229368, 1020204),
        ("alignments/bfd_uniclust_hits.a3m", (1024, 73), 25600268, 8146),
        ("alignments/uniref90_hits.sto", (57, 73), 1244007, 164),
    ],
)
def test_real_alignments_are_what_alphafold_parses(real_data, name, shape, letters_sum, deletions):
    """Sums of numbers, each times its column, from google-deepmind/alphafold, data/parsers.py."""
    reader = proteins.read_a3m if name.endswith("a3m") else proteins.read_stockholm
    alignment = reader(real_data / "science/openfold" / name)
    columns = np.arange(1, shape[1] + 1)
    assert alignment.msa.shape == alignment.deletions.shape == shape
    assert (alignment.msa @ columns).sum() == letters_sum
    assert (alignment.deletions @ columns).sum() == deletions
