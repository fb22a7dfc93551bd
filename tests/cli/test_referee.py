"""What a referee asks for comes out of one study file on data that ship: the one that docs/for-a-paper.md prints."""

import re
from pathlib import Path

import pandas as pd
import pytest

from spillover.errors import SpatialInputWarning

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "for-a-paper.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from spillover.cli.study.file import read_study
    from spillover.cli.study.run import run, write

    folder = tmp_path_factory.mktemp("referee")
    (folder / "castle.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1], encoding="utf-8")
    question = read_study(folder / "castle.toml")
    with pytest.warns(SpatialInputWarning, match="Northeast"):
        chapters, failed = run(question, lambda step: None)
    assert not failed
    write(question, chapters, failed, folder / "out")
    return folder / "out"


@pytest.mark.parametrize("words", [
    "R\u00b2 within|R2 within", "Observations", "48 x 11", "state effects", "year effects", r"\*\*\*", "LR SDM vs SAR",
    "Wald SDM vs SEM", "robust Hausman, SDM", "Kleibergen-Paap F", "Cragg-Donald F", "Anderson-Rubin, robust", "Sargan",
    "Hansen J", "first-stage F of unemp", "without DE, RI", "winsorized", "regressors lagged", "SEM",
    "GMM", "2000-2008",
    "Pre-trends, joint p", "Northeast has a regressor that does not vary", "Instruments are weak",
])  # fmt: skip
def test_the_report_has_it(folder, words):
    assert re.search(words, (folder / "report.html").read_text(encoding="utf-8"))


def test_files_that_the_page_names_are_there(folder):
    names = set(re.findall(r"`([a-z_]+\.(?:png|csv|gpkg|docx|tex|html))`", PAGE.partition("asked for")[2]))
    assert {"trends.png", "event_study.png", "lisa_homicide.png", "spillovers.gpkg", "tables.docx"} <= names
    assert all((folder / name).stat().st_size > 0 for name in names)
    assert pd.read_csv(folder / "instruments.csv")["test"].str.startswith("first-stage F").sum() == 3


def test_words_of_tables_are_not_broken(folder):
    """In Word the column of labels of a wide table has room for them."""
    from docx import Document

    tables = Document(str(folder / "tables.docx")).tables
    robust = next(table for table in tables if "winsorized at 1 %" in [cell.text for cell in table.rows[0].cells])
    assert robust.columns[0].width.pt > 0.5 * 10.5 * len("castle doctrine")
    assert all(row._tr.trPr.find(f"{{{row._tr.nsmap['w']}}}cantSplit") is not None for row in robust.rows)
