"""Docs are kept true: pages run, and every error code is explained."""

import importlib.util
import re
import tomllib
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
RUNS = re.compile(r"\A<!-- (commands|code: \S+) -->|```python")
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = [p for p in [*READMES, *sorted((ROOT / "docs").glob("*.md"))] if RUNS.search(p.read_text("utf-8"))]
matplotlib.use("Agg")


@pytest.fixture
def build():
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_page_runs_as_written(page, build, tmp_path, monkeypatch):
    """Its figures go to a folder of the test; the numbers on the page are those that it prints."""
    if missing := build.lacking(page):
        pytest.skip(f"needs {missing}")
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    fresh = build.run(page)
    for name in re.findall(r"\]\((images/[^)]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / name).exists()
    if page not in READMES:  # these show no output
        assert numbers(fresh) == numbers(page.read_text(encoding="utf-8")), "stale: run `make docs`"


TRANSLATIONS = sorted((ROOT / "docs").glob("*-zh.md"))


@pytest.mark.parametrize("page", TRANSLATIONS, ids=lambda p: p.name)
def test_a_translation_has_the_code_and_the_numbers_of_its_page(page, build):
    text = page.read_text(encoding="utf-8")
    original = (ROOT / "docs" / build.TRANSLATION.match(text)[1]).read_text(encoding="utf-8")
    assert page.name == build.TRANSLATION.match(text)[1].replace(".md", "-zh.md")
    assert build.translated(text, original) == text, f"stale: run `python docs/build.py {page.name}`"
    assert f"]({page.name})" in original
    assert "](" + page.name.replace("-zh.md", ".md") + ")" in text


def test_a_translation_takes_blocks_and_keeps_its_comments(build):
    english = "# Page\n\n```python\nx = 1  # one\nprint(x)\n```\n\n```text\n1\n```\n\n```python\ny = 2\n```\n"
    chinese = ("<!-- code: page.md -->\n# 页\n\n```python\nx = 1  # 一\n```\n\n字\n\n```python\n```\n\n<!-- own -->\n\n"
               "```python\nz = 3\n```\n")  # fmt: skip
    result = build.translated(chinese, english)
    assert result == ("<!-- code: page.md -->\n# 页\n\n```python\nx = 1  # 一\nprint(x)\n```\n\n```text\n1\n```\n\n"
                      "字\n\n```python\ny = 2\n```\n\n<!-- own -->\n\n```python\nz = 3\n```\n")  # fmt: skip
    assert build.translated(result, english) == result
    with pytest.raises(RuntimeError, match="1 blocks less"):
        build.translated(chinese.replace("字\n\n```python\n```\n", "字\n"), english)


def test_both_readmes_have_the_same_code():
    code = []
    for page in READMES:
        block = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[1]
        code.append([line.split("#")[0].rstrip() for line in block.splitlines()])
    assert code[0] == code[1]


def numbers(text):
    """The output blocks' numbers, to four significant digits: the last ones may differ between machines."""
    blocks = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    return [f"{float(n):.3g}" for block in blocks for n in re.findall(r"(?<![\w.])-?\d+\.\d+", block)]


def test_the_page_of_errors_is_that_of_the_code(build):
    """Codes, messages and hints; the examples' output is compared with that of the other pages."""
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    without_output = re.sub(r"\n```text\n.*?```\n", "", page, flags=re.DOTALL)
    assert without_output == build.errors_page(), "stale: run `python docs/build.py errors.md`"


def test_every_error_code_is_explained_once(build):
    """Every code that is raised has its meaning, no meaning is without its code, and each stands on the page once."""
    written = tomllib.loads((ROOT / "docs" / "errors.toml").read_text(encoding="utf-8"))
    sources = [p for room in ("spatial", "weights", "shapefiles", "spillover") for p in (ROOT / room).rglob("*.py")]
    raised = {code for p in sources for code in re.findall(r'"(E[1-8]\d\d)"', p.read_text(encoding="utf-8"))}
    listed = re.findall(r"^\| (E\d\d\d) \|", build.errors_page(), re.MULTILINE)
    assert raised == set(written["codes"])
    assert sorted(listed) == sorted(written["codes"])


def test_the_public_names_are_all_there():
    import spatial
    import weights

    for module in (spatial, weights):
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_messages_and_hints_are_read_from_calls(build, tmp_path):
    """Variables, conditions, formats and concatenation; a message that is nothing but an expression is left out."""
    (tmp_path / "spatial").mkdir()
    (tmp_path / "spatial" / "one.py").write_text(
        'def f(x, unit_ids, code):\n'
        '    message = f"{x.name!r} has {len(unit_ids)} " + "units"\n'
        '    if x:\n'
        '        raise SpatialInputError("E201", message, hint=f"fill {unit_ids}")\n'
        '    message = "later"\n'
        '    refuse("E202" if x else "E203", "infinite" if x else "text", hint="drop" if x else None)\n'
        '    raise SpatialInputError("E204", str(x), hint="rescale")\n'
        'CODES = {"a": "E205"}\n'
    )  # fmt: skip
    assert build.generator().raised(tmp_path) == {
        "E201": [("'<name>' has ... units", "fill <unit ids>")],
        "E202": [("infinite", "drop")],
        "E203": [("text", "")],
        "E204": [],
        "E205": [],
    }
