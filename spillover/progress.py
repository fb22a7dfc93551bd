"""How far long work has come: loops report, whoever listens shows it. Nobody listens by default.

    with progress.listening(lambda step: print(step.words, step.done, step.total)):
        sp.local_moran("income", w, data=map)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Step(NamedTuple):
    """One report: ``done`` of ``total`` parts of what the words name; ``part`` is the one that comes now."""

    words: str
    done: int
    total: int
    part: str = ""


_LISTENER: ContextVar[Callable[[Step], None] | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Callable[[Step], None]) -> Iterator[None]:
    """Call ``listener`` with every Step reported in the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def report(words: str, done: int, total: int, part: str = "") -> None:
    """Tell the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(Step(words, done, total, part))


@contextmanager
def step(words: str) -> Iterator[None]:
    """Work in one part: reported as it begins and ends."""
    report(words, 0, 1)
    yield
    report(words, 1, 1)


def over(items: Iterable, words: str, total: int | None = None) -> Iterator:
    """The items, each reported once it is done with.

    Examples
    --------
    >>> with listening(print):
    ...     total = sum(over([3, 4], "adding"))
    Step(words='adding', done=0, total=2, part='')
    Step(words='adding', done=1, total=2, part='')
    Step(words='adding', done=2, total=2, part='')
    """
    if total is None:
        items = items if isinstance(items, Sized) else list(items)
        total = len(items)
    report(words, 0, total)
    for done, item in enumerate(items, 1):
        yield item
        report(words, done, total)


def following(words: str) -> Callable:
    """``over`` as the ``progress=`` argument of functions that take one."""
    return lambda items: over(items, words)
