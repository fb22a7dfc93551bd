"""Effects behind ``|`` of a balanced panel in two parts: functions of time that every unit has effects of, the rest.

    D = [A kron I, R],    A (T, a) and R (T N, z) orthonormal, R orthogonal to A kron I

W acts on units and A on time, so that A kron I leaves whatever W, lambda and the variances of the units are; R has few
columns.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError

from .absorbed import Absorbed, time_functions

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


def off_time(rows: np.ndarray, A: np.ndarray) -> np.ndarray:
    """(I - A A' kron I) rows, (T N, c), of orthonormal A (T, a)."""
    panel = rows.reshape(len(A), -1)
    return (panel - A @ (A.T @ panel)).reshape(rows.shape)
