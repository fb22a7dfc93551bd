"""Text in, text out: encodings, ids that were read as text, ids that a spreadsheet could run."""

from __future__ import annotations

import re

import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError
from spillover.text import decode

RISKY = ("=", "+", "-", "@", "\t", "\r")


def read_text(path, encoding: str | None = None) -> str:
    """The file's text, without a mark at its start; E606 where it has none."""
    return decode(path.read_bytes(), name=path.name, encoding=encoding).removeprefix("\ufeff")


def malformed(path, line: int, message: str, hint: str | None = None) -> SpatialInputError:
    """E607 at a line, counted from 1."""
    return SpatialInputError("E607", f"'{path.name}', line {line}: {message}",
                             hint=hint or f"mend line {line}, or export the weights again")


def number(path, line: int, word: str) -> float:
    try:
        if "_" in word:
            raise ValueError
        return float(word)
    except ValueError:
        hint = "write decimals with a point" if re.fullmatch(r"-?\d*,\d+", word) else None
        raise malformed(path, line, f"{word[:40]!r} is not a number", hint) from None


def is_count(word: str) -> bool:
    """Whether a word is a number of units or neighbors: digits, and not absurdly many."""
    return word.isascii() and word.isdigit() and len(word) < 12


def match_ids(names, ids, *, what: str) -> pd.Index:
    """The labels to use for text labels ``found``: themselves, or those of ``ids`` that read the same."""
    names = pd.Index(names, dtype="str")
    if ids is None:
        return names
    ids = _labels.unit_index(ids)
    by_text = pd.Series(ids, index=ids.astype(str))
    unknown = names[~names.isin(by_text.index)]
    if len(unknown):
        _labels.places(unknown, by_text.index, what=what)  # raises E101
    return pd.Index(by_text.loc[names].to_numpy(), dtype=ids.dtype)


def one_word(ids: pd.Index, path) -> list[str]:
    """Ids as words without spaces, or E605."""
    words = ids.astype(str)
    bad = words.str.contains(r"\s") | (words == "")
    if bad.any():
        raise SpatialInputError("E605", f"{path.suffix} files separate ids by spaces, but some ids hold one",
                                ids=ids[bad].tolist(), n=int(bad.sum()), hint="save as .parquet")
    return words.tolist()


def armoured(label: str) -> str:
    """An apostrophe before text that a spreadsheet would take for a formula."""
    return "'" + label if label.startswith(RISKY) else label


def unarmoured(label: str) -> str:
    return label[1:] if label[:1] == "'" and label[1:].startswith(RISKY) else label
