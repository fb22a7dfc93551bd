"""Progress on stderr: a bar on a terminal, with --progress json one object a line, else nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spillover import progress
from spillover.errors import check_option

KINDS = ("auto", "json", "none")
PATIENCE, PAUSE = 0.5, 0.1  # seconds before a bar appears; between two lines of one step


@contextmanager
def shown(kind: str, quiet: bool) -> Iterator[None]:
    """Show what the work in the block reports."""
    check_option("--progress", kind, KINDS)
    if kind == "json" and not quiet:
        show: Lines | Bar = Lines()
    elif kind == "auto" and not quiet and sys.stderr.isatty():
        show = Bar()
    else:
        yield
        return
    try:
        with progress.listening(show):
            yield
    finally:
        show.close()


class Clock:
    """When each step began, and how long the rest of it takes at this pace."""

    def __init__(self):
        self.begun: dict[str, tuple[float, int]] = {}

    def seconds_left(self, step: progress.Step) -> float | None:
        now = time.monotonic()
        if step.done == 0 or step.words not in self.begun:
            self.begun[step.words] = now, step.done
        begun, at = self.begun[step.words]
        if step.done >= step.total:
            return 0.0
        return (now - begun) / (step.done - at) * (step.total - step.done) if step.done > at else None


class Lines:
    """One JSON object a line: step, done, total, part where a step has named parts, seconds_left where there is a
    pace."""

    def __init__(self):
        self.clock = Clock()
        self.last: tuple[str | None, float] = (None, 0.0)

    def __call__(self, step: progress.Step) -> None:
        left, now = self.clock.seconds_left(step), time.monotonic()
        if step.words == self.last[0] and now - self.last[1] < PAUSE and step.done < step.total:
            return
        self.last = step.words, now
        line = {"step": step.words, "done": step.done, "total": step.total}
        line |= {"part": step.part} if step.part else {}
        line |= {} if left is None else {"seconds_left": round(left, 1)}
        print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class Bar:
    """A bar that appears once the work has taken a while, and leaves no trace."""

    def __init__(self):
        self.clock, self.begun = Clock(), time.monotonic()
        self.bar: Any = None
        self.task: Any = None

    def __call__(self, step: progress.Step) -> None:
        left = self.clock.seconds_left(step)
        if self.bar is None:
            if time.monotonic() - self.begun < PATIENCE:
                return
            self._open()
        words = " ".join(filter(None, [step.words, step.part])) + (f", {left:.0f} s left" if left else "")
        self.bar.update(self.task, completed=step.done, total=step.total, description=words)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        layout = BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"), TimeElapsedColumn()
        self.bar = Progress(*layout, TextColumn("{task.description}"), console=Console(stderr=True), transient=True)
        self.bar.start()
        self.task = self.bar.add_task("", total=1)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
