"""Progress on stderr: a bar on a terminal, one line per step elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

QUIET: ContextVar[bool] = ContextVar("quiet", default=False)  # set by ``run``


@contextmanager
def steps(total: int) -> Iterator:
    """Yield ``step(words)``, to be called before each of ``total`` steps."""
    if QUIET.get():
        yield lambda words: None
        return
    if not sys.stderr.isatty():
        done = iter(range(1, total + 1))
        yield lambda words: print(f"[{next(done, total)}/{total}] {words}", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    layout = (
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*layout, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=-1)
        yield lambda words: bar.update(task, advance=1, description=words)
