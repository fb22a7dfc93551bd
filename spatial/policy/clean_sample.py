"""Which effects untreated and unexposed observations identify, and which not, with the reason.

Observations that nothing touched join units and periods: unit i and period t (of a region) are connected where i is
observed clean in t. y_it without the policy, alpha_i + gamma_t, is identified within a connected component only
(Abowd, Creecy & Kramarz 2002).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from spillover.errors import SHOWN, SpatialInputError
from spillover.values import counted

from ._sample import PolicySample

REASONS = ("never observed clean", "no clean unit in the period", "in another component")


def cannot_be_imputed(sample: PolicySample, touched: np.ndarray) -> np.ndarray:
    """Of every observation, shape (T, N): -1, or the position in ``REASONS`` of why its effect is not identified.

    Parameters
    ----------
    touched : ndarray of bool, shape (T, N)
        Treated, exposed, or both.
    """
    T, N = touched.shape
    clean = ~touched & (sample.mass > 0)
    t, i = np.nonzero(clean)
    period = t * (int(sample.region.max()) + 1) + sample.region[i]
    size = N + T * (int(sample.region.max()) + 1)
    graph = sparse.coo_array((np.ones(len(t)), (i, N + period)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    of_period = N + np.arange(T)[:, None] * (int(sample.region.max()) + 1) + sample.region
    seen = np.zeros(size, dtype=bool)
    seen[i], seen[N + period] = True, True
    why = np.full((T, N), -1)
    why[component[of_period] != component[:N]] = 2
    why[~seen[of_period]] = 1
    why[:, ~seen[:N]] = 0
    return np.where(touched & (sample.mass > 0), why, -1)


def dropped_table(sample: PolicySample, why: np.ndarray) -> pd.DataFrame:
    """One row for each observation that is left out: unit, period, reason."""
    t, i = np.nonzero(why >= 0)
    columns = {sample.ids.name or "unit": sample.ids[i], sample.times.name or "period": sample.times[t],
               "reason": np.array(REASONS, dtype=object)[why[t, i]]}  # fmt: skip
    return pd.DataFrame(columns)


def without_lost(sample: PolicySample, why: np.ndarray, option: str) -> tuple[np.ndarray, list[str]]:
    """The mass without observations that cannot be imputed, and notes that name them; refused with "error".

    Raises
    ------
    SpatialInputError
        E735.
    """
    if not (why >= 0).any():
        return sample.mass, []
    parts = []
    for code, labels, axis in ((0, sample.ids, 0), (1, sample.times, 1), (2, sample.ids, 0)):
        at = labels[np.flatnonzero((why == code).any(axis=axis))]
        if len(at):
            shown = ", ".join(map(str, at[:SHOWN])) + " ..." * (len(at) > SHOWN)
            parts.append(f"{REASONS[code]}: {counted((why == code).sum(), 'observation')} ({shown})")
    n, whole = int((why >= 0).sum()), int((sample.mass > 0).sum())
    ids = list(sample.ids[np.flatnonzero((why >= 0).any(axis=0))])
    text = f"{n} of {whole} observations cannot be imputed; {'; '.join(parts)}"
    if option == "error":
        raise SpatialInputError("E735", text, ids=ids, n=len(ids), hint="unimputable='drop' leaves these effects "
                                "out and names them; a narrower exposure leaves more units clean")  # fmt: skip
    return np.where(why >= 0, 0.0, sample.mass), [f"left out: {text}"]
