"""The language of what is shown: every sentence goes through one catalogue of gettext per language.

    with language("zh-CN"):
        print(fit.summary())

Results hold English words; ``phrase`` translates a sentence where it is written, ``stored`` one that a result holds.
The language belongs to the block, not to the process: threads and tasks beside it keep theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations
from importlib.resources import files
from string import Formatter

from . import po
from .errors import SpatialInputError

ENGLISH = "en"
CATALOGUES = {"zh-CN": "zh_CN.po"}  # by language tag (BCP 47)
SAME = {"zh": "zh-CN", "zh-hans": "zh-CN", "zh-hans-cn": "zh-CN", "zh-cn": "zh-CN", "zh-sg": "zh-CN"}
STORED, HEAD, LIST = "stored", "head", "list"  # contexts of messages
SHAPES = {  # of what stands in a place of this name; elsewhere anything
    "n": r"[\d,]+", "choice": r"\w+", "style": r"(?:not standardised|\w+-standardised)", "metric": r"[\w-]+",
    "way": r"\w+", "low": r"[−-]?[\d.,]+", "high": r"[−-]?[\d.,]+", "period": r"\S+",
}  # fmt: skip
WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\u3000-\u303f"  # Chinese characters and their punctuation
BETWEEN = re.compile(f"(?<=[{WIDE}]) (?=[{WIDE}])")
_TAG: ContextVar[str] = ContextVar("language", default=ENGLISH)


def tag_of(language: str) -> str:
    """The tag of a language that there is a catalogue for; English needs none.

    Raises
    ------
    SpatialInputError
        E501 for a language without a catalogue.

    Examples
    --------
    >>> tag_of("zh_cn"), tag_of("en-GB")
    ('zh-CN', 'en-GB')
    """
    tag = str(language).replace("_", "-")
    if tag.lower().split("-")[0] == ENGLISH:
        return tag
    if tag.lower() not in SAME:
        raise SpatialInputError("E501", f"there is no catalogue for the language {language!r}",
                                hint=f"choose one of {', '.join([ENGLISH, *CATALOGUES])}")
    return SAME[tag.lower()]


@contextmanager
def language(tag: str) -> Iterator[str]:
    """Show everything within the block in this language.

    Raises
    ------
    SpatialInputError
        E501 for a language without a catalogue.

    Examples
    --------
    >>> with language("zh-CN"):
    ...     phrase("Direct, indirect and total effects")
    '直接效应、间接效应与总效应'
    """
    tag = tag_of(tag)
    before = _TAG.set(tag)
    try:
        yield tag
    finally:
        _TAG.reset(before)


def current() -> str:
    """The tag of the language in use."""
    return _TAG.get()


def phrase(text: str, /, **values) -> str:
    """A sentence in the language in use; ``values`` are put where their names stand in braces.

    The sentence is written out where it is called, so that the catalogue can be collected from the code.
    """
    shown = _catalogue(_TAG.get()).gettext(text)
    return _filled(shown, values) if values else shown


def phrases(one: str, many: str, /, n: int, **values) -> str:
    """The same of a sentence that differs with a number ``n``."""
    return _filled(_catalogue(_TAG.get()).ngettext(one, many, n), {"n": n, **values})


def _filled(message: str, values: dict) -> str:
    return tight(message.format(**values))


def tight(text: str) -> str:
    """Without spaces between Chinese characters, where a word was put into a place."""
    return text if _TAG.get().startswith(ENGLISH) else BETWEEN.sub("", text)


def head(text: str) -> str:
    """The head of a table's column."""
    return _catalogue(_TAG.get()).pgettext(HEAD, text)


def listed(items: Iterable[str]) -> str:
    """Items after each other: "a, b" or "a、b"."""
    return _catalogue(_TAG.get()).pgettext(LIST, ", ").join(map(str, items))


def joined(sentences: Iterable[str]) -> str:
    """Sentences after each other; Chinese has no space between them."""
    first, *rest = [sentence for sentence in sentences if sentence] or [""]
    for second in rest:
        first = phrase("{first} {second}", first=first, second=second)
    return first


def semicolons(parts: Iterable[str]) -> str:
    """Clauses after each other: "a; b"."""
    return _catalogue(_TAG.get()).pgettext(LIST, "; ").join(map(str, parts))


def stored(text: str) -> str:
    """A text that a result holds in English: as it stands in the catalogue, or by a message of the catalogue that it
    fills; what fills the message is translated the same way, and clauses between semicolons each on their own. Other
    text stays as it is.

    Examples
    --------
    >>> with language("zh-CN"):
    ...     stored("no islands"), stored("Gotham")
    ('无孤立单元', 'Gotham')
    """
    tag = _TAG.get()
    return text if tag.startswith(ENGLISH) or not isinstance(text, str) else _stored(text, tag)


@lru_cache(maxsize=4096)
def _stored(text: str, tag: str) -> str:
    catalogue = _catalogue(tag)
    shown = catalogue.pgettext(STORED, text)
    if shown != text:
        return shown
    for pattern, message in _patterns(tag):
        if match := pattern.fullmatch(text):
            return _filled(message, {name: _stored(value, tag) for name, value in match.groupdict().items()})
    clauses = text.split("; ")
    return text if len(clauses) == 1 else semicolons(_stored(clause, tag) for clause in clauses)


@lru_cache(maxsize=8)
def _messages(tag: str) -> tuple[po.Message, ...]:
    return tuple(po.read(files("spillover").joinpath("languages", CATALOGUES[tag]).read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def _catalogue(tag: str) -> NullTranslations:
    return NullTranslations() if tag.startswith(ENGLISH) else po.translations(_messages(tag))


@lru_cache(maxsize=8)
def _patterns(tag: str) -> tuple[tuple[re.Pattern, str], ...]:
    """What stored texts with numbers in them look like, the longest first."""
    filled = [m for m in _messages(tag) if m.context == STORED and "{" in m.text and m.translation]
    by_length = sorted(filled, key=lambda m: -len(re.sub(r"\{.*?\}", "", m.text)))
    return tuple((re.compile(pattern_of(m.text), re.DOTALL), m.translation) for m in by_length)


def pattern_of(message: str) -> str:
    """A message with its named places as a regular expression.

    Examples
    --------
    >>> pattern_of("{n} links, {k}")
    '(?P<n>[\\\\d,]+)\\\\ links,\\\\ (?P<k>.+?)'
    """
    return "".join(re.escape(text) + (f"(?P<{name}>{SHAPES.get(name, '.+?')})" if name else "")
                   for text, name, _, _ in Formatter().parse(message))  # fmt: skip
