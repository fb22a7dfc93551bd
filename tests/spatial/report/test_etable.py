"""Tables: the numbers are the fits', every format escapes, and maketables reads a Fit by itself."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.report.table import Table
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data

NASTY = r"\ & % $ # _ { } ~ ^ < > | * ` 东"


@pytest.fixture(scope="module")
def fits():
    data, W = cross_section(1)
    return [sp.ols("y ~ a", data, W), sp.sdm("y ~ a + b", data, W, vcov="robust"), sp.sem("y ~ a", data, W)]


def numbers(cells):
    return [float(c.strip("()*")) for c in cells]


def test_cells_are_the_estimates(fits):
    frame = sp.etable(fits, digits=6).to_frame().droplevel("section")
    terms = list(dict.fromkeys(t for t in frame.index if t))
    assert terms[:7] == ["Intercept", "a", "b", "W:a", "W:b", "rho", "lambda"]
    for column, fit in zip(frame, fits):
        for term, estimate in fit.params.items():
            at = frame.index.get_loc(term)
            got = numbers(frame[column].iloc[[at, at + 1]])
            np.testing.assert_allclose(got, [estimate, fit.std_errors[term]], atol=6e-7)
        assert (frame[column].replace("", np.nan).dropna().index != "").sum() == len(fit.params) + 4
    assert frame.loc["Observations"].tolist() == ["40"] * 3


@pytest.mark.parametrize(("below", "column"), [("statistic", "statistic"), ("p_value", "p_value")])
def test_below(fits, below, column):
    frame = sp.etable(fits[1:2], below=below, digits=4).to_frame().droplevel("section")
    at = frame.index.get_loc("b")
    want = fits[1].tidy().set_index("term").loc["b", column]
    assert frame.iloc[at + 1, 0] == ("(<1e-4)" if below == "p_value" and want < 1e-4 else f"({want:.4f})")


def test_effects_tables(fits):
    """Of a Fit and of Effects already drawn: the same numbers, by kind."""
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
    frame = sp.etable([sp.ols("y ~ a", data.assign(a=data["a"] * 1e4), W)], digits=2).to_frame().droplevel("section")
    assert "e-" in frame.loc["a"].iloc[0]


def test_notes_name_the_covariance_and_the_weights(fits):
    said = "\n".join(sp.etable(fits, names=["A", "B", "C"]).notes)
    assert "A: classical; B: robust (by unit and pair of units, HC2 residuals, N = 40); C: observed information" in said
    assert "given matrix, row-standardised" in said
    assert "not effects" in said


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
    body = text
    for made in (r"\\textbackslash\{\}", r"\\textasciitilde\{\}", r"\\textasciicircum\{\}", r"\\textless\{\}",
                 r"\\textgreater\{\}", r"\\[&%$#_{}]"):  # fmt: skip
        found = re.findall(made, body)
        assert len(found) >= 4  # head, section, row, note, caption
        body = re.sub(made, "", body)
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
    for suffix, start in ((".tex", r"\begin{table}"), (".md", r"\\ &"), (".html", "<table>"), (".txt", "\\ &")):
        path = nasty.save(tmp_path / f"表 1{suffix}")
        assert path.read_text(encoding="utf-8").startswith(start)
    with pytest.raises(SpatialInputError) as caught:
        nasty.save(tmp_path / "表 1.tex")
    assert caught.value.code == "E603"
    with pytest.raises(SpatialInputError, match="maketables"):
        nasty.save(tmp_path / "table.docx")


@pytest.mark.parametrize("bad", [{"fits": []}, {"fits": ["sdm"]}, {"names": ["one"]}, {"below": "se"}])
def test_refusals(fits, bad):
    with pytest.raises(SpatialInputError) as caught:
        sp.etable(**{"fits": fits, **bad})
    assert caught.value.code == "E501"


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
