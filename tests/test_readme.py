import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_code_in_the_readme_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "readme.py").write_text(code.replace("steps=100", "steps=2"))
    names = runpy.run_path(str(tmp_path / "readme.py"))
    assert names["gradient"].shape == names["z1"].shape
    assert len(names["result"]["metrics"]["eval/episode_return"]["values"]) == 3


def test_links_lead_somewhere():
    for page in ("README.md", "BUILD.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert target.startswith("http") or (ROOT / target).exists(), target
    for path in re.findall(
        r"`((?:jaxdl|experiments|tests)/[^`<]+)`", (ROOT / "BUILD.md").read_text()
    ):
        assert (ROOT / path).exists(), path
