"""Catalogues of gettext in their source form, .po: read and written; nothing has to be compiled beforehand."""

from __future__ import annotations

import gettext
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

CONTEXT, PLURAL = "\4", "\0"  # how a compiled catalogue joins a context, and a plural, to its message
KEYS = ("msgctxt", "msgid_plural", "msgid", "msgstr")
MAGIC = 0x950412DE


@dataclass(frozen=True)
class Message:
    """One message and its translation; ``plural`` and ``context`` may be empty."""

    text: str
    translation: str = ""
    context: str = ""
    plural: str = ""
    where: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.context, self.text


def read(text: str) -> list[Message]:
    """The messages of a .po file, its header first (the one with an empty text).

    Examples
    --------
    >>> read('msgctxt "head"\\nmsgid "term"\\nmsgstr "变"\\n"量"')
    [Message(text='term', translation='变量', context='head', plural='', where=())]
    """
    messages: list[Message] = []
    parts: dict[str, str] = {}
    where: list[str] = []
    last = ""
    for line in [*text.splitlines(), ""]:
        line = line.strip()
        if line.startswith('"'):
            parts[last] += json.loads(line)
            continue
        if line.startswith("#:"):
            where += line[2:].split()
        elif key := next((key for key in KEYS if line.startswith(key)), None):
            last = key
            parts[key] = json.loads(line[line.index('"') :])
        elif not line and "msgid" in parts:
            messages.append(Message(parts["msgid"], parts.get("msgstr", ""), parts.get("msgctxt", ""),
                                    parts.get("msgid_plural", ""), tuple(where)))
            parts, where = {}, []
    return messages


def write(messages: Iterable[Message]) -> str:
    """The text of a .po file; of a message with a plural the one form that Chinese has."""
    blocks = []
    for message in messages:
        lines = [f"#: {' '.join(message.where)}"] * bool(message.where)
        lines += [f"msgctxt {_quoted(message.context)}"] * bool(message.context)
        lines.append(f"msgid {_quoted(message.text)}")
        lines += [f"msgid_plural {_quoted(message.plural)}"] * bool(message.plural)
        lines.append(f"msgstr{'[0]' * bool(message.plural)} {_quoted(message.translation)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def translations(messages: Iterable[Message]) -> gettext.GNUTranslations:
    """The catalogue as gettext of the standard library reads it, compiled in memory."""
    pairs = {}
    for m in messages:
        if m.translation:
            key = CONTEXT.join([*[m.context] * bool(m.context), PLURAL.join([m.text, *[m.plural] * bool(m.plural)])])
            pairs[key.encode()] = m.translation.encode()
    keys = sorted(pairs)
    strings, table, at = b"", [], 28 + 16 * len(keys)
    for text in [*keys, *(pairs[key] for key in keys)]:
        table += [len(text), at + len(strings)]
        strings += text + b"\0"
    head = struct.pack("<7I", MAGIC, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0)
    return gettext.GNUTranslations(BytesIO(head + struct.pack(f"<{len(table)}I", *table) + strings))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
