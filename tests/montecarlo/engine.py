"""Samples of a cell, counted; the journal that keeps the counts."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import math
import subprocess
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spatial.records.limits import LIMITS
from spillover.errors import SpatialInputError
from spillover.show import Shown

from . import maps
from .cell import Cell, Draw, Rejection
from .experiments import EXPERIMENTS

JOURNAL = Path(__file__).parents[1] / "reference" / "montecarlo" / "results.jsonl"
COVERAGE, SIZE = 0.93, 0.07  # the bars
SHOWN = 10  # samples whose results are printed, to see which limits they quote
Z = 3.3  # standard errors of the Monte Carlo band
CLOSE_ABOVE = 0.005  # a share this close to its bar on the good side is counted again with more samples


@dataclass
class Count:
    """One measure: how many samples, in how many the interval held (or the test rejected), and how long it was."""

    kind: str  # coverage, size, power
    samples: int = 0
    hits: int = 0
    excludes_zero: int = 0
    log_length: float = 0.0
    infinite: int = 0

    def add(self, outcome) -> None:
        self.samples += 1
        if isinstance(outcome, Rejection):
            self.hits += outcome.rejects
            return
        self.hits += outcome.holds
        self.excludes_zero += outcome.excludes_zero
        if math.isfinite(outcome.length):
            self.log_length += math.log(max(outcome.length, 1e-300))
        else:
            self.infinite += 1

    @property
    def share(self) -> float:
        return self.hits / self.samples if self.samples else math.nan

    @property
    def length(self) -> float:
        """Geometric mean of the finite lengths."""
        finite = self.samples - self.infinite
        return math.exp(self.log_length / finite) if finite and self.kind == "coverage" else math.nan

    @property
    def short(self) -> float:
        """By how much the bar is missed; negative where it is not; always minus infinity without a bar."""
        if not self.samples or self.kind == "power":
            return -math.inf
        return COVERAGE - self.share if self.kind == "coverage" else self.share - SIZE

    @property
    def band(self) -> float:
        """Half the Monte Carlo band of a share at its bar."""
        bar = COVERAGE if self.kind == "coverage" else SIZE
        return Z * math.sqrt(bar * (1 - bar) / max(self.samples, 1))


@dataclass
class Tally:
    """All measures of a cell over its samples."""

    samples: int = 0
    counts: dict[str, Count] = field(default_factory=dict)
    errors: Counter = field(default_factory=Counter)

    def add(self, outcomes: dict) -> None:
        for name, outcome in outcomes.items():
            kind = ("power" if outcome.power else "size") if isinstance(outcome, Rejection) else "coverage"
            self.counts.setdefault(name, Count(kind)).add(outcome)

    def judged(self) -> dict[str, Count]:
        """The measures that have a bar: ours, not the peers'."""
        return {name: c for name, c in self.counts.items() if c.kind != "power" and not name.endswith(")")}

    def near(self) -> bool:
        """Whether some measure is so near its bar that more samples could move it across, and none is beyond doubt
        out."""
        shorts = [(c.short, c.band) for c in self.judged().values()]
        if any(short > band for short, band in shorts):
            return False
        return any(short > -CLOSE_ABOVE for short, _ in shorts)

    def verdict(self) -> str:
        """Whether the bar "holds", is missed "within" the Monte Carlo band, or the cell is "out"."""
        shorts = [(c.short, c.band) for c in self.judged().values()]
        if any(short > band for short, band in shorts):
            return "out"
        return "within" if any(short > 0 for short, _ in shorts) else "holds"


def measure(cell: Cell, samples: int, tally: Tally | None = None) -> Tally:
    """Draw the samples that ``tally`` does not have yet."""
    tally = tally or Tally()
    draw = EXPERIMENTS[cell.experiment](**cell.design)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for r in range(tally.samples, samples):
            tally.samples += 1
            try:
                tally.add(draw(np.random.default_rng([cell.seed, r])))
            except SpatialInputError as error:
                tally.errors[error.code] += 1
    return tally


def inputs_hash(cell: Cell) -> str:
    """Of the cell and of the code that draws its samples; layout, comments and docstrings do not count."""
    sources = [_code(m) for m in (maps, inspect.getmodule(EXPERIMENTS[cell.experiment]))]
    design = json.dumps([cell.name, cell.experiment, dict(cell.design)], sort_keys=True, default=list)
    return hashlib.sha256("\n".join([design, *sources]).encode()).hexdigest()[:16]


def _code(module) -> str:
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def messages(cell: Cell) -> dict[str, int]:
    """Of ``SHOWN`` samples with an estimate, in how many the results, printed, or their warnings quote each limit."""
    draw, counts, shown = EXPERIMENTS[cell.experiment](**cell.design), Counter(), 0
    if not isinstance(draw, Draw):
        return {}
    for r in range(4 * SHOWN):
        if shown == SHOWN:
            break
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            try:
                results = draw.results(np.random.default_rng([cell.seed, r]))
            except SpatialInputError:
                continue
            texts = [str(result) for result in results if isinstance(result, Shown)]
        shown, text = shown + 1, "\n".join([*texts, *(str(warning.message) for warning in raised)])
        counts.update(key for key, words in LIMITS.items() if words in text)
    return dict(counts)


def record(cell: Cell, tally: Tally, inputs: str, seconds: float) -> dict:
    """A line of the journal."""
    counts = {name: {**vars(c), "log_length": round(c.log_length, 6)} for name, c in tally.counts.items()}
    return {"name": cell.name, "hash": inputs, "commit": commit(), "seed": cell.seed, "samples": tally.samples,
            "seconds": round(seconds, 1), "errors": dict(tally.errors), "said": messages(cell),
            "counts": counts}  # fmt: skip


def tally_of(line: dict) -> Tally:
    counts = {name: Count(**values) for name, values in line["counts"].items()}
    return Tally(line["samples"], counts, Counter(line["errors"]))


def read_journal(path: Path = JOURNAL) -> dict[str, dict]:
    """The last whole line of every cell."""
    lines = {}
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:  # the last one, when a run was killed
                continue
            lines[line["name"]] = line
    return lines


def run(cells: list[Cell], *, again: bool = False, samples: int | None = None, path: Path = JOURNAL) -> None:
    """Every cell whose line is missing or has other inputs: a screen of all first, then what is near its bar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    journal, fresh = read_journal(path), set()
    hashes = {cell.name: inputs_hash(cell) for cell in cells}  # of the sources as they were imported
    for stage in (0, 1):
        for cell in cells:
            target = samples or cell.samples[stage]
            line = journal.get(cell.name)
            same = line and line["hash"] == hashes[cell.name] and (not again or cell.name in fresh)
            tally = tally_of(line) if same else None
            if (tally and tally.samples >= target) or (stage == 1 and not (tally and tally.near())):
                continue
            start, spent = time.process_time(), line["seconds"] if same else 0.0
            tally = measure(cell, target, tally)
            journal[cell.name] = line = record(cell, tally, hashes[cell.name], spent + time.process_time() - start)
            fresh.add(cell.name)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(in_words(cell, tally, line["seconds"]), flush=True)


def tidy_journal(cells: list[Cell], path: Path = JOURNAL) -> None:
    """One line a cell, in the grid's order; lines of cells that are no more are dropped. What results quote is read
    again where a cell is out: it may have changed since."""
    journal, kept = read_journal(path), []
    for cell in cells:
        if line := journal.get(cell.name):
            out = tally_of(line).verdict() == "out"
            kept.append(json.dumps(line | {"said": messages(cell)} if out else line))
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def in_words(cell: Cell, tally: Tally, seconds: float) -> str:
    shares = " ".join(f"{name} {c.share:.3f}" for name, c in tally.counts.items())
    errors = f" errors {dict(tally.errors)}" if tally.errors else ""
    return f"{cell.name} [{tally.samples}, {seconds:.0f} s] {tally.verdict()}: {shares}{errors}"


def commit() -> str:
    """The commit of the code that is certified."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()
