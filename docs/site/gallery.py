"""The gallery: every figure of the pages, with its words and the page that draws it."""

from __future__ import annotations

import re
from pathlib import Path

FIGURE = re.compile(r"!\[(?P<words>[^\]]*)\]\((?P<path>images/[^)]+)\)")


def write(pages: Path, target: Path) -> None:
    parts = ["# Gallery", "Each figure is drawn by the page that it links to."]
    for page in sorted(pages.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        figures = list(FIGURE.finditer(text))
        if figures and title:
            parts.append(f"## [{title[1]}](../{page.name})")
            parts += [f"![{figure['words']}](../{figure['path']})\n\n*{figure['words']}*" for figure in figures]
    target.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
