"""The site has a page for every public name, a notebook for every study, and formulas as they are written."""

import ast
import importlib.util
import re
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
            if cell["cell_type"] == "code":  # commands of a shell are cells of pages of commands only
                ast.parse("".join(cell["source"]))


def test_commands_are_cells_and_folders_are_named_first(part, tmp_path):
    notebooks = part("notebooks")
    text = "# Title\n\n```bash\nspillover info a \\\n  b\n```\n\n```json\n{}\n```\n\n```python\nDATA / 'x'\n```\n"
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebooks.notebook(text, commands=True)["cells"]]
    assert cells[0] == ("markdown", "# Title")
    assert cells[1][1].endswith("DATA = Path('data')  # the folder with the file that this page names")
    assert [code for _, code in cells[2:]] == ["!spillover info a    b", "DATA / 'x'"]
    notebooks.write(SITE.parent, tmp_path)
    assert "!spillover study study.toml --check" in (tmp_path / "your-study-zh.ipynb").read_text(encoding="utf-8")


def test_every_page_is_in_one_list_and_every_link_to_a_notebook_has_its_file(part, tmp_path):
    pages, notebooks = part("pages"), part("notebooks")
    listed = [item["page"] for items in pages.lists(SITE.parent).values() for item in items]
    assert sorted(listed) == sorted(path.stem for path in SITE.parent.glob("*.md") if path.stem != "index")
    notebooks.write(SITE.parent, tmp_path / "notebooks")
    (tmp_path / "site").mkdir()
    pages.write(SITE.parent, tmp_path / "site")
    link = re.compile(r'href="../notebooks/([\w-]+)\.ipynb"')
    linked = [name for page in (tmp_path / "site").iterdir() for name in link.findall(page.read_text(encoding="utf-8"))]
    assert sorted(linked) == sorted(path.stem for path in (tmp_path / "notebooks").iterdir())


def test_chinese_words_of_any_length_are_indexed(part):
    pytest.importorskip("sphinx")
    split = part("search").SearchMixed({}).split
    assert split("空间杜宾模型的rho, sp.sdm") == ["rho", "空间", "间杜", "杜宾", "宾模", "模型", "型的", "sp", "sdm"]


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
