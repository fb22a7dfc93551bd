"""Growth accounting: output growth beyond capital and labour."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..design.fixed_effects import TWOWAY_EFFECTS
from ._frame import read, refuse, rows_of_keys


@dataclass(frozen=True, eq=False, repr=False)
class GrowthAccounting(Shown):
    """Output growth and its sources, in logs.

    Attributes
    ----------
    frame : DataFrame by (unit, period)
        ``output`` = ``capital`` + ``labour`` + ``tfp``: log changes since the previous period, weighted by their
        shares; NaN in the first period. ``log_tfp`` is the level, ln Y - alpha ln K - (1 - alpha) ln L.
    capital_share : float
    share_error : float
        Its standard error where it was estimated, clustered by unit; else NaN.
    """

    frame: pd.DataFrame = field(repr=False)
    capital_share: float
    share_error: float

    @property
    def tfp(self) -> pd.Series:
        """exp(log_tfp): the level of productivity, comparable between units and over time."""
        return np.exp(self.frame["log_tfp"]).rename("tfp")

    def to_frame(self) -> pd.DataFrame:
        """One row per unit and period: the keys and the columns of ``frame``, ready to merge."""
        return self.frame.reset_index()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one row per unit, period and part."""
        return rows_of_keys(self.frame)


@takes_frames
def solow_residual(
    data: pd.DataFrame,
    output: str,
    capital: str,
    labour: str,
    *,
    entity: str | None = None,
    time: str | None = None,
    capital_share: float | None = None,
) -> GrowthAccounting:
    """Total factor productivity as the residual of Y = A K^alpha L^(1 - alpha) (Solow 1957).

        d ln A = d ln Y - alpha d ln K - (1 - alpha) d ln L

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    output, capital, labour : str
        Columns with positive values; output and capital at constant prices.
    entity, time : str, optional
    capital_share : float, optional
        alpha, such as 0.5 for China or 0.33 for the United States. By default it is estimated by regressing ln(Y / L)
        on ln(K / L) with unit and period effects, which is biased where capital responds to productivity.

    Returns
    -------
    GrowthAccounting

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units, E201-E203 values, E206 fewer than two periods, E208 capital
        per worker that the effects absorb, E211 values that are not positive, E220 a share outside (0, 1), given or
        estimated; E502.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("aa"), "year": [1, 2], "Y": [1.0, 1.1], "K": [3.0, 3.2], "L": [1.0, 1.02]})
    >>> result = solow_residual(data, "Y", "K", "L", entity="unit", time="year", capital_share=0.4)
    >>> result.frame.loc[("a", 2)].round(4).to_dict()
    {'output': 0.0953, 'capital': 0.0258, 'labour': 0.0119, 'tfp': 0.0576, 'log_tfp': -0.3818}

    References
    ----------
    Solow (1957), Review of Economics and Statistics 39:312-320.
    """
    table = read(data, [output, capital, labour], entity, time, panel=True)
    refuse(table, table.values <= 0, "E211", "must be positive")
    Y, K, L = np.moveaxis(np.log(table.cube()), 2, 0)  # each (T, N)
    if len(Y) < 2:
        raise SpatialInputError("E206", f"growth needs two or more periods, there is {len(Y)}",
                                hint="give a panel with more periods")
    alpha, error = (capital_share, np.nan) if capital_share is not None else _estimated_share(Y - L, K - L)
    if not 0 < alpha < 1:
        what = f"capital_share={alpha!r}" if capital_share is not None else f"the estimated share, {alpha:.3f},"
        raise SpatialInputError("E220", f"{what} must lie between 0 and 1", hint="give capital_share=")
    log_tfp = Y - alpha * K - (1 - alpha) * L
    first = np.full((1, Y.shape[1]), np.nan)
    parts = [np.vstack([first, np.diff(v, axis=0)]) for v in (Y, alpha * K, (1 - alpha) * L, log_tfp)]
    names = ["output", "capital", "labour", "tfp", "log_tfp"]
    result = GrowthAccounting(table.frame(np.stack([*parts, log_tfp], -1).swapaxes(0, 1).reshape(-1, 5), names),
                            float(alpha), float(error))
    return made_from(result, table)  # fmt: skip


def _estimated_share(y: np.ndarray, k: np.ndarray) -> tuple[float, float]:
    """Slope of y on k with two-way effects, and its error clustered by unit; arrays (T, N)."""
    T, N = y.shape
    y, k = TWOWAY_EFFECTS.demean(y), TWOWAY_EFFECTS.demean(k)
    if TWOWAY_EFFECTS.left(T, N) < 2 or (k**2).sum() < 1e-20 * T * N:
        raise SpatialInputError("E208", "unit and period effects absorb capital per worker", hint="give capital_share=")
    slope = (k * y).sum() / (k**2).sum()
    scores = (k * (y - slope * k)).sum(axis=0)
    return slope, np.sqrt(N / (N - 1) * (scores**2).sum()) / (k**2).sum()
