"""The lists of ``docs/index.md`` as pages of the site, each item with its notebook where there is one."""

from __future__ import annotations

import re
from pathlib import Path

ITEM = re.compile(r"\* \[(?P<title>[^\]]+)\]\((?P<page>[\w-]+)\.md\)(?P<words>(?:.|\n  )*)")
TOC = "```{{toctree}}\n:hidden:\n\n{}\n```\n"
LISTS = {  # the line above a list of index.md: the page, its title, its first sentence, what its links are called
    "Guides, for the first day and for those who come from another program:":
        ("guides", "Guides", "For the first day, and for those who come from another program.", "notebook"),
    "Studies, each runnable from top to bottom:":
        ("studies", "Studies", "Each runs from top to bottom, here and as a notebook.", "notebook"),
    "中文:":
        ("chinese", "中文", "中文指南：代码与数字同英文页，由同一次运行得到。"
         "中文报告：`spillover demo --lang zh-CN`。", "笔记本"),
    "Reference:":
        ("details", "Details", "What is taken and written, and how the project is kept.", "notebook"),
    "Can it be trusted?":
        ("trust", "Can it be trusted?", "What was measured, and what happens when something is wrong.", "notebook"),
}  # fmt: skip


def lists(docs: Path) -> dict[str, list[dict]]:
    """By the line above it, the items of every list of ``index.md``: title, page and words."""
    text = (docs / "index.md").read_text(encoding="utf-8")
    starts = sorted((text.index(f"\n{line}\n"), line) for line in LISTS)
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return {line: [match.groupdict() for match in ITEM.finditer(text[start:end])]
            for (start, line), end in zip(starts, ends, strict=True)}  # fmt: skip


def has_notebook(page: Path) -> bool:
    return "```python" in page.read_text(encoding="utf-8")


def write(docs: Path, folder: Path) -> None:
    for line, items in lists(docs).items():
        name, title, words, link = LISTS[line]
        (folder / f"{name}.md").write_text(_page(docs, title, words, link, items), encoding="utf-8")


def _page(docs: Path, title: str, words: str, link: str, items: list[dict]) -> str:
    lines = [f"# {title}\n", f"{words}\n"]
    for item in items:
        download = f' (<a href="../notebooks/{item["page"]}.ipynb" download>{link}</a>)'
        shown = download if has_notebook(docs / f"{item['page']}.md") else ""
        lines.append(f"* [{item['title']}](../{item['page']}.md){shown}{item['words'].rstrip()}")
    return "\n".join([*lines, "", TOC.format("\n".join(f"../{item['page']}" for item in items))])
