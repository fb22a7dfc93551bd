"""The shape of the house: no import circle, files of one idea, functions that fit on a screen."""

import ast
import tokenize
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("spillover", "weights", "spatial", "shapefiles")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 60  # lines; of functions without the docstring
LONGER_FILES: dict[str, str] = {}  # by path, with the reason
LONGER_FUNCTIONS: dict[str, str] = {}
ALIKE = 10  # lines


@lru_cache(maxsize=1)
def imports():
    """Module -> modules that it imports, late imports too; not what only a type checker sees."""
    grimp = pytest.importorskip("grimp")  # comes with import-linter
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circles(arrows: dict[str, set]) -> set[frozenset]:
    """The groups of modules that import each other, directly or not (Tarjan's strongly connected components)."""
    number, lowest, stack, groups = {}, {}, [], set()

    def visit(module):
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in arrows[module]:
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                groups.add(frozenset(stack[at:]))
            del stack[at:]

    for module in sorted(arrows):
        if module not in number:
            visit(module)
    return groups


def test_circles_are_seen():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": set()}
    assert circles(arrows) == {frozenset("abc")}


def test_no_module_imports_itself_by_way_of_others():
    assert circles(imports()) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_files_have_one_idea(package):
    long = {}
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(package + "/"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > LONGEST_FILE and name not in LONGER_FILES:
                long[name] = lines
    assert long == {}


def lengths(tree: ast.AST):
    """(name, lines without the docstring) of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, lines = node.body[0], node.end_lineno - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                lines -= first.end_lineno - first.lineno + 1
            yield node.name, lines


def test_functions_fit_on_a_screen():
    long = {}
    for path in FILES:
        for name, lines in lengths(ast.parse(path.read_text(encoding="utf-8"))):
            key = f"{path.relative_to(ROOT).as_posix()}:{name}"
            if lines > LONGEST_FUNCTION and key not in LONGER_FUNCTIONS:
                long[key] = lines
    assert long == {}


def logic(path: Path) -> list[tuple[int, str]]:
    """(line number, text) without imports, signatures, docstrings, comments and blank lines."""
    source = path.read_text(encoding="utf-8")
    skipped = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            skipped |= set(range(node.lineno, node.body[0].lineno))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            skipped |= set(range(node.lineno, node.end_lineno + 1))
    with tokenize.open(path) as file:
        comments = {token.start for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT}
    for line, column in comments:
        if not source.splitlines()[line - 1][:column].strip():
            skipped.add(line)
    return [(i, text.strip()) for i, text in enumerate(source.splitlines(), 1) if text.strip() and i not in skipped]


def repeated(files) -> list[tuple[str, str]]:
    """Where ten lines of logic stand a second time, and where first."""
    seen, twice = {}, []
    for path in files:
        lines = logic(path)
        for k in range(len(lines) - ALIKE + 1):
            block = tuple(text for _, text in lines[k : k + ALIKE])
            here = f"{path.as_posix()}:{lines[k][0]}"
            if block in seen:
                twice.append((seen[block], here))
            seen.setdefault(block, here)
    return twice


def test_no_ten_lines_of_logic_stand_twice():
    assert repeated(FILES) == []


def test_copies_are_seen(tmp_path):
    """Whatever their signature, comments and docstring; nine lines are none."""
    body = "".join(f"    x{k} = x * {k}\n" for k in range(9))
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text(f"def f(x):\n{body}    return x\n", encoding="utf-8")
    second.write_text(f'def g(x, y=1):\n    """Words."""\n    # a comment\n{body}    return x\n', encoding="utf-8")
    assert len(repeated([first, second])) == 1
    second.write_text(f"def g(x):\n{body}    return -x\n", encoding="utf-8")
    assert repeated([first, second]) == []
