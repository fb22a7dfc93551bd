"""The Chinese report: nothing is left in English but names of the data, models, symbols and people."""

import re
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from zipfile import ZipFile

import pandas as pd
import pytest

from spillover.cli.study.file import question, read_demo
from spillover.cli.study.naming import figure_in_words
from spillover.cli.study.run import run, write
from spillover.language import language

MODELS = {"OLS", "SLX", "SAR", "SEM", "SDM", "SDEM", "SAC", "GNS", "SARMA"}
SYMBOLS = {"W", "WX", "I", "z", "p", "t", "F", "Q", "n", "k", "b", "x", "e", "rho", "lambda", "sigma2", "tau", "eta",
           "chi2", "df", "T", "N", "R2", "AIC", "AICc", "BIC", "LM", "LR", "AR", "CD", "log", "lag", "lags", "both",
           "km", "y",
           "theta", "FDR", "Gini"}  # fmt: skip
PEOPLE = {"Hausman", "Wald", "Pesaran", "Wooldridge", "Jarque", "Bera", "Breusch", "Pagan", "Lee", "Yu", "de", "Jong",
          "Hansen", "Dagum", "Moran", "queen", "Cragg", "Donald", "Kleibergen", "Paap", "Anderson", "Rubin", "Sargan",
          "Stock", "Yogo", "J"}  # fmt: skip
SOFTWARE = {"spillover", "python", "numpy", "scipy", "pandas"}
# What the template calls its variables, in Chinese.
WORDS = {
    "log(productivity)": "劳均产出", "productivity": "劳均产出", "log(public)": "劳均公共资本",
    "log(private)": "劳均私人资本", "log(emp)": "劳动", "public": "公共资本", "private": "私人资本",
    "capital_index": "资本指数", "gsp": "产出", "unemp": "失业率", "state": "州", "year": "年份", "region": "地区",
}  # fmt: skip


def template():
    """The commented template as a Chinese study: only what a user writes differs."""
    text = files("spillover.cli.study").joinpath("template.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    names = {"queen": "邻接", "5 nearest": "近邻", "inverse distance": "反距离", "economic": "经济距离"}
    weights = {names[name]: spec for name, spec in entries["weights"].items()}
    return question(entries | {"title": "研究", "lang": "zh_CN", "words": WORDS, "weights": weights})


@pytest.fixture(scope="module", params=["demo", "template"])
def study(request, tmp_path_factory):
    """(question, its folder, every text of its figures)."""
    q = read_demo("zh-CN") if request.param == "demo" else template()
    chapters, failed = run(q, lambda _: None)
    assert not failed
    folder = tmp_path_factory.mktemp(request.param)
    write(q, chapters, failed, folder)
    return q, folder, list(texts_of_figures(q, chapters))


def texts_of_figures(q, chapters):
    from matplotlib.text import Text

    with language(q.lang):
        for chapter in chapters.values():
            for figure in chapter.figures.values():
                drawn = figure_in_words(figure, q).image
                for text in getattr(drawn, "figure", drawn).findobj(Text):
                    if text.get_visible() and text.get_text():
                        yield text.get_text()


class Visible(HTMLParser):
    """The texts that a reader sees or hears."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.hidden = [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "script")
        self.texts += [value for name, value in attrs if name in ("alt", "aria-label", "title", "data-more") and value]

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden and data.strip():
            self.texts.append(data.strip())


def english(texts, q) -> dict[str, str]:
    """Words in English that are no names, by word the text that they stand in."""
    own = {*q.panel.columns, *q.map.columns, *MODELS, *SYMBOLS, *PEOPLE, *SOFTWARE}
    values = [*q.names, *q.map.index, *q.panel[q.entity].unique(), *(v for c in q.map.columns[:-1] for v in q.map[c]),
              q.formula, *(c.name for c in q.computed)]  # fmt: skip
    own |= {word for value in values for word in re.findall(r"[A-Za-z_]+", str(value))}
    result = {}
    for text in texts:
        plain = re.sub(r"\b[0-9a-f]{12,}\b|(?<![A-Za-z_])[-+]?\d[\d.,]*(?:e[-+]?\d+)?", " ", text)
        for word in re.findall(r"[A-Za-z_][A-Za-z_0-9]*", plain):
            if word not in own:
                result.setdefault(word, text[:150])
    return result


def test_no_sentence_of_the_report_is_left_in_english(study):
    q, folder, _ = study
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert english(Visible(page).texts, q) == {}


def test_no_label_of_a_figure_is_left_in_english(study):
    q, _, texts = study
    assert texts
    assert english(texts, q) == {}


def test_tables_for_papers_are_chinese_and_have_words_and_names(study):
    q, folder, _ = study
    tex = (folder / "tables.tex").read_text(encoding="utf-8")
    captions = re.findall(r"\\caption\{(.*?)\}\n", tex)
    assert captions
    assert english([re.sub(r"\\[a-z]+|[{}$]", " ", caption) for caption in captions], q) == {}
    word = ZipFile(folder / "tables.docx").read("word/document.xml").decode()
    for text in (tex, word):
        assert "失业率" in text
        assert "直接效应" in text
        assert "Wisconsin" in text  # the name beside the code of a unit that responds to the shock
    assert "表 1 " in word
    assert r"\usepackage{ctex}" in tex


def test_layers_speak_chinese_too(study):
    import sqlite3

    q, folder, _ = study
    with sqlite3.connect(folder / "spillovers.gpkg") as base:
        names = [name for (name,) in base.execute("SELECT styleName FROM layer_styles")]
    assert names
    assert english(names, q) == {}


def test_the_same_words_are_seen_in_an_english_report():
    """The search for English words finds them where they are."""
    q = read_demo()
    assert english(["Spills over to neighbors: 产出."], q).keys() == {"Spills", "over", "to", "neighbors"}


def test_numbers_do_not_depend_on_the_language(study):
    """Files of numbers are the same: scripts read their English heads."""
    q, folder, _ = study
    if "moderation" in q.steps:
        pytest.skip("two steps of the demo are run in English beside it; the template has more")
    english = read_demo()
    chapters, _ = run(replace(english, steps={"moran": english.steps["moran"], "lisa": english.steps["lisa"]}),
                      lambda _: None)  # fmt: skip
    for name in ("moran", "lisa"):
        frame = chapters[name].tables[name].frame.reset_index(drop=True)
        frame = frame.astype({c: str for c in ("cluster",) if c in frame})
        pd.testing.assert_frame_equal(pd.read_csv(folder / f"{name}.csv"), frame, check_dtype=False)
    frame = chapters["model"].tables["model"].frame
    pd.testing.assert_frame_equal(pd.read_csv(folder / "model.csv"), frame)
