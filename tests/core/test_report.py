"""Reports escape what came from flags, file names and exceptions."""

import base64
import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from PIL import Image

from jaxdl import pages
from jaxdl.core import report

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror="alert(1)">',
    "' onmouseover='alert(1)",
    '" onerror="alert(1)" x="',
    "</title></style></p></td></table><script src=//host/x.js></script>",
    "<!-- --><svg onload=alert(1)>]]>",
    "javascript:alert(1)",
    "&lt;b&gt; &#60;script&#62; &amp;",
    "{{ 7 * 7 }}{% for x in y %}",
    "a\nb\tc\u2028d\x1b[31m",
    "$\\nothing{1}$ -- alone",
)
PLAIN = "plain"
TAGS = """html head meta title style body h1 h2 p table tr th td figure img figcaption details
summary""".split()


def read(page):
    """[(tag, names of its attributes)], every attribute's value, and the text of a page."""
    tags, values, texts = [], [], []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: (
        tags.append((tag, tuple(name for name, _ in attrs))),
        values.extend((tag, *pair) for pair in attrs),
    )
    parser.handle_data = texts.append
    parser.feed(page)
    parser.close()
    return tags, values, "".join(texts)


def assert_harmless(page):
    tags, values, _ = read(page)
    assert {tag for tag, _ in tags} <= set(TAGS)
    for tag, name, value in values:
        assert (tag, name) in {
            *(("html", "lang"), ("meta", "charset"), ("meta", "name"), ("meta", "content")),
            *(("p", "class"), ("img", "src"), ("img", "alt"), ("meta", "http-equiv")),
        }
        assert name != "http-equiv" or value == "Content-Security-Policy"  # not "refresh"
        assert name != "src" or value.startswith("data:image/")
        if name == "src" and "svg" in value[:20]:
            assert_drawing_only(base64.b64decode(value.partition(",")[2]))


def assert_drawing_only(svg):
    """No script, no handler and no address but within the drawing."""
    for element in ElementTree.fromstring(svg).iter():
        assert element.tag.rpartition("}")[2] not in (
            "script",
            "foreignObject",
            "image",
            "a",
            "set",
        )
        for name, value in element.attrib.items():
            name = name.rpartition("}")[2]
            assert not name.startswith("on")
            assert name != "href" or value.startswith("#")


def built(text):
    parts = [
        pages.section(text, text=text, head=(text, text), rows=[(text, text), (text, 1)]),
        pages.section(text, rows=[(text,)], folded=True),
        pages.section(figures=[{"uri": "data:image/png;base64,AA==", "caption": text}]),
    ]
    return pages.page(text, text, parts)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_has_the_same_elements_whatever_is_put_into_it(text):
    page = built(text)
    assert_harmless(page)
    assert read(page)[0] == read(built(PLAIN))[0]
    assert read(page)[2].count(text) == 13
    assert ("img", "alt", text) in read(page)[1]


def workdir(folder, text, name):
    """A finished run whose settings, metrics, figures and versions hold a text."""
    (folder / "figures").mkdir(parents=True)
    metric = text if text.isprintable() else PLAIN  # its name is drawn, and comes from a program
    Image.new("RGB", (2, 2)).save(folder / "figures" / f"{name}.png")
    (folder / "figures" / f"{name}.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0"/></svg>'
    )
    result = {
        "system": text, "preset": text, "config": {text: text, "list": [text], "nested": {text: 1}},
        "seed": 0, "num_seeds": 1, "steps": 2, "fingerprint": text, "device": text,
        "metrics": {metric: {"mean": 1.0, "ci95": None, "values": [1.0]}},
        "versions": {text: text}, "wall_seconds": 1.0, "compile_seconds": 0.5,
        "samples_per_second": None,
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result))
    lines = [{"step": step, metric: 1.0 / step, f"{metric}/ci95": 0.1} for step in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return report.write(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_runs_report_is_harmless_whatever_its_flags_and_files_are_called(tmp_path, text):
    name = text.replace("/", "_")
    page = workdir(tmp_path / "hostile", text, name)
    assert_harmless(page)
    tags, values, words = read(page)
    assert tags == read(workdir(tmp_path / "plain", PLAIN, PLAIN))[0]
    assert words.count(text) >= 7
    assert [value for _, key, value in values if key == "alt"].count(name.replace("_", " ")) == 2


def test_bytes_that_are_no_text_do_not_end_the_run(tmp_path):
    # A flag of other bytes than UTF-8 reaches Python as lone surrogates.
    page = workdir(tmp_path, b"\xff<b>".decode("utf-8", "surrogateescape"), "x")
    assert_harmless(page)
    assert "\\udcff" in page and "&lt;b&gt;" in page


def test_a_picture_is_embedded_by_its_suffix_alone(tmp_path):
    for name, kind in (("a.png", "png"), ("a.svg", "svg+xml"), ("a.gif", "gif")):
        (tmp_path / name).write_bytes(b"<script>alert(1)</script>")
        figure = pages.picture(tmp_path / name)
        assert figure["uri"].startswith(f"data:image/{kind};base64,PHNjcmlwdD")
        assert "<script>" not in pages.page("", "", [pages.section(figures=[figure])])
    with pytest.raises(KeyError):
        pages.picture(tmp_path / "a.html")


ABOUT = {
    "title": "Tiny", "paper": "LeCun et al. 1998", "arxiv": "9801.00001",
    "summary": "A classifier reads digits.", "headline": "eval/accuracy", "better": "higher",
    "scale": 100, "unit": "%", "yardstick": "chance {eval/chance}, pixels {eval/pixels}",
    "paper_says": "88 %", "samples": "images", "curves": ["loss"],
    "verdicts": ["holds (cpu): it beats chance."], "command": "./run tiny --preset=smoke",
}  # fmt: skip


def finished(folder, **more):
    """A finished run with a headline."""
    folder.mkdir(parents=True, exist_ok=True)

    def summary(mean, half):
        return {"mean": mean, "ci95": half, "values": [mean]}

    result = {
        "system": "tiny", "preset": "smoke", "config": {"lr": 0.1}, "seed": 0, "num_seeds": 2,
        "steps": 2, "fingerprint": "ab", "device": "cpu", "versions": {"jax": "1"},
        "metrics": {
            "loss": summary(0.5, 0.1), "other": summary(2.0, 0.1),
            "eval/accuracy": summary(0.9292, 0.0038), "eval/chance": summary(0.114, 0.0),
        },
        "wall_seconds": 1.0, "compile_seconds": 0.5, "samples_per_second": 10.0, "samples": 256,
        "unit": "images", "window": {"first_step": 2, "last_step": 2}, "about": ABOUT,
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result | more))
    rows = [{"step": i, "images": 128 * i, "loss": 1 / i, "other": i} for i in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def exhibits():
    from matplotlib.figure import Figure

    from jaxdl.launch import Exhibit, Table

    figure = Figure()
    figure.subplots().plot([1, 2])
    return [
        Exhibit("players", Table(("player", "reward"), [("RL²", 6.01), ("<b>", 5)]), "Rewards."),
        Exhibit("line", figure, "A line goes up."),
        Exhibit("../dot", Image.new("RGB", (2, 2)), "A dot is black."),
    ]


def test_the_report_opens_with_the_headline_and_ends_with_the_versions(tmp_path):
    folder = finished(tmp_path / "run")
    page = report.write(folder, exhibits()).read_text(encoding="utf-8")
    assert_harmless(page)
    words = read(page)[2]
    order = (
        "Tiny", "tiny smoke, cpu", "92.92 ± 0.38 %", "88 %", "chance 11.4 %, pixels not measured",
        "holds (cpu): it beats chance.", "./run tiny --preset=smoke", "Rewards.", "RL²",
        "A line goes up.", "A dot is black.", "Each panel shows a metric over images.",
        "All other metrics", "those of step 2", "images in all", "lr", "jax",
    )  # fmt: skip
    places = [
        words.index(text, words.index("92.92")) if i > 1 else i for i, text in enumerate(order)
    ]
    assert places == sorted(places)


def test_exhibits_are_kept_and_shown_again_without_the_system(tmp_path):
    folder = finished(tmp_path / "run")
    first = report.write(folder, exhibits()).read_bytes()
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "_dot.png",
        "captions.json",
        "line.svg",
        "players.json",
    ]
    assert report.write(folder).read_bytes() == first
    report.save_captions(folder, {"policy.png": "It moves."})
    Image.new("RGB", (2, 2)).save(folder / "figures/policy.png")
    page = report.write(folder).read_text()
    assert "It moves." in page and "Rewards." in page


def test_an_exhibit_that_cannot_be_drawn_costs_a_line(tmp_path, capsys):
    from jaxdl.launch import Exhibit

    class Bad:
        axes = ()

        def savefig(self, *args, **kwargs):
            raise RuntimeError("no ink\nat all")

    folder = finished(tmp_path / "run")
    bad = [Exhibit("bad", Bad(), "x"), Exhibit("list", [1], "y")]
    page = report.write(folder, [*bad, *exhibits()]).read_text()
    assert "A line goes up." in page
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "no ink" in lines[0] and "list is no figure" in lines[1]


def test_a_run_from_python_has_a_report_without_a_headline(tmp_path):
    page = report.write(finished(tmp_path / "run", about={}, system="", preset="")).read_text()
    assert "<h2>Headline" not in page and "<h2>Metrics" in page and "<h1>run</h1>" in page


def test_packages_that_cannot_be_found_are_unknown(monkeypatch):
    monkeypatch.setattr(report, "PACKAGES", ("jax", "no-such-package"))
    found = report.versions()
    assert found["no-such-package"] == "unknown" and found["jax"][0].isdigit()
