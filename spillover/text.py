"""Bytes to text: one place decides in which encoding a file is read, and says so where it had to guess.

A mark at the start decides. Else text that is valid UTF-8 is UTF-8: other text with more than a few accents is hardly
ever valid by chance. Else it is GB18030 if its characters are everyday Chinese ones, else Western European. What a file
declares about itself is believed unless the bytes speak against it: a single-byte code page can read any bytes.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from .errors import SpatialInputError, warn

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAMPLE = 2**20  # bytes beyond ASCII that are looked at to tell Chinese from accents
HALF = 0.5
CHINESE = ("gb2312", "gbk", "gb18030", "hz")
_RUN = re.compile(rb"([A-Za-z]?)([\x80-\xff]+)([A-Za-z]?)")
_LATIN = frozenset({*range(0xC0, 0x100), 0x8A, 0x8C, 0x8E, 0x9A, 0x9C, 0x9E, 0x9F} - {0xD7, 0xF7})  # accented letters


@dataclass(frozen=True)
class Detected:
    """An encoding's name, as Python spells it, and why it was guessed (None: nothing to tell the user)."""

    name: str
    reason: str | None = None


def detect(raw: bytes, declared: str | None = None) -> Detected:
    """The encoding of ``raw``; ``declared`` is what the file (its .cpg, say) states.

    Examples
    --------
    >>> detect("Málaga".encode("utf-8"), declared="1252")
    Detected(name='utf-8', reason='it says 1252, but is valid UTF-8')
    >>> detect("München, Zürich".encode("latin-1")).name, detect("北京市,上海市".encode("gbk")).name
    ('iso8859-1', 'gb18030')
    """
    for mark, name in MARKS:
        if raw.startswith(mark):
            return Detected(name)
    if raw.isascii():
        return Detected("utf-8")
    stated = python_name(declared) if declared else None
    utf8, everyday = _reads(raw, "utf-8"), _everyday_chinese(raw)
    if utf8 and not (stated in CHINESE and everyday and _only_two_bytes(raw)):
        same = stated in (None, "utf-8") and not (declared and stated is None)
        return Detected("utf-8", None if same else f"it says {declared}, but is valid UTF-8")
    if stated is not None and _reads(raw, stated) and not (everyday and _is_single_byte(stated)):
        return Detected(stated)
    guess = "gb18030" if everyday else "cp1252" if re.search(rb"[\x80-\x9f]", raw) else "iso8859-1"
    if not _reads(raw, guess):
        guess = "iso8859-1"
    if declared is None:
        return Detected(guess, "it is not UTF-8")
    return Detected(guess, f"it says {declared}, by which it " + (
        "would be gibberish" if stated and _reads(raw, stated) else "cannot be read"))


def decode(raw: bytes, *, name: str, encoding: str | None = None) -> str:
    """``raw`` as text; a guess is warned about.

    Raises
    ------
    SpatialInputError
        E606 the encoding given does not fit, or the bytes are no text.
    """
    if encoding is not None:
        try:
            return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise SpatialInputError("E606", f"text in '{name}' cannot be read as {encoding}",
                                    hint="leave encoding= out, or try encoding='GB18030'") from error
    detected = detect(raw)
    if b"\0" in raw and detected.name != "utf-16":
        raise SpatialInputError("E606", f"'{name}' holds zero bytes, so it is not text",
                                hint="check that it is a text file (UTF-16 needs its mark), or save it as UTF-8")
    if detected.reason is not None:
        warn_guessed(name, detected)
    try:
        return raw.decode(detected.name)
    except UnicodeDecodeError as error:
        raise SpatialInputError("E606", f"text in '{name}' is damaged: it cannot be read as {detected.name}",
                                hint="save it as UTF-8") from error


def warn_guessed(name: str, detected: Detected) -> None:
    """Tell the user which encoding was used for the file ``name``, and why."""
    warn(f"text in '{name}' was read as {SPELLED.get(detected.name, detected.name)} ({detected.reason}); "
         "give encoding= if it looks wrong")


SPELLED = {"gb18030": "GB18030", "iso8859-1": "ISO-8859-1", "utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16"}


def python_name(declared: str) -> str | None:
    """Python's name for an encoding as a .cpg spells it ("1252", "ANSI 936", "ISO 8859-1", "UTF8").

    Examples
    --------
    >>> python_name("ANSI 936"), python_name("88591"), python_name("nonsense")
    ('gbk', 'iso8859-1', None)
    """
    declared = declared.strip()
    tries = [declared, f"cp{declared}", declared.upper().replace("ANSI ", "cp"),
             declared.replace("ISO 8859", "iso8859-")]
    if re.fullmatch(r"8859\d+", declared):
        tries.insert(0, f"iso8859-{declared[4:]}")
    for name in tries:
        try:
            return codecs.lookup(name).name
        except (LookupError, ValueError):
            continue
    return None


def _everyday_chinese(raw: bytes) -> bool:
    """Whether the bytes are GB18030, mostly everyday characters, and do not look like letters with accents.

    Everyday characters have two bytes from A1 on (GB 2312). An accented letter of Latin-1 stands alone between letters:
    it would make one character with the letter after it, which is no everyday one.
    """
    if not _reads(raw, "gb18030"):
        return False
    runs = [(before, run, after) for before, run, after in _RUN.findall(raw[:SAMPLE])]
    accents = sum(len(run) <= 2 and bool((before and after) or ((before or after) and _LATIN.issuperset(run)))
                  for before, run, after in runs)
    if accents >= HALF * len(runs):
        return False
    text = b" ".join(run for _, run, _ in runs)
    pairs = sum(1 for run in text.split() if len(run) % 2 == 0 for a, b in zip(run[::2], run[1::2])
                if 0xA1 <= a <= 0xF7 and b >= 0xA1)
    return 2 * pairs > HALF * sum(len(run) for _, run, _ in runs)


def _only_two_bytes(raw: bytes) -> bool:
    """Whether all characters beyond ASCII would have two bytes in UTF-8: a few Chinese pairs can look so."""
    return max(raw) < 0xE0


def _is_single_byte(name: str) -> bool:
    try:
        return len(bytes(range(0xC0, 0x100)).decode(name)) == 0x40
    except (UnicodeDecodeError, LookupError):
        return False


def _reads(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def printable(text: str) -> str:
    """Without the control characters that Word files and workbooks cannot hold; names of units may have them.

    Examples
    --------
    >>> printable("a\\0b") == "a\ufffdb", printable("a\\tb") == "a\\tb"
    (True, True)
    """
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t" else c for c in text)
