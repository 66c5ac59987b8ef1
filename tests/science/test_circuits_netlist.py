"""The reader of netlists: what it takes, and what it refuses in one line."""

import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import circuits
from jaxdl.science.circuits.netlist import Value, evaluate, read_number

DIVIDER = "a divider\nv1 in 0 2\nr1 in out 1k\nr2 out 0 3k\n.end\n"


def test_numbers_have_spices_suffixes():
    words = {"10": 10, "4.7k": 4700, "1meg": 1e6, "10pF": 1e-11, "1f": 1e-15, "-.5": -0.5}
    words |= {"3m": 3e-3, "2e-3": 2e-3, "1.2v": 1.2, "30ua": 3e-5, "1e3hz": 1e3, "2g": 2e9}
    for word, number in words.items():
        assert read_number(word.lower()) == pytest.approx(number, rel=1e-12), word


@pytest.mark.parametrize(
    "word", ["", "k", "1x", "1a", "1.2.3", "1mil", "nan", "inf", "1e999", "--1"]
)
def test_other_words_are_no_numbers(word):
    with pytest.raises(BadInput):
        read_number(word)


def test_a_netlist_becomes_data():
    text = (
        "Title here\r\n* a comment\r\n.PARAM w2 = 2u n=3\r\n"
        ".model NCH nmos (level=1\r\n+ vto=0.4 kp=100u)\r\n"
        "M1 D G 0 0 nch w={w2} l=1u m={2*n/4} ; end\r\n"
        "I1 0 d DC 1m AC 2 $ drawn\r\nVG g gnd 1.5\r\nC1 d 0 {3p}\r\n.end\r\nnot read"
    )
    netlist = circuits.read_netlist(text)
    assert netlist.title == "Title here"
    assert netlist.nodes == ("d", "g")
    mosfet, current, voltage, capacitor = netlist.elements
    assert mosfet.nodes == ("d", "g", "0", "0")
    assert mosfet.values["m"] == Value(0.5, ("n",))
    assert evaluate(mosfet.values["m"], netlist.parameters) == 1.5
    assert netlist.cards["nch"].parameters["kp"] == pytest.approx(1e-4)
    assert current.values["ac"] == Value(2.0) and current.values["value"] == Value(1e-3)
    assert voltage.nodes == ("g", "0") and capacitor.values["value"].factor == pytest.approx(3e-12)


REFUSED = {
    "": "no elements",
    "title alone": "no elements",
    DIVIDER.replace("r1 in out 1k", "r1 in out"): "line 3",
    DIVIDER.replace("r1 in out 1k", "r1 in out 0"): "above 0",
    DIVIDER.replace("r1 in out 1k", "r1 in out -5"): "above 0",
    DIVIDER.replace("r1", "l1"): "'l1' is not read",
    DIVIDER.replace("r1", "r2"): "there twice",
    DIVIDER.replace("1k", "{x}"): "no parameter, 'x'",
    DIVIDER.replace("1k", "{1/0}"): "divides by 0",
    DIVIDER.replace("1k", "{1+1}"): "not a number",
    DIVIDER.replace("1k", "{__import__('os')}"): "not a number",
    DIVIDER.replace(" 0 ", " x "): "ground",
    DIVIDER.replace("r1", ".include /etc/passwd\nr1"): "'.include' is not read",
    DIVIDER.replace("r1", ".control\nshell id\n.endc\nr1"): "'.control' is not read",
    DIVIDER.replace("v1 in 0 2", "v1 in 0 sin(0 1 1k)"): "line 2",
    "t\n+ r1 a 0 1": "nothing to go on with",
    "t\nm1 d g 0 0 none": "names no model",
    "t\n.model n nmos level=14\nm1 d g 0 0 n": "level 14",
    "t\n.model n nmos is=1e-14\nm1 d g 0 0 n": "is should be 0",
    "t\n.model n npn\n": ".model name",
    "t\nr\x1b[31m 1 0 1": r"'r\x1b[31m' ",
    "t\n" + "\n".join(f"r{i} {i} 0 1" for i in range(70)): "more than 64",
    "t\n" + "\n".join(f"r{i} 1 0 1" for i in range(501)): "more than 500 elements",
    "x" * 1_000_001: "characters",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_known_is_refused_in_one_line(text):
    with pytest.raises(BadInput) as error:
        netlist = circuits.read_netlist(text)
        circuits.operating_point(netlist)
    message = str(error.value)
    assert REFUSED[text] in message
    assert "\n" not in message and "\x1b" not in message and len(message) < 250


def test_a_netlist_that_is_cut_anywhere_is_read_or_refused():
    for end in range(0, len(circuits.OPAMP_TEXT), 7):
        try:
            netlist = circuits.read_netlist(circuits.OPAMP_TEXT[:end])
        except BadInput:
            continue
        assert len(netlist.elements) <= len(circuits.OPAMP.elements)
