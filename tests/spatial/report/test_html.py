"""The report: what stands in it, and what must never get into it."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from spatial import plot
from spatial.report.html import Figure, Section, Table, cells, png, render, write_html
from spillover.errors import SpatialInputError

EVIL = ["<script>alert(1)</script>", '"onload="alert(1)', "</title><b>x", "{{ 7 * 7 }}", "' onerror='x"]
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Tags with their attributes, and the text of every cell; fails on tags that do not nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.cells, self.text = [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data
        if "style" not in self.open:
            self.text.append(data)

    def named(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def dot():
    ax = plot.figure(2, 1)
    ax.plot([0, 1])
    return ax


def everything(text, image):
    """A report with ``text`` in every place that takes text."""
    frame = pd.DataFrame({text: [text], "estimate": [1.5]})
    section = Section(text, (text,), (Table(frame, text),), (Figure(image, text, text),), note=text)
    parts = {"subtitle": text, "answer": (text,), "footer": {text: text}}
    return render(title=text, sections=(section, section), **parts)


@pytest.mark.parametrize("evil", EVIL)
def test_text_stays_text(evil, dot):
    page, tame = Page(everything(evil, dot)), Page(everything("tame", dot))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in tame.tags]
    assert [sorted(attrs) for _, attrs in page.tags] == [sorted(attrs) for _, attrs in tame.tags]
    assert page.named("html") == [{"lang": "en"}]
    assert page.named("img")[0]["alt"] == evil
    assert "".join(page.text) == "".join(tame.text).replace("tame", evil)


def test_the_page_loads_and_runs_nothing(dot):
    source = everything("tame", dot)
    page = Page(source)
    policies = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    for rule in ("default-src 'none'", "img-src data:", "style-src 'unsafe-inline'"):
        assert rule in policies[0].split("; ")
    assert source.index("Content-Security-Policy") < source.index("<style>")  # what precedes it is not bound by it
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policies[0]
    assert [tag for tag, _ in page.tags].count("script") == 1
    for word in ("fetch", "XMLHttpRequest", "import(", "eval", "innerHTML", "document.write", "http"):
        assert word not in script
    assert not {"link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    assert not re.search(r"https?:|url\(|@import", source)


def test_contents_lead_to_the_sections_and_tables_are_named(dot):
    page = Page(everything("tame", dot))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert [a["href"] for a in page.named("a")] == ["#s1", "#s2", "#top", "#top"]
    wanted = {attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs} | {"s1", "s2"}
    assert wanted <= set(ids)
    text = "".join(page.text)
    assert all(f"{kind} {n}." in text for kind in ("Table", "Figure") for n in (1, 2))


def test_every_number_of_a_table_is_there():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.standard_normal((30, 3)), columns=["estimate", "conf_low", "conf_high"])
    frame.insert(0, "term", [f"变量{i}" for i in range(30)])
    page = Page(render(title="t", sections=(Section("s", tables=(Table(frame, "long"), Table(frame[:3], "short"))),)))
    shown = [cell for row in frame.itertuples(index=False) for cell in (row[0], *(f"{v:.4f}" for v in row[1:]))]
    head = ["term", "estimate", "low", "high"]
    assert page.cells == head + shown + head + shown[:12]
    assert len(page.named("details")) == 1
    right = [attrs.get("class") == "n" for attrs in page.named("td")]
    assert right == [False, True, True, True] * 33


@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        ("p_value", [0.5, 9.9e-5, 0.0, 1.0, np.nan], ["0.5000", "<1e-4", "<1e-4", "1.0000", ""]),
        ("probability", [0.999999, 1e-9], [">0.9999", "<1e-4"]),
        ("estimate", [-1e-5, 0.0, 2e7, np.nan], ["-1.000e-05", "0.0000", "2.000e+07", ""]),
        ("loglik", [1525.716], ["1525.72"]),
        ("year", [1986], ["1986"]),
        ("links", [12345], ["12,345"]),
        ("units", pd.array([3, None], dtype="Int64"), ["3", ""]),
        ("kept", [True, False], ["yes", "no"]),
        ("name", ["北京", None, np.nan], ["北京", "", ""]),
    ],
)
def test_numbers_read_well(name, values, shown):
    assert cells(pd.Series(values, name=name)) == shown


@pytest.mark.parametrize("lang", EVIL)
def test_a_language_without_a_catalogue_is_refused(lang):
    with pytest.raises(SpatialInputError, match="E501"):
        render(title="t", lang=lang)


def test_figures_come_as_axes_figure_or_png(dot):
    sections = [Section("s", figures=(Figure(image, "c", "a"),)) for image in (dot, dot.figure, png(dot))]
    first, second, third = (Page(render(title="t", sections=(s,))).named("img")[0] for s in sections)
    assert first == second == third
    assert (first["width"], first["height"]) == ("240", "120")


@pytest.mark.parametrize("image", [b"GIF89a", "figure.png", None])
def test_anything_else_is_no_figure_and_nothing_is_written(tmp_path, image):
    sections = (Section("s", figures=(Figure(image, "c", "a"),)),)
    with pytest.raises(SpatialInputError, match="PNG") as caught:
        write_html(tmp_path / "report.html", title="t", sections=sections)
    assert caught.value.code == "E501"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_report_is_kept_unless_told(tmp_path):
    path = tmp_path / "报告 1" / "report.html"
    assert write_html(path, title="一") == path
    with pytest.raises(SpatialInputError) as caught:
        write_html(path, title="two")
    assert caught.value.code == "E603"
    assert "<title>一</title>" in path.read_text(encoding="utf-8")
    write_html(path, title="two", overwrite=True)
    assert "<title>two</title>" in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_one_sentence_may_be_a_plain_string():
    page = Page(render(title="t", answer="One sentence.", sections=(Section("s", "One paragraph."),)))
    text = "".join(page.text)
    assert "One sentence." in text
    assert "One paragraph." in text
