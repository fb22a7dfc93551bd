"""Run the studies and put what they print below each block: ``python docs/build.py [--check] [PAGE ...]``.

Python blocks of a page share one namespace and run in order, in this folder. With --check nothing is written and
the exit status tells whether a page ran through. A page whose first line names a file of data that the project does not
ship, ``<!-- data: FILE -->``, finds its folder as ``DATA``; it is left as it is where the file is not there.
``REFERENCE`` is the folder of the stored references.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
NEEDS = re.compile(r"<!-- data: (\S+) -->")
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def run(page: Path) -> str:
    """The page with fresh output below its blocks."""
    return run_text(page.read_text(encoding="utf-8"), page.name)


def run_text(text: str, name: str) -> str:
    """The same for a page that is not in a file yet."""
    space: dict = {"DATA": DATA, "REFERENCE": HERE.parent / "tests" / "reference"}

    def with_output(match: re.Match) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(match["code"], name, "exec"), space)
        lines = [line.rstrip() for line in printed.getvalue().rstrip().splitlines()]
        shown = "\n```text\n" + "\n".join(lines) + "\n```\n" if lines else ""
        return f"```python\n{match['code']}```\n{shown}"

    return BLOCK.sub(with_output, text)


def lacking(page: Path) -> str | None:
    """The file of data that a page needs and that is not there."""
    needed = NEEDS.match(page.read_text(encoding="utf-8"))
    return needed[1] if needed and not (DATA / needed[1]).is_file() else None


def errors_page() -> str:
    """The page of errors, which is read from the code."""
    return generator().page()


def generator():
    """``build_errors``, wherever this is run from."""
    spec = importlib.util.spec_from_file_location("build_errors", HERE / "build_errors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    os.chdir(HERE)
    chosen = {name for name in sys.argv[1:] if name != "--check"}
    for page in sorted(HERE.glob("*.md")):
        if chosen and page.name not in chosen:
            continue
        if "```python" in page.read_text(encoding="utf-8"):
            print(page.name, file=sys.stderr)
            if missing := lacking(page):
                print(f"  left as it is: needs {missing}", file=sys.stderr)
                continue
            fresh = run_text(errors_page(), page.name) if page.name == "errors.md" else run(page)
            if "--check" not in sys.argv:
                page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
