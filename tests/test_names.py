"""Names say what a thing is in the words of the field: those that carry nothing do not come back."""

import ast
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EMPTY = {"found", "given", "said", "made", "asked", "known"}
CONSTANTS = {"LOOKED_AT", "NOTHING", "END", "WIDER", "TIMES"}
BLOCK = re.compile(r"^```(?:python|\{code-cell\}[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = doctest.DocTestParser()


def files(suffix: str) -> list[Path]:
    folders = ("spillover", "spatial", "weights", "shapefiles", "tests", "benchmarks", "docs")
    everywhere = [path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}")]
    return sorted([*everywhere, *ROOT.glob(f"*{suffix}")])


def bound(tree: ast.AST):
    """Every name that the code itself chooses: variables, arguments, attributes, functions, classes, aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            yield node.name


def codes(path: Path):
    """The file's code, its doctests, and the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from (block for block in BLOCK.findall(text) if not block.lstrip().startswith((">>>", "$")))
    else:
        yield text
    yield from (example.source for example in EXAMPLES.get_examples(text) if path.suffix == ".md")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                yield from (example.source for example in EXAMPLES.get_examples(ast.get_docstring(node)))


def empty_names(path: Path) -> set[str]:
    names: set[str] = set()
    for code in codes(path):
        try:
            names.update(filter(None, bound(ast.parse(code))))
        except SyntaxError:  # a block of a page that shows a shell, or part of a file
            assert path.suffix == ".md", path
    return names & (EMPTY | CONSTANTS)


@pytest.mark.parametrize("suffix", [".py", ".md"])
def test_no_name_is_empty(suffix):
    names = {path.relative_to(ROOT).as_posix(): empty_names(path) for path in files(suffix)}
    assert len(names) > 10
    assert {path: names for path, names in names.items() if names} == {}


@pytest.mark.parametrize("code", [
    "found = 1", "a, (*given, b) = 1, 2, 3", "def f(*, made): pass", "def said(): pass", "x.asked = 1",
    "f(known=1)", "import a as found", "for made in x: pass", "[0 for found in x]", "(found := 1)", "WIDER, A = 1, 2",
    '"""\n>>> found = 1\n"""', "class A:\n    '''\n    >>> made = 1\n    '''", "lambda said: 1",
    "try: pass\nexcept E as known: pass", "with a as found: pass", "match a:\n    case found: pass",
])  # fmt: skip
def test_empty_names_are_seen_wherever_they_are_bound(code, tmp_path):
    (tmp_path / "a.py").write_text(code)
    assert len(empty_names(tmp_path / "a.py")) == 1
    (tmp_path / "a.md").write_text(f"# A page\n\n```python\n{code}\n```\n")
    if '"""' not in code and "'''" not in code:
        assert len(empty_names(tmp_path / "a.md")) == 1


def test_words_that_are_no_names_are_free(tmp_path):
    code = ["from hypothesis import given", "found_at = {'made': 1}['made']", "print('asked')  # what is known"]
    (tmp_path / "a.py").write_text("\n".join(code))
    assert empty_names(tmp_path / "a.py") == set()
