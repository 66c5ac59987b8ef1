"""PDB and mmCIF: what is kept of a file, round trips, and files that cannot be read."""

import gzip
import random
import sys

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import proteins
from jaxdl.science.proteins import constants, files


def atom(
    name,
    residue="ALA",
    number=1,
    *,
    chain="A",
    insertion=" ",
    alternative=" ",
    x=0.0,
    occupancy="1.00",
    record="ATOM",
):
    """A line of a PDB file; the atom is at (x, 0, 0)."""
    return (
        f"{record:<6}    1  {name:<3}{alternative}{residue:>3} {chain}{number:>4}{insertion}   "
        f"{x:8.3f}{0:8.3f}{0:8.3f}{occupancy:>6}{10:6.2f}          {name[0]:>2}"
    )


def residue(name="ALA", number=1, **kwargs):
    return [atom(a, name, number, **kwargs) for a in ("N", "CA", "C")]


def read_text(tmp_path, lines, *, end="\n", name="x.pdb", **kwargs):
    path = tmp_path / name
    path.write_bytes(end.join([*lines, ""]).encode("latin-1"))
    return proteins.read(path, **kwargs)


def refusal(tmp_path, lines, **kwargs):
    """The message, which stands on one line and names the file."""
    with pytest.raises(ValueError) as error:
        read_text(tmp_path, lines, **kwargs)
    message = str(error.value)
    assert isinstance(error.value, BadInput) and message.isprintable() and len(message) < 400
    assert message.startswith(str(tmp_path))
    return message


def x_of(protein, residue, name):
    return protein.positions[residue, constants.ATOMS.index(name), 0]


def test_columns_of_a_line_go_where_they_belong(tmp_path):
    line = "ATOM    145  CD1ALEU B -12C     11.125 -22.250 333.500  0.50 45.25           C  "
    lines = [line, *(atom(a, "LEU", -12, chain="B", insertion="C") for a in ("N", "CA", "C"))]
    protein = read_text(tmp_path, lines)
    assert proteins.sequence_of(protein) == "L"
    assert (protein.residue_index[0], chr(protein.insertion_codes[0])) == (-12, "C")
    place = constants.ATOMS.index("CD1")
    np.testing.assert_array_equal(protein.positions[0, place], [11.125, -22.25, 333.5])
    assert protein.b_factors[0, place] == 45.25 and protein.mask.sum() == 4
    assert [array.dtype.name for array in protein[:6]] == [
        "int32", "float32", "float32", "int32", "int32", "float32"
    ]  # fmt: skip


def test_insertion_codes_negative_numbers_and_chains_keep_residues_apart(tmp_path):
    lines = [
        *residue("GLY", -1),
        *residue("ALA", 52),
        *residue("SER", 52, insertion="A"),
        *residue("TRP", 53),
        *residue("VAL", 52, chain="B"),
    ]
    protein = read_text(tmp_path, lines)
    assert proteins.sequence_of(protein) == "GASWV"
    np.testing.assert_array_equal(protein.residue_index, [-1, 52, 52, 53, 52])
    np.testing.assert_array_equal(protein.chain_index, [0, 0, 0, 0, 1])
    assert proteins.sequence_of(read_text(tmp_path, lines, chain="B")) == "V"
    assert "has no chain 'C'; it has A, B" in refusal(tmp_path, lines, chain="C")


def test_alternate_locations_of_highest_occupancy_and_the_first_of_equal_ones(tmp_path):
    lines = [
        atom("N"),
        atom("CA", alternative="A", x=1, occupancy="0.50"),
        atom("CA", alternative="B", x=2, occupancy="0.50"),
        atom("C", alternative="A", x=1, occupancy="0.30"),
        atom("C", alternative="B", x=2, occupancy="0.70"),
        # one place for two kinds of residue
        atom("CA", "SER", 2, alternative="A", x=3, occupancy="0.40"),
        atom("CA", "THR", 2, alternative="B", x=4, occupancy="0.60"),
        atom("OG", "SER", 2, alternative="A", x=3, occupancy="0.40"),
    ]
    protein = read_text(tmp_path, lines)
    assert (x_of(protein, 0, "CA"), x_of(protein, 0, "C")) == (1, 2)
    assert proteins.sequence_of(protein) == "AT"
    assert x_of(protein, 1, "CA") == 4 and protein.mask[1].sum() == 1


def test_hydrogens_water_ligands_and_strange_atoms_are_left_out(tmp_path):
    selenium = [atom(a, "MSE", 2, record="HETATM", x=5) for a in ("N", "CA", "C", "SE")]
    lines = [
        *residue(),
        atom("HA"),
        atom("CG1"),  # alanine has none
        *selenium,
        *residue("SEP", 3, record="HETATM"),  # phosphoserine is an amino acid all the same
        *residue("HSD", 4),
        atom("CD", "ILE", 5),
        "TER",
        *residue("GLU", 90, record="HETATM"),  # a ligand, since the chain has ended
        atom("O", "HOH", 2, record="HETATM"),
        atom("CA", "CA", 201, record="HETATM"),  # calcium
        atom("O", "HOH", 7),
        *(atom(name, "DA", 8) for name in ("P", "C2", "N1", "C")),
    ]
    protein = read_text(tmp_path, lines)
    assert proteins.sequence_of(protein) == "AMXHI"
    assert x_of(protein, 1, "SD") == 5 and protein.mask[1].sum() == 4
    assert protein.mask[0].sum() == 3
    assert protein.mask[4, constants.ATOMS.index("CD1")] == 1


def test_one_of_several_models_is_read(tmp_path):
    lines = []
    for model, x in ((7, 1.0), (9, 2.0)):
        lines += [f"MODEL     {model:4d}", *residue(x=x), "TER", "ENDMDL"]
    assert x_of(read_text(tmp_path, [*lines, "END"]), 0, "CA") == 1
    second = read_text(tmp_path, lines, model=2)
    assert x_of(second, 0, "CA") == 2 and len(second.aatype) == 1
    for model in (0, 3, -1):
        assert f"no atoms in model {model}; models: 2" in refusal(tmp_path, lines, model=model)
    without_records = [*residue(x=1.0), "END", *residue(x=2.0), "END"]
    assert x_of(read_text(tmp_path, without_records, model=2), 0, "CA") == 2


def test_chains_without_names_end_at_ter(tmp_path):
    lines = [*residue("ALA", 1, chain=" "), "TER", *residue("TRP", 1, chain=" "), "TER"]
    protein = read_text(tmp_path, lines)
    assert proteins.sequence_of(protein) == "AW"
    np.testing.assert_array_equal(protein.chain_index, [0, 1])


def test_ends_of_lines_and_compression_make_no_difference(tmp_path):
    lines = ["REMARK caf\xe9", *residue(), "END"]
    plain = read_text(tmp_path, lines)
    packed = tmp_path / "x.pdb.gz"
    packed.write_bytes(gzip.compress("\n".join(lines).encode("latin-1")))
    others = [read_text(tmp_path, lines, end=end) for end in ("\r\n", "\r")]
    for other in (*others, proteins.read(packed)):
        for a, b in zip(plain, other, strict=True):
            np.testing.assert_array_equal(a, b)


GOOD = residue()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([GOOD[0], GOOD[1][:50]], "x.pdb, line 2: cut off after 50 of at least 54 columns"),
        ([GOOD[0], GOOD[1].replace("0.000", "0.0x0", 1)], "line 2: could not convert string to"),
        ([GOOD[0].replace("   0.000", "     nan", 1)], "line 1: has a number that is infinite"),
        ([GOOD[0].replace("   0.000", "   1e300", 1)], "line 1: has a number that is infinite"),
        ([GOOD[0].replace("   1    ", "A000    ", 1)], "line 1: invalid literal for int()"),
        (
            [GOOD[0].replace("   1    ", "10000   ", 1)],
            "line 1: '0' behind the number of a residue is no letter",
        ),
        ([GOOD[0].replace("   1    ", "1\x1b[3     ", 1)], "line 1: invalid literal for int()"),
        ([*GOOD, *residue("TRP", 2), *GOOD], "line 7: residue 1 of chain A comes twice"),
        (["REMARK nothing"], "has no atoms in model 1; models: 0"),
        ([atom("O", "HOH", record="HETATM")], "holds no atoms of amino acids"),
        (["", " "], "is empty"),
        (["%PDF-1.5", "\0\1"], "line 2: holds a zero byte, so it is no text"),
        (["PK\x03\x04" + "\x81" * 99], "has no atoms in model 1"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, lines, message):
    assert message in refusal(tmp_path, lines)


def test_large_missing_and_compressed_lies_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_TEXT", 100)
    assert "bytes, 100 at most are read" in refusal(tmp_path, GOOD)
    packed = tmp_path / "x.pdb.gz"
    packed.write_bytes(gzip.compress(bytes(10_000)))
    for content, message in (
        (packed.read_bytes(), "unpacks to more than 100 bytes"),
        (gzip.compress(b"REMARK cut")[:-12], "cannot be read: Compressed file ended"),
        (b"no gzip", "cannot be read: Not a gzipped file"),
    ):
        packed.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            proteins.read(packed)
    for path in (tmp_path / "none.pdb", tmp_path):
        with pytest.raises(BadInput, match="there is no such file"):
            proteins.read(path)


def make_protein():
    """Two chains with all that a round trip could lose."""
    rng = np.random.default_rng(0)
    aatype = np.array([0, 17, 20, 14, 7], np.int32)
    mask = constants.ATOM37_MASK[aatype] * (rng.uniform(size=(5, 37)) < 0.8)
    mask[:, :3] = 1
    mask[4, constants.ATOMS.index("OXT")] = 1
    return proteins.Protein(
        aatype=aatype,
        positions=np.round(rng.normal(size=(5, 37, 3)) * 200, 3).astype(np.float32)
        * mask[..., None].astype(np.float32),
        mask=mask.astype(np.float32),
        residue_index=np.array([-5, 0, 0, 120, -999], np.int32),
        chain_index=np.array([0, 0, 0, 0, 1], np.int32),
        b_factors=(np.round(rng.uniform(0, 99, (5, 37)), 2) * mask).astype(np.float32),
        insertion_codes=np.array([ord(letter) for letter in "  B Z"], np.int32),
    )


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_pdb_file_that_was_written_is_read_back(tmp_path):
    protein = make_protein()
    text = proteins.write_pdb(protein)
    assert all(len(line) == 80 for line in text.splitlines() if line.startswith("ATOM"))
    assert text.count("\nTER") == 2 and text.endswith("END\n")
    same(read_text(tmp_path, [text]), protein)
    without_codes = protein._replace(insertion_codes=None, residue_index=np.arange(5))
    assert set(read_text(tmp_path, [proteins.write_pdb(without_codes)]).insertion_codes) == {32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"residue_index": np.arange(9996, 10001)}, "residue numbers from -999 to 9999"),
        ({"chain_index": np.arange(60, 65)}, "62 chains"),
        ({"positions": np.full((5, 37, 3), 1e4)}, "coordinates"),
        ({"positions": np.full((5, 37, 3), np.nan)}, "coordinates"),
        ({"b_factors": np.full((5, 37), 1e3)}, "B factors"),
    ],
)
def test_what_the_pdb_format_has_no_room_for_is_refused(change, message):
    with pytest.raises(BadInput, match=f"the PDB format has room for .*{message}.*: write mmCIF"):
        proteins.write_pdb(make_protein()._replace(**change))


def test_an_mmcif_file_that_was_written_is_read_back(tmp_path):
    pytest.importorskip("gemmi")
    protein = make_protein()
    same(read_text(tmp_path, [proteins.write_mmcif(protein)], name="x.cif"), protein)
    many = protein._replace(chain_index=np.array([0, 25, 26, 701, 702], np.int32))
    text = proteins.write_mmcif(many)
    for name in ("A", "Z", "AA", "ZZ", "AAA"):
        assert len(read_text(tmp_path, [text], chain=name).aatype) == 1
    with pytest.raises(BadInput, match="the name of an entry"):
        proteins.write_mmcif(protein, name="a b")


CIF = """data_1ABC
#
loop_
_atom_site.group_PDB
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.auth_asym_id
_atom_site.label_seq_id
_atom_site.auth_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.pdbx_PDB_model_num
ATOM   N     . ALA A H 1 -3 ? 1.0 0 0 1.0 5.5 1
ATOM   CA    A ALA A H 1 -3 ? 2.0 0 0 0.5 5.5 1
ATOM   CA    B ALA A H 1 -3 ? 3.0 0 0 0.5 5.5 1
ATOM   "O5'" . DA  B I 1 1  ? 4.0 0 0 1.0 5.5 1
ATOM   CA    . TRP A H 2 -3 A 5.0 0 0 1.0 5.5 1
HETATM N     . MSE A H 3 4  ? 6.0 0 0 1.0 5.5 1
HETATM CA    . MSE A H 3 4  ? 6.0 0 0 1.0 5.5 1
HETATM C     . MSE A H 3 4  ? 6.0 0 0 1.0 5.5 1
HETATM SE    . MSE A H 3 4  ? 7.0 0 0 1.0 5.5 1
HETATM N     . GLU C H . 90 ? 8.0 0 0 1.0 5.5 1
HETATM CA    . GLU C H . 90 ? 8.0 0 0 1.0 5.5 1
HETATM C     . GLU C H . 90 ? 8.0 0 0 1.0 5.5 1
HETATM O     . HOH D H . 4  ? 9.0 0 0 1.0 5.5 1
ATOM   CA    . ALA A H 1 -3 ? 9.5 0 0 1.0 5.5 2
#
"""


def test_mmcif_by_the_same_rules(tmp_path):
    pytest.importorskip("gemmi")
    protein = read_text(tmp_path, [CIF], name="x.cif", chain="H")
    assert proteins.sequence_of(protein) == "AWM"
    np.testing.assert_array_equal(protein.residue_index, [-3, -3, 4])
    assert "".join(map(chr, protein.insertion_codes)) == " A "
    assert x_of(protein, 0, "CA") == 2 and x_of(protein, 2, "SD") == 7
    assert x_of(read_text(tmp_path, [CIF], model=2), 0, "CA") == 9.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-100], "x.cif: cannot be read as mmCIF: string"),
        (lambda text: text.replace(" 2.0 0 0", " 2.x 0 0"), "row 2 of atom_site: could not conv"),
        (lambda text: text.replace(" 2.0 0 0", " ? 0 0"), "row 2 of atom_site: could not convert"),
        (lambda text: text.replace(" -3 ?", f" {2**40} ?"), f"{2**40} is no number of a residue"),
        (lambda text: text.replace(" -3 A ", " -3 AB "), "'AB' behind the number of a residue"),
        (lambda text: text.replace("Cartn_x", "Cartn_w"), "atom_site has no Cartn_x"),
        (lambda text: text.replace("atom_site", "atom_type"), "has no table of atoms, atom_site"),
        (lambda text: "data_1\n_a '\x1b[31m", "cannot be read as mmCIF: string"),
    ],
)
def test_damaged_mmcif_is_refused_in_one_line(tmp_path, change, message):
    pytest.importorskip("gemmi")
    assert message in refusal(tmp_path, [change(CIF)], name="x.cif")


def test_mmcif_without_gemmi_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    assert "pip install 'jaxdl[science]'" in refusal(tmp_path, [CIF], name="x.cif")


@pytest.mark.parametrize("suffix", ["pdb", "cif"])
def test_files_with_random_damage_are_read_or_refused(tmp_path, suffix):
    """Whatever is cut, turned or put in: a protein of finite numbers, or one line."""
    if suffix == "cif":
        pytest.importorskip("gemmi")
    write = proteins.write_pdb if suffix == "pdb" else proteins.write_mmcif
    content = write(make_protein()).encode()
    rng = random.Random(0)
    path = tmp_path / f"x.{suffix}"
    refused = 0
    for _ in range(150):
        damaged = bytearray(content[: rng.randrange(1, len(content) + 1)])
        for _ in range(rng.randrange(4)):
            damaged[rng.randrange(len(damaged))] = rng.choice(b" \n'\"_#;-.eEx9\x1b\xff\0")
        path.write_bytes(damaged)
        try:
            assert np.all(np.isfinite(proteins.read(path).positions))
        except BadInput as error:
            refused += 1
            assert str(error).isprintable() and len(str(error)) < 400
    assert 20 < refused


@pytest.mark.parametrize(
    ("name", "model", "residues", "atoms", "chains", "total"),
    [
        ("1psm", 20, 38, 285, 1, 12549.797),
        ("2crb", 20, 97, 759, 1, 2498.540),
        ("2q2k", 1, 89, 762, 2, 65187.781),
        ("3u8v", 1, 166, 1244, 2, -614.683),
        ("3zee", 1, 84, 670, 1, 17597.512),
        ("4i6p", 1, 166, 1323, 2, 37541.745),
        ("4zey", 1, 84, 679, 1, 3776.427),
        ("5kc1", 1, 518, 4372, 12, 36748.555),
    ],
)
def test_real_mmcif_is_what_biopython_reads(real_data, name, model, residues, atoms, chains, total):
    """Counts, and the sum of all coordinates, by biopython 1.88 (MMCIFParser)."""
    pytest.importorskip("gemmi")
    path = real_data / f"science/openfold/mmcifs/{name}.cif"
    protein = proteins.read(path, model=model)
    found = len(protein.aatype), int(protein.mask.sum()), int(protein.chain_index[-1]) + 1
    assert found == (residues, atoms, chains)
    np.testing.assert_allclose(protein.positions.sum(dtype=np.float64), total, atol=2e-3)
