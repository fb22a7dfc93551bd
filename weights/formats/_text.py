"""Text in, text out: encodings, ids that were read as text, ids that a spreadsheet could run."""

from __future__ import annotations

import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError

RISKY = ("=", "+", "-", "@", "\t", "\r")


def read_text(path) -> str:
    """The file's text: UTF-8 (with or without mark), UTF-16 by its mark, else GB18030.

    Raises
    ------
    SpatialInputError
        E606.
    """
    raw = path.read_bytes()
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SpatialInputError("E606", f"'{path.name}' is neither UTF-8 nor GB18030 text",
                            hint="save it as UTF-8 (and check that it is a text file)")


def malformed(path, line: int, message: str, hint: str | None = None) -> SpatialInputError:
    """E607 at a line, counted from 1."""
    return SpatialInputError("E607", f"'{path.name}', line {line}: {message}", hint=hint)


def number(path, line: int, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise malformed(path, line, f"{word!r} is not a number") from None


def match_ids(found, ids, *, what: str) -> pd.Index:
    """The labels to use for text labels ``found``: themselves, or those of ``ids`` that read the same."""
    found = pd.Index(found, dtype="str")
    if ids is None:
        return found
    ids = _labels.unit_index(ids)
    by_text = pd.Series(ids, index=ids.astype(str))
    unknown = found[~found.isin(by_text.index)]
    if len(unknown):
        _labels.places(unknown, by_text.index, what=what)  # raises E101
    return pd.Index(by_text.loc[found].to_numpy(), dtype=ids.dtype)


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
