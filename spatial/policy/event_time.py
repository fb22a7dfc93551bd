"""Paths by time since adoption: which times, which reference, and their table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..records.schema import SCHEMA
from . import bands
from ._tables import rows
from .treatment import step_of


def path_window(sample, window, reference, method: str):
    """The path's reference (None where there is none), its first and last time (None: no path), and notes on uneven
    periods.

    ``sample`` has ``first``, ``since``, ``clock``, ``times``, ``anticipation`` and ``treatment``.
    """
    span = float(np.ptp(sample.clock)) + 1
    ends = (-span, span) if window is None else tuple(window) if np.iterable(window) else (window,)
    numbers = all(isinstance(end, int | float | np.number) for end in (*ends, reference or 0))
    if len(ends) != 2 or not numbers or not ends[0] < 0 <= ends[1]:
        raise SpatialInputError("E533", f"window={window!r}, reference={reference!r} must be numbers: the window runs "
                                "from before adoption to 0 or later", hint="window=(-5, 5)")  # fmt: skip
    if method == "imputation":
        return None, ends, _uneven(sample, None)
    step = step_of(sample.clock)
    if method in ("group_time", "switchers"):
        return (None if step is None else -step * (1 + sample.anticipation)), ends, _uneven(sample, None)
    seen = seen_by_all(sample)
    if reference is None:
        if not len(seen):
            return None, None, ["periods are uneven, and at no time before adoption is every cohort observed: no "
                                "common reference, no path; method='imputation' needs none"]  # fmt: skip
        reference = seen[-1]
    early, T = sample.anticipation, len(sample.clock)
    before = np.unique(np.concatenate([sample.clock[: g - early] - sample.clock[g] for g in
                                       np.unique(sample.first[sample.first < T])]))  # fmt: skip
    if not (reference in before and ends[0] <= reference):
        start = f"outcomes may respond (adoption less anticipation={early})" if early else "adoption"
        inside = "" if window is None else f"inside window={window!r}, "
        raise SpatialInputError("E533", f"reference={reference:g} must lie before {start}, {inside}where units are "
                                "observed",
                                hint="times before adoption are " + ", ".join(f"{k:g}" for k in before[::-1][:6])
                                )  # fmt: skip
    return float(reference), ends, _uneven(sample, reference)


def dose_note(treatment: str) -> list[str]:
    return [f"{treatment} is not 0 or 1 throughout: taken as a share or a dose, without a path and tests before it"]


def seen_by_all(sample) -> np.ndarray:
    """Times before adoption at which every cohort is observed, ascending."""
    cohorts = np.unique(sample.first[sample.first < len(sample.clock)])
    sets = [set(sample.clock[: g - sample.anticipation] - sample.clock[g]) for g in cohorts]
    return np.array(sorted(set.intersection(*sets)))


def _uneven(sample, reference) -> list[str]:
    if len(sample.clock) < 3 or step_of(sample.clock) is not None:
        return []
    late = [str(sample.times[k + 1]) for k in np.flatnonzero(np.diff(sample.clock) > np.diff(sample.clock).min())]
    base = "" if reference is None else f"; the path's reference is {reference:g}"
    return [f"periods are uneven (longer before {', '.join(late[:5])}): time since adoption counts "
            f"{sample.times.name or 'time'}, not periods{base}"]  # fmt: skip


def path_table(periods, estimates, errors, df, v, settings) -> pd.DataFrame:
    """By time since adoption, with the reference; intervals and p-values together where the band is simultaneous."""
    level, reference = settings["level"], settings["reference"]
    periods = np.asarray(periods, dtype=float)
    values = [np.asarray(one, dtype=float) for one in (estimates, errors, df)]
    if reference is not None:
        periods = np.append(periods, reference)
        values = [np.append(one, end) for one, end in zip(values, (0, 0, np.nan))]
    order = np.argsort(periods, kind="stable")
    zero = periods[order] == reference if reference is not None else np.zeros(len(order), dtype=bool)
    estimates, errors, df = (one[order] for one in values)
    table = rows(estimates, errors, level=level, df=df, period=whole_numbers(periods[order]), reference=zero)
    there = errors > 0
    if settings["band"] == "simultaneous" and there.any():
        bands.widen(table, v[order[there]], level)
    for end in ("conf_low", "conf_high"):
        table[end] = np.where(zero, 0.0, table[end].to_numpy())
    return table[["period", *SCHEMA[1:], "df", "reference"]]


def whole_numbers(values) -> np.ndarray:
    """As int where all are."""
    values = np.asarray(values, dtype=float)
    return values.astype(int) if (values == values.round()).all() else values


def alone(path: pd.DataFrame | None) -> list[str]:
    """A note on effects that one unit or cluster alone identifies."""
    if path is None:
        return []
    without = np.isnan(path["std_error"].to_numpy())
    at = ", ".join(f"{k:+g}" for k in np.unique(path["period"].to_numpy()[without]))
    return [f"no standard error at {at}: one unit alone identifies the effect"] if at else []
