import pytest


@pytest.fixture
def subwords():
    """What BPE and WordPiece stand on; tests of them are skipped without it."""
    return pytest.importorskip("tokenizers", reason="needs the extra `language`")
