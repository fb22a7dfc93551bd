"""The site has a page for every public name, a notebook for every study, and formulas as they are written."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

import shapefiles
import spatial
import spillover
import weights

SITE = Path(__file__).parents[1] / "docs" / "site"


@pytest.fixture
def part():
    def load(name):
        spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_every_public_name_has_a_page(part):
    listed = [(package, name) for package, names in part("reference").groups().values() for name in names]
    assert len(listed) == len(set(listed))
    shown = {name for _, name in listed}
    for package in (spatial, weights, shapefiles, spillover, spatial.indicators, spatial.plot):
        rooms = {"spatial", "weights", "shapefiles", "indicators", "plot", "report"}
        assert set(package.__all__) - rooms <= shown
    for package, name in listed:
        assert getattr(sys.modules[package], name).__doc__


def test_a_study_becomes_a_notebook(part, tmp_path):
    notebooks = part("notebooks")
    notebooks.write(SITE.parent, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} >= {"public-capital", "which-w"}
    text = "# Title\n\n```python\nx = 1\nprint(x)\n```\n\n```text\n1\n```\n\nWords.\n"
    cells = notebooks.notebook(text)["cells"]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == [
        ("markdown", "# Title"), ("code", "x = 1\nprint(x)"), ("markdown", "Words.")]  # fmt: skip
    for page in SITE.parent.glob("*.md"):
        for cell in notebooks.notebook(page.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                ast.parse("".join(cell["source"]))


def test_formulas_are_literal_blocks_outside_of_parameters(part):
    marked = part("formulas").marked
    text = ["Lag model.", "", "    y = rho |W| y", "    x = 1", "", "With |rho| < 1.", "", "Parameters", "----------",
            "x : str", "    Words.", "", "    More words.", "", "Notes", "-----", "So", "", "    a = |b|"]  # fmt: skip
    result = marked(text)
    assert result[2:5] == ["::", "", "    y = rho |W| y"]
    assert "With \N{DIVIDES}rho\N{DIVIDES} < 1." in result
    assert result[result.index("Parameters") :][:6] == ["Parameters", "----------", "x : str", "    Words.", "",
                                                        "    More words."]  # fmt: skip
    assert result[-3:] == ["::", "", "    a = |b|"]
