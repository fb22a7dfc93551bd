"""A study from a file: whole, refused at the door, or interrupted with what is done."""

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
from spillover.cli.study import chapters, run
from spillover.cli.study.file import question, read_study, write_template
from spillover.errors import SpatialInputError

STUDY = {
    "title": "T",
    "formula": "log(gsp) ~ log(emp) + unemp",
    "draws": 200,
    "data": {"map": "example:us_states", "panel": "example:us_states", "unit": "state", "period": "year"},
    "weights": {"queen": "queen"},
}


def test_a_step_does_what_the_library_does(tmp_path, panel, queen):
    q = question({**STUDY, "columns": {"output": "log(gsp) * 2"}, "steps": {"moran": {"columns": ["output"]}}})
    result, failed = run.run(q, lambda words: None)
    assert not failed
    want = sp.sdm(STUDY["formula"], panel, queen, entity="state", time="year", effects="twoway")
    pd.testing.assert_series_equal(result["model"].result.params, want.params)
    moran = sp.moran_by(panel.assign(output=2 * np.log(panel["gsp"])), ["output"], queen, time="year", entity="state")
    np.testing.assert_allclose(result["moran"].result.to_frame()["I"], moran.to_frame()["I"])
    written = run.write(q, result, failed, tmp_path / "out")
    assert all(path.stat().st_size > 0 for path in written)
    layer = gpd.read_file(tmp_path / "out" / "spillovers.gpkg")
    assert layer["unemp_own"].mean() == pytest.approx(result["effects"].result.direct["unemp"])
    tex = (tmp_path / "out" / "tables.tex").read_text(encoding="utf-8")
    assert r"\label{tab:model}" in tex
    assert f"{want.rho:.3f}" in tex
    assert tex.index(r"\label{tab:effects}") > tex.index("Units x periods")  # a paper's table, not a list
    listed = pd.read_csv(tmp_path / "out" / "model.csv")
    np.testing.assert_allclose(listed["estimate"], want.params)


def test_word_tables_hold_the_numbers(tmp_path):
    from docx import Document

    from spatial.report.html import Table
    from spatial.report.papers import write_word

    frame = pd.DataFrame({"term": ["数字金融", "x\0"], "estimate": [0.123456, -2.0], "p_value": [1e-9, 0.5]})
    path = write_word({"a": Table(frame, "Effects\x1b")}, tmp_path / "t.docx", title="\ud800")
    grid = Document(str(path)).tables[0]
    assert [[cell.text for cell in row.cells] for row in grid.rows] == [
        ["term", "estimate", "p"], ["数字金融", "0.1235", "<1e-4"], ["x\ufffd", "\u22122.0000", "0.5000"]]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"formulas": "y ~ x"}, "unknown entry 'formulas'"),
        ({"steps": {"morans": {}}}, "unknown entry 'morans'"),
        ({"steps": {"heterogeneity": {}}}, "needs by"),
        ({"steps": {"moran": {"columns": ["gsp"], "perms": 9}}}, "no option 'perms'"),
        ({"options": {"effect": "twoway"}}, "unknown entry 'effect'"),
        ({"weights": {}}, "is empty"),
        ({"data": {**STUDY["data"], "period": None, "units": "state"}}, "unknown entry 'units'"),
        ({"columns": {"gsp": "log(emp)"}}, "which the panel has"),
        ({"columns": {"z": "__import__('os')"}}, "not allowed"),
        ({"columns": {"z": "lag(emp)"}}, "whole panels"),
        ({"columns": {"z": "log(employment)"}}, "no column"),
        ({"columns": {"z": ""}}, "got nothing"),
        ({"columns": {"z": 5}}, "must be text or a table, got 5"),
        ({"columns": {"z": {"how": "dea", "inputs": "pc", "outputs": ["gsp"]}}}, "must be a list of texts, got 'pc'"),
        ({"columns": {"z": {"how": "composite_index", "indicators": {"g": 1}}}}, "must list columns"),
        ({"formula": ["y ~ x"]}, "formula must be text"),
        ({"draws": "many"}, "draws must be a whole number, got 'many'"),
        ({"seed": -1}, "must not be negative"),
        ({"data": {**STUDY["data"], "map": 5}}, "must be text, got 5"),
        ({"data": {**STUDY["data"], "panel": "x" * 300}}, "no file"),
        ({"weights": {"queen": ["queen"]}}, "must be text, got"),
        ({"steps": {"moran": {"columns": "gsp"}}}, "must be a list of texts, got 'gsp'"),
        ({"steps": {"what_if": {"variable": "unemp", "percent": "10"}}}, "must be a number, got '10'"),
        ({"steps": {"mechanism": {"mediators": []}}}, "needs mediators"),
        ({"steps": {"tests": True}}, "must be a table"),
        ({"title": "a\0b"}, "title holds a character that cannot be printed"),
        ({"words": {"unemp": "\x1b[31m"}}, "unemp holds a character"),
        ({"steps": {"moran": {"columns": ["g\0"]}}}, "columns holds a character"),
    ],
)
def test_a_wrong_study_is_refused_at_the_door(change, message):
    with pytest.raises(SpatialInputError, match=message.replace("(", r"\(")):
        question({**STUDY, **change})


@pytest.mark.parametrize(("line", "hint"), [
    ('人均产出 = "gsp / emp"', '"人均产出" in place of 人均产出'),
    ("[steps.中部]", '"steps.中部" in place of steps.中部'),
    ('产出 = "x" # "y"', '"产出" in place of 产出'), ('name = "人均产出" "', "spillover study --new"),
    ('"人均产出" = ', "spillover study --new"),
])  # fmt: skip
def test_a_name_in_another_script_stands_in_quotes(line, hint, tmp_path):
    """TOML takes letters of ASCII alone without them; the columns of many are Chinese."""
    (tmp_path / "study.toml").write_text(f'title = "产出"\n[columns]\n{line}\n', encoding="utf-8")
    with pytest.raises(SpatialInputError, match=r"no \.toml file") as caught:
        read_study(tmp_path / "study.toml")
    assert hint in caught.value.hint


def test_what_cannot_be_done_is_said_and_the_rest_goes_on(tmp_path):
    q = question({**STUDY, "steps": {"moran": {"columns": ["nowhere"]}, "shock": {}}})
    result, failed = run.run(q, lambda words: None)
    assert "shock" in result
    assert "nowhere" in failed["moran"]
    run.write(q, result, failed, tmp_path / "out")
    assert "What could not be done" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_policy_is_told_with_its_test_of_earlier_effects():
    data = {**STUDY["data"], "panel": "example:castle", "without": ["AK", "HI"]}
    requested = {**STUDY, "formula": "log(homicide) ~ unemp", "data": data}
    policy = {"treatment": "post", "window": [-3, 2]}
    result, failed = run.run(question({**requested, "steps": {"policy": policy}}), print)
    assert not failed
    alone, spatial = result["policy"].result
    assert list(alone.path["period"]) == list(range(-3, 3))
    text = " ".join(result["policy"].text)
    assert str(alone.pretrends) in text
    assert str(spatial.pretrends) in text
    assert f"adopted it by {100 * np.expm1(alone.att):.1f}\u00a0%" in result["policy"].answer[0]


def test_a_policy_next_door_is_told_by_exposure():
    data = {**STUDY["data"], "panel": "example:castle", "without": ["AK", "HI"]}
    requested = {**STUDY, "formula": "log(homicide) ~ unemp", "data": data}
    exposure = {"treatment": "post", "exposure": "share", "unimputable": "drop", "window": [-3, 2]}
    result, failed = run.run(question({**requested, "steps": {"exposure": exposure}}), print)
    assert not failed
    chapter = result["exposure"]
    assert set(chapter.result.path["period"]) == set(range(-3, 3))
    own = chapter.result.table.set_index("term")["estimate"]["own, of the unexposed"]
    assert f"while no neighbor had by {100 * np.expm1(own):.0f}" in chapter.answer[0]
    assert str(chapter.result.pretrends) in chapter.text
    assert list(chapter.tables["exposure_levels"].frame.columns[:2]) == ["effect", "level"]


def test_weights_may_have_any_name(panel, queen):
    q = question({**STUDY, "weights": {"W: 邻接 = queen": "queen", "b=c": "knn:k=3"}})
    assert list(q.weights) == ["W: 邻接 = queen", "b=c"]
    assert q.leading.nnz == queen.nnz


def test_an_interrupted_study_keeps_what_is_done(monkeypatch):
    def interrupted(q, result):
        raise KeyboardInterrupt

    monkeypatch.setattr("spillover.cli.study.spillovers.by_weights", interrupted)
    result, failed = run.run(question({**STUDY, "steps": {"by_weights": {}}}), lambda words: None)
    assert "effects" in result
    assert failed == {"by_weights": "interrupted"}


def test_the_template_is_a_study_that_can_be_read(tmp_path):
    file = write_template(tmp_path / "study.toml")
    assert set(read_study(file).steps) < set(chapters.STEPS)
    shown = set(re.findall(r"^#? ?\[steps\.(\w+)\]", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert {*shown, *chapters.ALWAYS, "columns", "outcome"} == set(chapters.STEPS)
    with pytest.raises(SpatialInputError, match="exists"):
        write_template(tmp_path / "study.toml")
    (tmp_path / "bad.toml").write_text("title = ", encoding="utf-8")
    with pytest.raises(SpatialInputError, match="toml file"):
        read_study(tmp_path / "bad.toml")


def test_the_template_runs_as_it_stands(tmp_path):
    """Every step is done; its long run is not determined by the data, which its chapter says in place of numbers."""
    done, failed = run.run(read_study(write_template(tmp_path / "study.toml")), lambda words: None)
    assert failed == {}
    dynamics = done["dynamics"]
    assert dynamics.text[-1].startswith("No long run: ")
    assert not dynamics.tables["dynamic_effects"].frame["effect"].str.contains("long").any()


def test_a_chinese_study_from_files_to_report(shared, tmp_path):
    """Columns, regions and the report's words in Chinese; ids that are names; paths beside the study file."""
    text = """
title = "数字普惠金融与人均产出"
formula = "log(人均产出) ~ log(数字/金融) + 城镇化率"
lang = "zh-CN"
draws = 200
[data]
map = "example:china_provinces"
id = "name_zh"
panel = "panel.csv"
unit = "prov_name"
period = "year"
from_map = ["region"]
periods = [2011, 2020]
[weights]
"最近" = "knn:k=4"
[columns]
"人均产出" = "gdp_100m / population_10k"
"城镇化率" = "urban_population_10k / population_10k"
[columns."数字/金融"]
how = "composite_index"
indicators = { dif_breadth = "+", dif_depth = "+", dif_digital = "+" }
[steps.gaps]
column = "人均产出"
groups = "region"
[steps.what_if]
variable = "城镇化率"
to = "mean"
groups = "region"
"""
    text = text.replace("log(数字/金融)", "`数字/金融`")
    (tmp_path / "panel.csv").write_bytes((shared / "china_province_panel.csv").read_bytes())
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    q = read_study(tmp_path / "study.toml")
    result, failed = run.run(q, lambda words: None)
    assert not failed
    names = {path.name for path in run.write(q, result, failed, tmp_path / "out")}
    assert "weights_of_数字_金融.csv" in names
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in html
    assert "人均产出" in html
    gini = pd.read_csv(tmp_path / "out" / "gini.csv")
    np.testing.assert_allclose(gini[["within", "between", "transvariation"]].sum(axis=1), gini["gini"])
    assert "平均人均产出的变化为：" in html


def test_a_report_names_units_and_speaks_plain_words(tmp_path):
    words = {"unemp": "unemployment", "log(emp)": "labour", "log(gsp)": "output", "emp": "workers"}
    q = question({**STUDY, "words": words, "data": {**STUDY["data"], "name": "name"},
                  "steps": {"shock": {"unit": "IL", "term": "unemp"}, "lisa": {"columns": ["unemp"]},
                            "moran": {"columns": ["unemp"]}}})  # fmt: skip
    result, failed = run.run(q, lambda words: None)
    assert not failed
    run.write(q, result, failed, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", text)
    assert "Illinois (IL)" in text
    assert {"Texas", "Massachusetts"} <= set(cells)  # beside their codes
    assert "unemp" not in cells
    assert "unemployment" in cells
    first = text[text.index('class="answer"'):text.index("<nav")]
    assert first.count("<p>") == 3
    assert first.count("<figure>") == 2
    assert "<svg" in first
    assert "<img" in first
    assert pd.read_csv(tmp_path / "out" / "shock.csv").columns.tolist() == ["state", "response"]  # numbers as they are
    labels = [label.get_text() for label in result["effects"].figures["effects"].image.get_yticklabels()]
    assert {"unemployment", "labour"} <= set(labels)
    with pytest.raises(SpatialInputError, match="E502"):
        question({**STUDY, "data": {**STUDY["data"], "name": "naam"}})


def test_robustness_changes_one_thing_at_a_time(panel, queen):
    """Each column is what the library gives for that change alone."""
    weights = {"queen": "queen", "5": "knn:k=5"}
    options = {"without": ["CA", "NY"], "periods": [[1978, 1986]], "models": ["sar"], "outcome": "log(emp)"}
    formula = "log(gsp) ~ log(pcap) + unemp"
    study = {**STUDY, "formula": formula, "weights": weights, "steps": {"robustness": options}}
    result, failed = run.run(question(study), lambda words: None)
    assert not failed
    fits, keys = result["robustness"].result, {"entity": "state", "time": "year", "effects": "twoway"}
    assert list(fits) == ["as above", "W: 5", "SAR", "without CA, NY", "1978-1986", "outcome log(emp)",
                          "winsorized at 1 %", "regressors lagged"]  # fmt: skip
    fewer = queen.subset(queen.ids[~queen.ids.isin(["CA", "NY"])])
    cut = panel.assign(**{c: panel[c].clip(panel[c].quantile(0.01), panel[c].quantile(0.99))
                          for c in ("gsp", "pcap", "unemp")})  # fmt: skip
    want = {
        "as above": sp.sdm(formula, panel, queen, **keys),
        "SAR": sp.sar(formula, panel, queen, **keys),
        "without CA, NY": sp.sdm(formula, panel[~panel["state"].isin(["CA", "NY"])], fewer, **keys),
        "1978-1986": sp.sdm(formula, panel[panel["year"] >= 1978], queen, **keys),
        "winsorized at 1 %": sp.sdm(formula, cut, queen, **keys),
        "outcome log(emp)": sp.sdm("log(emp) ~ log(pcap) + unemp", panel, queen, **keys),
    }
    for name, fit in want.items():
        pd.testing.assert_series_equal(fits[name].params, fit.params, rtol=1e-9)
    lagged = panel.sort_values("year").assign(pcap=lambda d: d.groupby("state")["pcap"].shift(),
                                              unemp=lambda d: d.groupby("state")["unemp"].shift())  # fmt: skip
    other = sp.sdm(formula, lagged[lagged["year"] > 1970], queen, **keys)
    pd.testing.assert_series_equal(fits["regressors lagged"].params, other.params, rtol=1e-9)
    assert result["robustness"].papers["robustness"].heads == tuple(fits)


def test_robustness_by_defaults_and_what_it_refuses(panel):
    result, failed = run.run(question({**STUDY, "steps": {"robustness": {}}}), lambda words: None)
    assert not failed
    assert list(result["robustness"].result) == ["as above", "winsorized at 1 %", "regressors lagged"]
    for options in ({"without": ["XX"]}, {"models": ["spline"]}, {"periods": [1970]}, {"winsorize": 0.7},
                    {"weights": False, "winsorize": 0.0, "lagged": False}):  # fmt: skip
        result, failed = run.run(question({**STUDY, "steps": {"robustness": options}}), lambda words: None)
        assert "robustness" in failed, options


def test_the_layer_of_a_study_has_a_style_for_every_chapter(tmp_path):
    import sqlite3

    q = question({**STUDY, "steps": {"shock": {"unit": "IL", "term": "unemp"}, "lisa": {"columns": ["unemp"]}}})
    result, _ = run.run(q, lambda words: None)
    run.write(q, result, {}, tmp_path / "out")
    with sqlite3.connect(tmp_path / "out" / "spillovers.gpkg") as connection:
        rows = connection.execute("SELECT styleName, useAsDefault, styleQML FROM layer_styles").fetchall()
    assert [default for _, default, _ in rows] == [1] + [0] * (len(rows) - 1)
    clusters = next(qml for name, _, qml in rows if name == "Clusters of unemp, 1986")
    assert 'attr="unemp_cluster"' in clusters
    assert "high, among high neighbors (4)" in clusters


def test_steps_left_to_defaults_take_the_outcome():
    """Moran, clusters with a scatter plot whose quadrants are named, and growth, of the column in log(gsp)."""
    q = question({**STUDY, "steps": {"moran": {}, "lisa": {"every": False}, "growth": {}}})
    assert q.outcome_columns == ["gsp"]
    result, failed = run.run(q, lambda words: None)
    assert not failed
    assert result["moran"].result.to_frame()["variable"].unique().tolist() == ["gsp"]
    assert list(result["lisa"].figures) == ["lisa_gsp", "moran_scatter_gsp"]
    drawn = {text.get_text() for text in result["lisa"].figures["moran_scatter_gsp"].image.texts}
    assert {"High-High", "Low-Low", "High-Low", "Low-High"} <= drawn
    assert drawn & set(q.map.index)


def test_the_annotations_of_everything_a_study_file_reaches_can_be_read():
    """Names that are imported for type checkers alone do not stop a study; lists and tables are still told apart."""
    import spatial.indicators as indicators
    from spillover.cli.study.chapters import STEPS, function
    from spillover.cli.study.columns import INDICATORS
    from spillover.cli.study.kinds import annotations_of, check_kinds

    for reached in [*map(function, STEPS), *(getattr(indicators, name) for name in INDICATORS)]:
        assert annotations_of(reached)
    check_kinds("[columns.x]", {"indicators": {"a": "+"}}, indicators.composite_index)
    with pytest.raises(SpatialInputError, match="must be text or a list of texts or a table"):
        check_kinds("[columns.x]", {"indicators": 5}, indicators.composite_index)


def test_the_only_column_of_a_map_that_holds_the_units_names_them(tmp_path):
    """Without ``id``; two such columns are an error that names both."""
    states, panel = shapefiles.load("us_states").reset_index(), shapefiles.load_panel("us_states")
    states.to_file(tmp_path / "map.gpkg")
    panel.to_csv(tmp_path / "panel.csv", index=False)
    data = {"panel": "panel.csv", "unit": "state", "period": "year"}
    entries = {"title": "output", "formula": "log(gsp) ~ unemp", "weights": {"queen": "queen"}}
    study = question(entries | {"data": data | {"map": "map.gpkg"}}, beside=tmp_path)
    assert study.map.index.name == "state"
    assert set(study.panel["state"]) == set(states["state"])
    states.assign(copy=states["state"]).to_file(tmp_path / "two.gpkg")
    with pytest.raises(SpatialInputError, match=r"E101: several columns .*: state, copy"):
        question(entries | {"data": data | {"map": "two.gpkg"}}, beside=tmp_path)
