"""The lists of ``docs/index.md`` as pages of the site: the studies, each with its notebook, and what else there is."""

from __future__ import annotations

import re
from pathlib import Path

ITEM = re.compile(r"\* \[(?P<title>[^\]]+)\]\((?P<page>[\w-]+)\.md\)(?P<words>(?:.|\n  )*)")
TOC = "```{{toctree}}\n:hidden:\n\n{}\n```\n"


def write(docs: Path, folder: Path) -> None:
    text = (docs / "index.md").read_text(encoding="utf-8")
    studies, more = text.split("\nReference:\n")
    _page(folder / "studies.md", "Studies", "Each runs from top to bottom, here and as a notebook.", studies, True)
    _page(folder / "trust.md", "Can it be trusted?", "What was measured, and what happens when something is wrong.",
          more, False)  # fmt: skip


def _page(target: Path, title: str, words: str, text: str, notebooks: bool) -> None:
    items = [match.groupdict() for match in ITEM.finditer(text)]
    lines = [f"# {title}\n", f"{words}\n"]
    for item in items:
        link = f' (<a href="../notebooks/{item["page"]}.ipynb" download>notebook</a>)' if notebooks else ""
        lines.append(f"* [{item['title']}](../{item['page']}.md){link}{item['words'].rstrip()}")
    toc = TOC.format("\n".join(f"../{item['page']}" for item in items))
    target.write_text("\n".join([*lines, "", toc]), encoding="utf-8")
