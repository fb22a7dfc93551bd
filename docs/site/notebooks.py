"""Every page that runs as a notebook to download: the words as they are, each block of Python a cell."""

from __future__ import annotations

import json
import re
from pathlib import Path

PYTHON = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
PYTHON_OR_SHELL = re.compile(r"```(?:python|bash)\n(?P<code>.*?)```\n(?:\n```(?:text|json)\n.*?```\n)?", re.DOTALL)
MARKS = re.compile(r"<!-- (?:commands|own|code: \S+|data: \S+) -->\n*")
TRANSLATION = re.compile(r"<!-- code: (\S+) -->")
COMMANDS = "<!-- commands -->"
FOLDERS = {  # what the blocks use: the line that says where it is
    r"\bDATA\b": "DATA = Path('data')  # the folder with the file that this page names",
    r"\bREFERENCE\b": "REFERENCE = Path('tests/reference')  # in a checkout of the repository",
    r"\bimages/": "Path('images').mkdir(exist_ok=True)  # the figures go there",
}


def notebook(text: str, *, commands: bool = False) -> dict:
    """The page as a notebook. With ``commands``, blocks of shell are cells too."""
    text, block = MARKS.sub("", text), PYTHON_OR_SHELL if commands else PYTHON
    matches = list(block.finditer(text))
    code = "\n".join(match["code"] for match in matches)
    folders = [line for name, line in FOLDERS.items() if re.search(name, code)]
    cells, at = [], 0
    for match in matches:
        cells += [_cell("markdown", text[at : match.start()]), _cell("code", _code(match))]
        at = match.end()
    cells.append(_cell("markdown", text[at:]))
    if folders:
        cells.insert(1, _cell("code", "\n".join(["from pathlib import Path\n", *folders])))
    cells = [cell for cell in cells if "".join(cell["source"]).strip()]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _code(match: re.Match) -> str:
    """Python as it is; a line of a shell with the mark by which notebooks run it."""
    if match[0].startswith("```python"):
        return match["code"]
    return "\n".join(f"!{line}" for line in match["code"].replace("\\\n", " ").splitlines() if line.strip())


def _cell(kind: str, text: str) -> dict:
    cell = {"cell_type": kind, "metadata": {}, "source": text.strip("\n").splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def of_commands(page: Path) -> bool:
    """Whether the blocks of shell on a page, or on the page that it translates, are run."""
    text = page.read_text(encoding="utf-8")
    original = TRANSLATION.match(text)
    return of_commands(page.parent / original[1]) if original else text.startswith(COMMANDS)


def write(pages: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        if "```python" in text:
            content = json.dumps(notebook(text, commands=of_commands(page)), indent=1, ensure_ascii=False)
            (folder / f"{page.stem}.ipynb").write_text(content, encoding="utf-8")
