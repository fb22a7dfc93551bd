"""The catalogue of sentences: collected from the code into ``spillover/languages/*.po``; ``python tests/catalogue.py``
adds what is new, drops what is stale and keeps the translations.

A test keeps the catalogue in step with the code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("spillover", "weights", "spatial")
HOME = ROOT / "spillover" / "languages"


class Unwritten(Exception):
    """A sentence that is not written out where it is called."""


def sources() -> Iterator[Path]:
    """The files of code whose sentences are collected."""
    for package in PACKAGES:
        yield from sorted(path for path in (ROOT / package).rglob("*.py") if "qgis_plugin" not in path.parts)


def calls(path: Path) -> Iterator[tuple[str, str]]:
    """(sentence, plural or "") of every call of ``phrase`` and ``phrases`` in a file."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node.func, ast.Name) and node.func.id in ("phrase", "phrases"):
            texts = node.args[: 1 if node.func.id == "phrase" else 2]
            if not all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts):
                raise Unwritten(f"{path.relative_to(ROOT)}:{node.lineno}")
            yield texts[0].value, texts[1].value if len(texts) > 1 else ""


def collected():
    """Every message of the code, without translations: the header, sentences, heads of tables, stored texts."""
    from spatial.report.heads import HEADS
    from spatial.report.stored_texts import STORED
    from spillover.language import HEAD, LIST
    from spillover.language import STORED as OF_RESULTS
    from spillover.po import Message

    messages: dict[tuple[str, str], Message] = {}

    def add(text: str, where: str, context: str = "", plural: str = "") -> None:
        message = messages.setdefault((context, text), Message(text, context=context, plural=plural))
        if where not in message.where:
            messages[context, text] = replace(message, where=(*message.where, where))

    for path in sources():
        for text, plural in calls(path):
            add(text, path.relative_to(ROOT).as_posix(), plural=plural)
    for text, meaning in HEADS.values():
        add(text, "spatial/report/heads.py", HEAD)
        add(meaning, "spatial/report/heads.py", OF_RESULTS)
    for text in STORED:
        add(text, "spatial/report/stored_texts.py", OF_RESULTS)
    for text in (", ", "; "):
        add(text, "spillover/language.py", LIST)
    return list(messages.values())


def updated(catalogue: str) -> str:
    """A catalogue's text with the messages of today; translations of those that remain are kept."""
    from spillover import po

    old = po.read(catalogue)
    reference = {message.key: message.translation for message in old if message.text}
    header = [message for message in old if not message.text]
    return po.write([*header, *(replace(m, translation=reference.get(m.key, "")) for m in collected())])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for path in sorted(HOME.glob("*.po")):
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
