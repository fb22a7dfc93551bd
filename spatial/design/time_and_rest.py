"""Effects behind ``|`` of a balanced panel in two parts: functions of time that every unit has effects of, the rest.

    D = [A kron I, R],    A (T, a) and R (T N, z) orthonormal, R orthogonal to A kron I

W acts on units and A on time, so that A kron I leaves whatever W, lambda and the variances of the units are; R has few
columns.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .absorbed import Absorbed, time_functions
from .design import Design
from .fixed_effects import FixedEffects

REST_MAX = 800  # columns of R: they are dense
LEAST = 1e-9  # length of what other effects leave of one, against the longest


class TimeAndRest:
    """A (T, a), orthonormal, and R (T N, z), orthonormal and orthogonal to A kron I: together they span D.

    Raises
    ------
    SpatialInputError
        E309 for more than 800 columns of other ways.
    """

    def __init__(self, ways: Absorbed):
        self.ways, (T, N) = ways, ways.shape
        self.A, others = time_functions(ways)
        columns = sum(way.columns.shape[1] for way in others)
        if columns > REST_MAX:
            raise SpatialInputError("E309", f"this needs dense matrices of the {columns:,} effects of "
                                    f"{ways.name} that are not of units, {REST_MAX} at most", n=columns,
                                    hint="fewer effects behind |, or sdm() without serial=")
        R = np.hstack([np.zeros((T * N, 0)), *(way.columns.toarray() for way in others)])
        U, size, _ = np.linalg.svd(off_time(R, self.A), full_matrices=False)
        self.R = U[:, size > LEAST * max(size.max(initial=0.0), LEAST)]


@lru_cache(maxsize=8)
def time_and_rest(ways: Absorbed) -> TimeAndRest:
    """The parts of these ways, once."""
    return TimeAndRest(ways)


def parts_of(d: Design, effects: FixedEffects, *weights: SpatialWeights | TemporalWeights) -> tuple | None:
    """(A, R) of effects behind | whose A kron I leaves a likelihood whatever lambda is: in a balanced panel without
    weights of observations, under weights that are the same in all periods. None for others."""
    ways = effects.ways
    plain = d.observed is None and d.obs_weights is None and not any(w.varies for w in weights)
    if ways is None or not plain:
        return None
    if ways.parts is not None:
        return ways.parts
    A = time_functions(ways)[0]
    if not A.shape[1]:
        return None
    both = time_and_rest(ways)
    return both.A, both.R


def of_time_alone(effects: FixedEffects) -> FixedEffects:
    """The effects A kron I, without R."""
    ways = effects.ways
    assert ways is not None
    others = time_functions(ways)[1]
    return replace(effects, ways=Absorbed([way for way in ways.projection.ways if way not in others], ways.shape))


def off_time(rows: np.ndarray, A: np.ndarray) -> np.ndarray:
    """(I - A A' kron I) rows, (T N, c), of orthonormal A (T, a)."""
    panel = rows.reshape(len(A), -1)
    return (panel - A @ (A.T @ panel)).reshape(rows.shape)
