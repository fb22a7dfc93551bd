"""Tables: the numbers are the results', decimals are fixed and aligned, every format escapes, Word has three lines."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial.report.decimals import decimals, fixed
from spatial.report.table import Table
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data

NASTY = r"\ & % $ # _ { } ~ ^ < > | * ` 东"


@pytest.fixture(scope="module")
def fits():
    data, W = cross_section(1)
    return [sp.ols("y ~ a", data, W), sp.sdm("y ~ a + b", data, W, vcov="robust"), sp.sem("y ~ a", data, W)]


def cell(table, section, term, head):
    """The one cell of a row that has this label."""
    rows = dict(next(body for title, body in table.sections if title == section))
    return rows[term][table.heads.index(head)]


def numbers(cells):
    return [float(c.strip("()*")) for c in cells]


def test_cells_are_the_estimates(fits):
    frame = sp.etable(fits, digits=6, statistics=["nobs"]).to_frame().droplevel("section")
    terms = list(dict.fromkeys(t for t in frame.index if t))
    assert terms[:7] == ["Intercept", "a", "b", "W:a", "W:b", "rho", "lambda"]
    for column, fit in zip(frame, fits):
        for term, estimate in fit.params.items():
            at = frame.index.get_loc(term)
            got = numbers(frame[column].iloc[[at, at + 1]])
            np.testing.assert_allclose(got, [estimate, fit.std_errors[term]], atol=6e-7)
        assert (frame[column].replace("", np.nan).dropna().index != "").sum() == len(fit.params) + 1
    assert frame.loc["Observations"].tolist() == ["40"] * 3


@pytest.mark.parametrize(("below", "column"), [("statistic", "statistic"), ("p_value", "p_value")])
def test_below(fits, below, column):
    frame = sp.etable(fits[1:2], below=below, digits=4).to_frame().droplevel("section")
    at = frame.index.get_loc("b")
    want = fits[1].tidy().set_index("term").loc["b", column]
    assert frame.iloc[at + 1, 0] == ("(<0.0001)" if below == "p_value" and want < 1e-4 else f"({want:.4f})")


def test_effects_tables(fits):
    """Of a Fit and of Effects already there: the same numbers, by kind."""
    drawn = fits[1].effects(seed=4)
    frame = sp.etable([drawn], digits=6).to_frame()
    for kind in ("direct", "indirect", "total"):
        assert numbers([frame.loc[(f"{kind.capitalize()} effects", "b")].iloc[0]])[0] == pytest.approx(
            getattr(drawn, kind)["b"], abs=6e-7
        )
    both = sp.etable({"fit": fits[1], "effects": fits[1].effects()}, effects=True).to_frame()
    assert (both["fit"] == both["effects"]).all()


def test_stars_are_off_until_asked_for(fits):
    plain, starred = sp.etable(fits), sp.etable(fits, stars=True)
    assert "*" not in str(plain)
    p = fits[0].pvalues["a"]
    mark = "***" if p < 0.01 else "**" if p < 0.05 else "*" if p < 0.1 else ""
    cell = starred.to_frame().droplevel("section").loc["a"].iloc[0]
    assert re.search(r"\**$", cell).group() == mark
    assert "p < 0.05" in starred.notes[2]


def test_small_numbers_are_never_noughts():
    data, W = cross_section(3)
    fit = sp.ols("y ~ a", data.assign(a=data["a"] * 1e6), W)
    frame = sp.etable([fit], digits=2).to_frame().droplevel("section")
    at = frame.index.get_loc("a")
    cells = frame.iloc[[at, at + 1], 0].tolist()
    np.testing.assert_allclose(numbers(cells), [fit.params["a"], fit.std_errors["a"]], rtol=0.05)
    assert not any("e" in cell for cell in frame.iloc[:, 0])
    assert frame.loc["Intercept"].iloc[0].partition(".")[2] != ""
    assert len(frame.loc["Intercept"].iloc[0].partition(".")[2]) == 2


def test_notes_name_the_covariance_and_the_weights(fits):
    message = "\n".join(sp.etable(fits, names=["A", "B", "C"]).notes)
    assert "A: classical; B: robust (by unit and pair of units, HC2 residuals, N = 40)" in message
    assert "; C: observed information" in message
    assert "given matrix, row-standardised" in message
    assert "not effects" in message


def test_estimates_by_moments_say_so(fits):
    data, W = cross_section(1)
    moments = sp.sar("y ~ a + b", data, W, method="gmm")
    both = sp.etable([fits[1], moments]).to_frame().droplevel("section")
    assert both.loc["Method"].tolist() == ["likelihood", "moments"]
    assert both.loc["Log-likelihood"].iloc[1] == ""
    assert "Log-likelihood" not in sp.etable([moments]).to_frame().droplevel("section").index


def test_labels_reach_the_lags(fits):
    frame = sp.etable(fits, labels={"a": "区域 income"}).to_frame().droplevel("section")
    assert {"区域 income", "W:区域 income"} <= set(frame.index)


# -- escaping --------------------------------------------------------------------------------------------------


@pytest.fixture
def nasty():
    return Table((NASTY, "b"), ((NASTY, ((NASTY, ("-1.5", "(-2, 3)")), ("x\ny", ("", "<1e-4")))),), (NASTY,), NASTY)


def test_latex_escapes_all_ten(nasty):
    text = nasty.to_latex(label="tab:one")
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    body = text
    for built in (r"\\textbackslash\{\}", r"\\textasciitilde\{\}", r"\\textasciicircum\{\}", r"\\textless\{\}",
                 r"\\textgreater\{\}", r"\\[&%$#_{}]"):  # fmt: skip
        result = re.findall(built, body)
        assert len(result) >= 4  # head, section, row, note, caption
        body = re.sub(built, "", body)
    cell_lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert all(line.count("&") in (0, 2) for line in cell_lines)  # two separators, or a \multicolumn
    assert "$-$1.5" in text
    assert "($-$2, 3)" in text
    for stray in "%#~^_":
        assert stray not in body


def test_html_is_well_formed_and_escaped(nasty):
    seen = []

    class Reader(HTMLParser):
        def handle_data(self, data):
            seen.append(data)

    Reader(convert_charrefs=True).feed(nasty.to_html())
    assert seen.count(NASTY) == 5
    hostile = Table(("<script>alert(1)</script>",), (("", (('"><img src=x>', ("1",)),)),))
    assert "<script" not in hostile.to_html()
    assert "<img" not in hostile.to_html()


def test_markdown_keeps_its_columns(nasty):
    rows = [line for line in nasty.to_markdown().splitlines() if line.startswith("|")]
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert "x y" in rows[-1]


def test_files(tmp_path, nasty):
    for suffix, start in ((".tex", "% needs"), (".md", r"\\ &"), (".html", "<table>"), (".txt", "\\ &")):
        path = nasty.save(tmp_path / f"表 1{suffix}")
        assert path.read_text(encoding="utf-8").startswith(start)
    with pytest.raises(SpatialInputError) as caught:
        nasty.save(tmp_path / "表 1.tex")
    assert caught.value.code == "E603"
    with pytest.raises(SpatialInputError, match=r"must end in .*docx"):
        nasty.save(tmp_path / "table.rtf")


@pytest.mark.parametrize("bad", [{"fits": []}, {"fits": ["sdm"]}, {"names": ["one"]}, {"below": "se"},
                                 {"stars": 3}, {"stars": (2.0,)}, {"keep": "nothing"}, {"rows": {"FE": ["yes"]}},
                                 {"groups": {"A": 9}}, {"groups": {"A": ["x"]}}, {"statistics": ["r3"]},
                                 {"tests": {"LR": 1}}, {"labels": ["a"]}, {"rows": ["a"]}, {"order": 3}, {"keep": [1]},
                                 {"statistics": 5}, {"digits": -1}, {"digits": 99}, {"digits": 2.5}])  # fmt: skip
def test_refusals(fits, bad):
    with pytest.raises(SpatialInputError) as caught:
        sp.etable(**{"fits": fits, **bad})
    assert caught.value.code == "E501"


# -- any mix ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mix(fits):
    data, W = panel_data(1)
    keys = {"entity": "id", "time": "t"}
    treated = data.assign(d=((data["id"] < "05") & (data["t"] > data["t"].min() + 2)).astype(int))
    return {
        "fit": fits[1], "effects": fits[1].effects(), "did": sp.did("y ~ d", treated, treatment="d", **keys),
        "W": sp.compare_weights({"one": W, "two": W}, model=sp.sdm, formula="y ~ a", data=data, **keys),
    }  # fmt: skip


def test_a_mix_of_results_has_a_section_for_each_kind(mix):
    table = sp.etable(mix, digits=5)
    assert table.heads == ("fit", "effects", "did", "W, one", "W, two")
    frame = table.to_frame()
    assert list(dict.fromkeys(frame.index.get_level_values(0))) == [
        "Coefficients", "Direct effects", "Indirect effects", "Total effects", "Effects of the policy", ""]  # fmt: skip
    assert float(cell(table, "Coefficients", "b", "fit")) == pytest.approx(mix["fit"].params["b"], abs=6e-6)
    assert float(cell(table, "Effects of the policy", "ATT", "did")) == pytest.approx(mix["did"].att, abs=6e-6)
    assert float(cell(table, "Total effects", "a", "effects")) == pytest.approx(
        mix["effects"].total["a"], abs=6e-6)  # fmt: skip
    assert cell(table, "Coefficients", "rho", "W, two").rstrip("*") == f"{mix['W']['two'].rho:.5f}"
    about = frame.loc[""]
    assert about.loc["id effects"].tolist() == ["", "", "yes", "yes", "yes"]
    assert about.loc["Posterior probability"].tolist() == ["", "", "", "0.500", "0.500"]
    assert about.loc["Units x periods", "did"] == "14 x 5"


def test_groups_of_heterogeneity_are_columns():
    data, W = panel_data(1, N=20)
    half = data.assign(half=np.where(data["id"] < "10", "low", "high"))
    half["half"] = half.groupby("id")["half"].transform("first")
    result = sp.heterogeneity("y ~ a", half, W, by="half", model="sar", entity="id", time="t")
    table = sp.etable(result, digits=6)
    for head, name in zip(table.heads, result.effects):
        assert name in head
        got = float(cell(table, "Total effects", "a", head))
        assert got == pytest.approx(result.effects[name].total["a"], abs=6e-7)


def test_terms_are_kept_dropped_and_ordered(fits):
    def terms(**options):
        frame = sp.etable(fits, statistics=[], **options).to_frame().droplevel("section")
        return [term for term in frame.index if term]

    assert terms(keep=["b", "W:*"]) == ["b", "W:a", "W:b"]
    assert terms(drop=["Intercept", "W:*"], order=["rho"]) == ["rho", "a", "b", "lambda"]
    assert terms(keep="income", labels={"a": "income"}) == ["income"]


def test_rows_of_the_user_replace_and_tests_stand_below(fits):
    lr = sp.lr_test(fits[0], sp.sar("y ~ a", *cross_section(1)))
    table = sp.etable(fits, rows={"Controls": True, "Province FE": ["yes", False, None], "Observations": [1, 2, 3]},
                      tests={"LR": [lr, None, None]}, notes="Source: own.", groups={"Spatial": 2})  # fmt: skip
    frame = table.to_frame().droplevel("section")
    assert frame.loc["Controls"].tolist() == ["yes"] * 3
    assert frame.loc["Province FE"].tolist() == ["yes", "no", ""]
    assert frame.loc["Observations"].tolist() == ["1", "2", "3"]
    assert frame.loc["LR"].tolist() == [f"{lr.statistic:.2f} [<0.001]", "", ""]
    assert lr.p_value < 0.001
    assert table.notes[-1] == "Source: own."
    assert table.groups == (("Spatial", 2), ("", 1))
    assert str(lr) in sp.etable(fits, tests=[lr]).notes


def test_levels_of_stars_are_those_of_the_note(fits):
    table = sp.etable(fits[:1], stars=(0.001, 0.5), digits=4)
    p = fits[0].pvalues
    cells = table.to_frame().droplevel("section").iloc[:, 0]
    for term in ("Intercept", "a"):
        assert cells.loc[term].count("*") == sum(p[term] < level for level in (0.5, 0.001))
    assert "* p < 0.5, ** p < 0.001." in table.notes


def test_intervals_below_are_those_of_their_level(fits):
    effects = fits[1].effects(level=0.9)
    table = sp.etable([effects], below="conf_int", digits=4)
    row = effects.tidy().iloc[0]
    assert f"[{row['conf_low']:.4f}, {row['conf_high']:.4f}]" in table.to_text()
    assert table.notes[0].startswith("90 % intervals in brackets")


@pytest.mark.parametrize("value", [-1.22e-4, 3.1e-9, 12345.678, -0.0, 0.03])
def test_a_number_is_fixed_and_never_reads_nought(value):
    digits = decimals([value], 3)
    text = fixed(value, digits)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.05, abs=1e-12)
    assert len(text.partition(".")[2]) >= 3


def test_decimal_points_stand_under_each_other(fits):
    lines = sp.etable(fits[:1], stars=True, statistics=["loglik"]).to_text().splitlines()[2:]
    points = {line.index(".") for line in lines[:4] + [line for line in lines if line.startswith("Log")]}
    assert len(points) == 1


def test_word_has_three_lines_and_two_fonts(tmp_path, fits):
    docx = pytest.importorskip("docx")
    from docx.oxml.ns import qn

    path = sp.etable(fits, stars=True, groups={"A": 2}, caption="表 1").save(tmp_path / "t.docx")
    document = docx.Document(str(path))
    (table,) = document.tables
    rules = [(i, edge.tag.split("}")[1], edge.get(qn("w:sz"))) for i, row in enumerate(table.rows)
             for edge in row.cells[0]._tc.iter(qn("w:top"), qn("w:bottom"))]  # fmt: skip
    assert rules == [(0, "top", "12"), (1, "bottom", "6"), (len(table.rows) - 1, "bottom", "12")]
    fonts = document.styles["Normal"].element.rPr.rFonts
    assert (fonts.get(qn("w:ascii")), fonts.get(qn("w:eastAsia"))) == ("Times New Roman", "SimSun")
    assert document.paragraphs[0].text == "表 1"
    cells = [c.text for row in table.rows for c in row.cells]
    estimate = sp.etable(fits, stars=True).to_frame().droplevel("section").loc["a"].iloc[0].replace("-", "\u2212")
    assert estimate in cells
    stars = [run for row in table.rows for c in row.cells for p in c.paragraphs for run in p.runs if "*" in run.text]
    assert all(run.font.superscript for run in stars)


def test_sheets_hold_the_cells_and_no_formula(tmp_path, fits):
    openpyxl = pytest.importorskip("openpyxl")
    table = sp.etable(fits, rows={"=cmd()": True}, groups={"A": 2}, caption="c")
    sheet = openpyxl.load_workbook(table.save(tmp_path / "t.xlsx")).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    flat = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
    frame = table.to_frame()
    assert [c for row in frame.to_numpy() for c in row if c and c not in flat] == []
    text = table.save(tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert " =cmd()" in text
    got = pd.read_csv(tmp_path / "t.csv", skiprows=2, dtype=str, nrows=len(frame) + 1, skip_blank_lines=False)
    assert got.columns[1:].tolist() == list(table.heads)


def test_latex_compiles_in_both_ways(tmp_path, fits, mix):
    """With booktabs alone, and with the S columns of siunitx."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex")
    for name, siunitx in (("a", False), ("b", True)):
        sp.etable([*fits, mix["did"]], stars=True, below="conf_int", groups={"Å & b": 2},
                  tests=[sp.lr_test(fits[0], sp.sar("y ~ a", *cross_section(1)))]).save(
            tmp_path / f"{name}.tex", siunitx=siunitx)  # fmt: skip
    (tmp_path / "doc.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,siunitx}\\begin{document}\\input{a}\\input{b}\\end{document}",
        encoding="utf-8",
    )
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "doc.tex"], cwd=tmp_path,
                          capture_output=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:].decode("utf-8", "replace")


# -- maketables ------------------------------------------------------------------------------------------------


def test_the_protocol():
    data, W = panel_data(1)
    fit = sp.sdm("y ~ a", data, W, **PANEL, vcov="cluster")
    table = fit.__maketables_coef_table__
    assert list(table.columns) == ["b", "se", "t", "p", "ci95l", "ci95u"]
    pd.testing.assert_series_equal(table["b"], fit.params, check_names=False)
    assert fit.__maketables_stat__("N") == 70
    assert fit.__maketables_stat__("r2") is None
    assert fit.__maketables_depvar__ == "y"
    assert fit.__maketables_fixef_string__ == "id+t"
    words = "clustered by id (14 groups), with pairs of groups, CR3 residuals"
    assert fit.__maketables_vcov_info__ == {"vcov_type": words}


def test_maketables_itself(tmp_path, fits):
    """Word: the file is a document with our numbers in it."""
    maketables = pytest.importorskip("maketables")
    docx = pytest.importorskip("docx")
    path = tmp_path / "table.docx"
    maketables.ETable(fits).save(type="docx", file_name=str(path))
    cells = {c.text for table in docx.Document(str(path)).tables for row in table.rows for c in row.cells}
    assert any(f"{fits[1].rho:.3f}" in cell for cell in cells)


def test_provenance_where_it_is_asked_for():
    """One line under a printed fit; a note of the table, each data set and W once."""
    data, W = cross_section(1)
    lag, plain = (model("y ~ a", data, W) for model in (sp.sar, sp.ols))
    built = lag.provenance
    prints = f"data {built.data}, W {built.weights['W']}"
    assert str(lag).splitlines()[-1] == f"provenance: {prints}"
    table = sp.etable([lag, plain, lag.effects()], provenance=True)
    assert table.notes[-1] == f"Provenance: spillover {built.versions['spillover']}; {prints}."
    assert not any("Provenance" in note for note in sp.etable([lag, plain]).notes)


@pytest.mark.parametrize("kind", ["slopes", "predictions", "lincom", "nlcom", "forecast"])
def test_what_is_made_of_a_fit_has_a_column_beside_it(fits, kind):
    make = {"slopes": lambda: sp.slopes(fits[1], "a", level=0.9), "nlcom": lambda: sp.nlcom(fits[1], {"r": "a / b"}),
            "predictions": lambda: sp.predictions(fits[1], at={"a": [0, 1]}),
            "lincom": lambda: sp.lincom(fits[1], {"s": "a + b"}), "forecast": forecast}  # fmt: skip
    result = make[kind]()
    table = sp.etable([fits[1], result], digits=6)
    assert len(table.heads) == 2
    assert str(len(result.fit.resid)) in str(table)
    first = result.tidy().iloc[0]
    assert f"{first['estimate']:.6f}" in str(table)
    assert "tabular" in table.to_latex()


def forecast():
    frame = shapefiles.load_panel("us_states")
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    old = frame["year"] < 1985
    fit = sp.sar("log(gsp) ~ log(pc)", frame[old], w, entity="state", time="year", effects="twoway")
    return fit.forecast(frame[~old], period_effects="last")


def test_a_standard_error_that_is_rounding_takes_no_decimals():
    """Of a nearly exact fit: 1e-10 beside an estimate of 2 is shown with the table's own decimals."""
    data, W = cross_section(1)
    fit = sp.ols("y ~ a", data.assign(y=1 + 2 * data["a"] + 1e-3 * data["b"]), W)
    exact = replace(fit, _covariance=1e-14 * fit._covariance)
    assert 0 < exact.std_errors["a"] < 1e-9
    body = sp.etable([exact]).to_frame().to_string()
    assert "2.000" in body
    assert "2.0000" not in body
    assert decimals([1.0, 3e-13], 3) == 3
    assert decimals([1.0, 3e-6], 3) == 7
