"""Coupling coordination of two or more systems, such as finance, industry and environment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames

from ._frame import read, refuse


@takes_frames
def coupling(
    data: pd.DataFrame,
    systems: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    weights: list[float] | None = None,
    kind: str = "standard",
) -> pd.DataFrame:
    """How closely systems move together (C), how far they are developed (T), and both: D = sqrt(C T).

        standard   C = n (u_1 ... u_n)^(1/n) / (u_1 + ... + u_n): geometric over arithmetic mean
        modified   C = sqrt{ (1 - mean_{i<j} |u_i - u_j|) (prod_i u_i / max u)^(1/(n-1)) }
        T = sum_i alpha_i u_i

    Several printed forms of C are wrong or not comparable. (u1 u2 / (u1 + u2)^2)^(1/2) never exceeds 1/2; roots of
    order 2 with three systems change its range; powers k are arbitrary (Jiang, Bai & Wu 2017; Cong 2019). The
    standard form here is the one with range [0, 1] for every n; its values are close to 1 when the systems are similar,
    which the modified form of Wang, Kong, Ren et al. (2021) spreads out.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    systems : list of two or more str
        Columns between 0 and 1, such as scores of `composite_index`.
    entity, time : str, optional
    weights : list of float, optional
        alpha, which sum to one; equal by default.
    kind : {"standard", "modified"}
        The formula of the degree of coupling: below.

    Returns
    -------
    DataFrame by unit (and period)
        ``coupling`` (C), ``development`` (T), ``coordination`` (D), each in [0, 1].

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E220 a system outside [0, 1], E221 weights that do not sum to one, E501.

    Examples
    --------
    >>> data = pd.DataFrame({"finance": [0.4, 0.5], "industry": [0.1, 0.5]}, index=["a", "b"])
    >>> coupling(data, ["finance", "industry"]).round(3).to_dict("list")
    {'coupling': [0.8, 1.0], 'development': [0.25, 0.5], 'coordination': [0.447, 0.707]}

    References
    ----------
    Jiang, Bai & Wu (2017), J. Natural Resources 32:788-799; Cong (2019), Economic Geography 39(4):18-25; Wang et al.
    (2021), J. Natural Resources 36:793-810 (all in Chinese).
    """
    check_option("kind", kind, ("standard", "modified"))
    table = read(data, systems, entity, time)
    U, n = table.values, len(table.names)
    if n < 2:
        raise SpatialInputError("E501", f"coupling needs two or more systems, got {list(table.names)}",
                                hint="name two columns or more")
    refuse(table, (U < 0) | (U > 1), "E220", "must lie between 0 and 1", "normalise it, as composite_index does")
    alpha = np.full(n, 1 / n) if weights is None else np.asarray(weights, dtype=float)
    if alpha.shape != (n,) or (alpha < 0).any() or abs(alpha.sum() - 1) > 1e-9:
        raise SpatialInputError("E221", f"weights= must be {n} numbers of 0 or more that sum to 1, got {weights}",
                                hint="weights=[0.5, 0.5]")
    C = _standard(U) if kind == "standard" else _modified(U)
    T = U @ alpha
    return table.frame(np.column_stack([C, T, np.sqrt(C * T)]), ["coupling", "development", "coordination"])


def _standard(U: np.ndarray) -> np.ndarray:
    """Geometric over arithmetic mean; 0 where a system is at 0."""
    mean = U.mean(axis=1)
    return np.divide(U.prod(axis=1) ** (1 / U.shape[1]), mean, out=np.zeros(len(U)), where=mean > 0)


def _modified(U: np.ndarray) -> np.ndarray:
    n = U.shape[1]
    i, j = np.triu_indices(n, 1)
    apart = np.abs(U[:, i] - U[:, j]).mean(axis=1)
    largest = U.max(axis=1, keepdims=True)
    relative = np.divide(U, largest, out=np.zeros_like(U), where=largest > 0)
    return np.sqrt((1 - apart) * relative.prod(axis=1) ** (1 / (n - 1)))
