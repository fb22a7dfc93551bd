"""Capital stocks from investment, by the perpetual-inventory method."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames

from ._frame import read, refuse, refuse_gaps


@takes_frames
def perpetual_inventory(
    data: pd.DataFrame,
    investment: str,
    *,
    entity: str | None = None,
    time: str | None = None,
    depreciation: float | str = 0.096,
    growth: float | None = None,
    initial: str | None = None,
    first: str = "end",
) -> pd.Series:
    """Capital from investment: K_t = (1 - delta) K_{t-1} + I_t, from a first stock that grew at g with investment.

    ``first`` selects the first stock, and when in a period capital is measured:

    - "end": K_0 = I_0 (1 + g) / (g + delta), all stocks at the end of their period. In steady growth
      K_t (1 - (1 - delta) / (1 + g)) = I_t (Harberger 1978).
    - "begin": K_0 = I_0 / (g + delta) and K_t = (1 - delta_{t-1}) K_{t-1} + I_{t-1}, all stocks at the beginning: the
      same stocks, one period earlier. Hall & Jones (1999) start from this K_0; beside stocks at the end of periods it
      is too low by the factor 1 + g.
    - "tenth": K_0 = I_0 / 0.1, at the end (Zhang, Wu & Zhang 2004); g is not used.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    investment : str
        Column at constant prices, in the unit that capital will have.
    entity, time : str, optional
    depreciation : float or str
        delta per period, or a column with it. 0.096 is Zhang, Wu & Zhang's (2004) for China's provinces.
    growth : float, optional
        g, the rate per period at which investment grew before the first; by default each unit's mean growth over the
        periods, (I_T / I_0)^(1/T) - 1 (at least 0).
    initial : str, optional
        Column whose value in the first period is K_0: at the end of it, or at its beginning with ``first="begin"``.
    first : {"end", "begin", "tenth"}
        Which first stock, and when in the period capital is measured.

    Returns
    -------
    Series by (unit, period), ``capital``

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units or have gaps, E201-E203 values, E211 investment or initial
        stock that is not positive, E220 depreciation outside (0, 1), E501 g + delta that is not positive or an unknown
        ``first``, E502.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("aaa"), "year": [1, 2, 3], "invest": [15.0, 16.0, 17.0]})
    >>> perpetual_inventory(data, "invest", entity="unit", time="year", depreciation=0.1, growth=0.05).round(2).tolist()
    [105.0, 110.5, 116.45]

    References
    ----------
    Harberger (1978), in: Problems of Development in Latin America; Hall & Jones (1999), Quarterly J. of Economics
    114:83-116; Zhang, Wu & Zhang (2004), Economic Research J. 10:35-44 (in Chinese).
    """
    required = [investment, *(name for name in (depreciation, initial) if isinstance(name, str))]
    table = read(data, required, entity, time, panel=True)
    refuse_gaps(table)
    positive = [True, *[name == initial for name in required[1:]]]
    refuse(table, (table.values <= 0) & positive, "E211", "must be positive")
    check_option("first", first, ("end", "begin", "tenth"))
    columns = dict(zip(required, np.moveaxis(table.cube(), 2, 0)))
    I = columns[investment]
    delta = columns[depreciation] if isinstance(depreciation, str) else np.full(I.shape, float(depreciation))
    if not ((delta > 0) & (delta < 1)).all():
        raise SpatialInputError("E220", f"depreciation={depreciation!r} must lie between 0 and 1 (0.096 is 9.6 %)",
                                hint="depreciation=0.096")
    K = np.empty_like(I)
    K[0] = columns[initial][0] if initial is not None else _first_stock(I, growth, delta[0], first)
    early = int(first == "begin")  # investment of a period enters the stock at the start of the next
    for t in range(1, len(K)):
        K[t] = (1 - delta[t - early]) * K[t - 1] + I[t - early]
    return table.series(K.T.ravel(), "capital")


def _first_stock(I: np.ndarray, growth: float | None, delta: np.ndarray, first: str) -> np.ndarray:
    """K_0 of each unit, (N,)."""
    if first == "tenth":
        return I[0] / 0.1
    g = _growth(I, growth, delta)
    return I[0] / (g + delta) * (1 + g if first == "end" else 1)


def _growth(I: np.ndarray, growth: float | None, delta: np.ndarray) -> np.ndarray:
    """g of each unit, (N,)."""
    if growth is None:
        if len(I) < 2:
            raise SpatialInputError("E206", "growth= or two periods of investment are needed",
                                    hint="growth=0.05, or a longer panel")
        return np.maximum((I[-1] / I[0]) ** (1 / (len(I) - 1)) - 1, 0)
    if not (growth + delta > 0).all():
        raise SpatialInputError("E501", f"growth={growth!r} and depreciation must have a positive sum",
                                hint="give a growth above minus the depreciation")
    return np.full(I.shape[1], float(growth))
