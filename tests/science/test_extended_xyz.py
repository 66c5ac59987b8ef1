"""Extended XYZ: what is read, and what is refused in one line."""

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science.ani import extended_xyz, read_extended_xyz

HEAD = 'Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 note="a \\"b\\" = c" pbc="F F F" x'
BODY = "2\n" + HEAD + "\nO 0 0 0.5 1 2 3\nH 1e0 -2 .25 4 5 6\n"


def read(tmp_path, content):
    path = tmp_path / "a.xyz"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_extended_xyz(path)


@pytest.mark.parametrize("content", [BODY, BODY.replace("\n", "\r\n"), "\n" + BODY + "\n \n"])
def test_reads_molecules(tmp_path, content):
    (frame,) = read(tmp_path, content)
    assert frame.symbols == ("O", "H") and frame.energy == -1.5
    np.testing.assert_array_equal(frame.positions, [[0, 0, 0.5], [1, -2, 0.25]])
    np.testing.assert_array_equal(frame.forces, [[1, 2, 3], [4, 5, 6]])
    assert frame.notes["note"] == 'a "b" = c' and frame.notes["x"] == "T"
    assert frame.notes["pbc"] == "F F F"


def test_other_columns_and_none(tmp_path):
    head = "Properties=id:I:1:pos:R:3:species:S:1"
    frames = read(tmp_path, f"1\n{head}\n7 1 2 3 C\n1\n\nH 4 5 6\n")
    assert [f.symbols for f in frames] == [("C",), ("H",)]
    np.testing.assert_array_equal([f.positions[0] for f in frames], [[1, 2, 3], [4, 5, 6]])
    assert frames[0].forces is None and np.isnan(frames[0].energy)


BAD = {
    "empty": ("", "is empty"),
    "blank": ("\n\n", "is empty"),
    "cut in atoms": (BODY[:-20], "columns|ends"),
    "cut after count": ("2\n", "ends before a header"),
    "cut before atoms": ("2\n" + HEAD + "\nO 0 0 0 1 2 3\n", "ends before 2 atoms"),
    "no count": ("O 0 0 0\n", "no number"),
    "too many": ("999999999\n\n", "no number of 1 to"),
    "minus": ("-1\n\n", "no number"),
    "zero": ("0\n\n", "no number"),
    "nan": (BODY.replace("0.5", "nan"), "no finite number"),
    "overflow": (BODY.replace("0.5", "1e999"), "no finite number"),
    "underscore": (BODY.replace("0.5", "1_0"), "no finite number"),
    "energy": (BODY.replace("-1.5", "low"), "no finite number"),
    "quote": (BODY.replace('"F F F"', '"F F F'), "quote"),
    "element": (BODY.replace("\nO ", "\n<script> "), "no element"),
    "columns": (BODY.replace("pos:R:3", "pos:R:2"), "three numbers"),
    "no positions": (BODY.replace("pos:R:3", "place:R:3"), "lacks"),
    "kind": (BODY.replace("forces:R:3", "forces:Q:3"), "not understood"),
    "binary": (b"\xff\xfe\x00", "no text"),
    "endless line": ("2\n" + "a" * 200_000, "longer"),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_in_one_line(tmp_path, case):
    content, message = BAD[case]
    with pytest.raises(BadInput, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value) and "a.xyz" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_refuses_what_is_not_there_or_huge(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="No such file"):
        read_extended_xyz(tmp_path / "none.xyz")
    with pytest.raises(BadInput, match="directory"):
        read_extended_xyz(tmp_path)
    monkeypatch.setattr(extended_xyz, "MOST_BYTES", 10)
    with pytest.raises(BadInput, match="more than 10"):
        read(tmp_path, BODY)
