"""Every study as a notebook to download: the words as they are, each block of Python a cell."""

from __future__ import annotations

import json
import re
from pathlib import Path

BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def notebook(text: str) -> dict:
    cells, at = [], 0
    for match in BLOCK.finditer(text):
        cells += [_cell("markdown", text[at : match.start()]), _cell("code", match["code"])]
        at = match.end()
    cells.append(_cell("markdown", text[at:]))
    cells = [cell for cell in cells if "".join(cell["source"]).strip()]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, text: str) -> dict:
    cell = {"cell_type": kind, "metadata": {}, "source": text.strip("\n").splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def write(pages: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        if "```python" in text:
            (folder / f"{page.stem}.ipynb").write_text(json.dumps(notebook(text), indent=1, ensure_ascii=False),
                                                       encoding="utf-8")  # fmt: skip
