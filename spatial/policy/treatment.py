"""Who was treated, and from when: the treatment's column as cohorts, with every design that cannot be used named."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

NEED = "give a column that is 0 before the policy and 1 from its first period on"


def is_switch(D: np.ndarray) -> bool:
    """Whether the treatment is 0 or 1 throughout; a share or a dose is not."""
    return bool(np.isin(D, (0.0, 1.0)).all())


def adoption(D: np.ndarray, ids: pd.Index, times: pd.Index, name: str) -> np.ndarray:
    """The first treated period of every unit, as a position in ``times``; T where a unit is never treated.

    Parameters
    ----------
    D : ndarray, shape (T, N), of zeros and ones

    Raises
    ------
    SpatialInputError
        E230 not 0 or 1, E231 switches off, E232 treated throughout, E233 none or all treated, E235 one treated unit.

    Examples
    --------
    >>> D = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1.0]])
    >>> adoption(D, pd.Index(list("abcd")), pd.Index([2000, 2001, 2002]), "law").tolist()
    [1, 3, 1, 2]
    """
    T = len(times)
    if not is_switch(D):
        bad = np.unique(D[~np.isin(D, (0.0, 1.0))])
        raise SpatialInputError("E230", f"{name!r} must be 0 or 1, got {bad[0]:g} among others", column=name,
                                n=int((~np.isin(D, (0.0, 1.0))).sum()),
                                hint=f"{NEED}, or method='twfe' for a share or a dose")  # fmt: skip
    off = (np.diff(D, axis=0) < 0).any(axis=0)
    if off.any():
        raise SpatialInputError("E231", f"{name!r} switches off in {int(off.sum())} units: a policy that ends is "
                                "another design", column=name, ids=list(ids[off]),
                                hint="end the panel before it is lifted, or leave these units out")  # fmt: skip
    refuse_without_variation(D, name)
    always = D[0] == 1
    if always.any():
        raise SpatialInputError("E232", f"{int(always.sum())} units are treated in every period: nothing shows what "
                                "they would have been without", column=name, ids=list(ids[always]),
                                hint="leave these units out, or begin the panel earlier")  # fmt: skip
    treated = D.any(axis=0)
    if treated.sum() == 1:
        raise SpatialInputError("E235", "only one unit is treated: its effect cannot be told from its own accidents",
                                column=name, ids=list(ids[treated]),
                                hint="a synthetic control is made for one treated unit")  # fmt: skip
    return np.where(treated, D.argmax(axis=0), T)


def refuse_without_variation(D: np.ndarray, name: str) -> None:
    """E233 when nobody is treated, or everybody always or at the same time: there is no comparison."""
    if not D.any():
        raise SpatialInputError("E233", f"no unit is treated: {name!r} is zero throughout", column=name, hint=NEED)
    if np.ptp(D, axis=1).max() == 0:
        when = "in every period" if np.ptp(D) == 0 else "in the same periods and to the same degree"
        raise SpatialInputError("E233", f"all units are treated {when}: there is no comparison", column=name,
                                hint="add units that are untreated, or treated later")  # fmt: skip


def relative_periods(first: np.ndarray, T: int) -> np.ndarray:
    """Periods since adoption, (T, N): 0 in the first treated period; NaN for units that are never treated."""
    since = np.arange(T)[:, None] - first.astype(float)
    since[:, first == T] = np.nan
    return since


def refuse_without_never_treated(first: np.ndarray, T: int, name: str, method: str) -> None:
    if (first < T).all():
        raise SpatialInputError("E234", f"no unit is never treated, and method={method!r} compares with those",
                                column=name, hint="method='imputation', with the periods left out in which all are "
                                "treated; or control='not_yet' with method='group_time'")  # fmt: skip
