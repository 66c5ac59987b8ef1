"""Lines and tables for terminals hold whatever is put into them."""

import io
import os
import pty
import subprocess
import sys

import pytest

from jaxdl.pages import print_table, print_text, table_text

ROWS = [("RL² [bold]x[/bold]", 6.66012345, "99.80 ± 0.06"), ("UCB1", None, "92.86")]
HEAD = ("player", "reward", "percent")


def file(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def written(stream):
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


def test_a_table_is_as_wide_as_its_cells_and_numbers_stand_to_the_right():
    assert table_text(HEAD, ROWS, "Players") == "\n".join(
        [
            "Players",
            "player              reward       percent",
            "RL² [bold]x[/bold]  6.6601  99.80 ± 0.06",
            "UCB1                               92.86",
        ]
    )


def test_a_table_in_a_file_is_neither_folded_nor_colored():
    stream = file("utf-8")
    print_table(("name",), [("x" * 500,)], file=stream)
    assert written(stream) == "name\n" + "x" * 500 + "\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_no_encoding_ends_a_program(encoding):
    stream = file(encoding)
    print_table(HEAD, ROWS, "RL² → \udcff", file=stream)
    print_text("±×² é 日", stream)
    text = written(stream)
    if encoding == "ascii":
        assert "RL2 [bold]x[/bold]" in text and "99.80 +- 0.06" in text
        assert text.splitlines()[-1] == "+-x2 \\xe9 \\u65e5"
    assert "UCB1" in text and "\\udcff" in text


def test_control_characters_are_written_out():
    assert table_text(("a",), [("b\x1b[31mc\rd",)]) == "a\nb\\x1b[31mc\\rd"


def test_a_closed_pipe_and_a_missing_output_are_passed_over(monkeypatch):
    code = "from jaxdl.pages import print_table\nfor _ in range(2000): print_table(['a'], [['b']])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(1)
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.wait(timeout=60)
    monkeypatch.setattr(sys, "stdout", None)
    print_table(HEAD, ROWS)
    print_text("x")
    closed = file("utf-8")
    closed.close()
    print_table(HEAD, ROWS, file=closed)


def test_a_terminal_gets_a_table_of_its_width():
    code = "from jaxdl.pages import print_table\nprint_table(['name'], [['x y ' * 60]], 'title')"
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": "40", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stdout=follower, env=environment, check=True)
    os.close(follower)
    output = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "title" in output and len(output.splitlines()) > 6
    assert max(len(line) for line in output.splitlines() if "x y" in line) <= 42
