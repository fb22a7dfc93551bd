"""Industrial structure: upgrading, rationalization, specialization of units in sectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames

from ._frame import Table, read, refuse

TOLERANCE = 0.005  # statistical yearbooks round: sectors may miss their total by half a per cent


@takes_frames
def upgrading(data: pd.DataFrame, sectors: list[str], *, entity: str | None = None, time: str | None = None,
              total: str | None = None) -> pd.DataFrame:
    """How far output has moved from primary over secondary to tertiary industry.

        layer  = sum_k k s_k, between 1 (all primary) and K (all in the last sector)
        angle  = sum_{k=1}^{K} sum_{j=1}^{k} theta_j,  theta_j = arccos(s_j / |s|): the angles between the vector of
                 shares s and the axes (Fu 2010)
        ratio  = s_K / s_{K-1}: tertiary over secondary (Gan, Zheng & Yu 2011)

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    sectors : list of str
        Columns with output (or employment) of each sector, from the lowest to the highest; values or shares.
    entity, time : str, optional
    total : 1, 100 or str, optional
        What the sectors must add up to (1 or 100 for shares, a column for values), checked within half a per cent.

    Returns
    -------
    DataFrame by unit (and period): ``layer``, ``angle``, ``ratio``; ratio is NaN where its sector is empty.

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E210 negative output, E221 sectors that do not add up, E501, E502.

    Examples
    --------
    >>> data = pd.DataFrame({"agri": [30, 1], "indu": [50, 30], "serv": [20, 69]}, index=["1978", "2023"])
    >>> upgrading(data, ["agri", "indu", "serv"], total=100).round(3).to_dict("list")
    {'layer': [1.9, 2.68], 'angle': [5.677, 7.404], 'ratio': [0.4, 2.3]}

    References
    ----------
    Fu (2010), Statistical Research 27(8):79-81; Gan, Zheng & Yu (2011), Economic Research J. 46(5):4-16 (both in
    Chinese); the layer coefficient: Xu & Jiang (2015), J. Quantitative & Technical Economics 32(3):3-21 (in Chinese).
    """
    table, s = _shares(data, sectors, entity, time, total)
    K = s.shape[1]
    layer = s @ np.arange(1, K + 1)
    theta = np.arccos(np.clip(s / np.linalg.norm(s, axis=1, keepdims=True), 0, 1))
    angle = theta @ np.arange(K, 0, -1)  # theta_j occurs in the sums k = j ... K
    ratio = np.divide(s[:, -1], s[:, -2], out=np.full(len(s), np.nan), where=s[:, -2] > 0)
    return table.frame(np.column_stack([layer, angle, ratio]), ["layer", "angle", "ratio"])


@takes_frames
def rationalization(
    data: pd.DataFrame,
    output: list[str],
    employment: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    output_total: str | None = None,
    employment_total: str | None = None,
) -> pd.Series:
    """Distance of the structure of output from that of employment: Theil's index (Gan, Zheng & Yu 2011).

        TL = sum_k (Y_k / Y) ln[ (Y_k / L_k) / (Y / L) ]

    0 when a worker produces the same in every sector; the larger, the less rational the structure.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    output, employment : lists of str
        Columns by sector, in the same order.
    entity, time : str, optional
    output_total, employment_total : 1, 100 or str, optional
        As ``total`` of `upgrading`.

    Returns
    -------
    Series by unit (and period)

    Raises
    ------
    SpatialInputError
        As `upgrading`; E211 a sector with output and no employment, E501 lists of different length.

    Examples
    --------
    >>> data = pd.DataFrame({"y1": [10, 20], "y2": [90, 80], "l1": [50, 20], "l2": [50, 80]}, index=["a", "b"])
    >>> rationalization(data, ["y1", "y2"], ["l1", "l2"]).round(3).to_dict()
    {'a': 0.368, 'b': 0.0}
    """
    if len(output) != len(employment):
        raise SpatialInputError("E501", f"{len(output)} columns of output, {len(employment)} of employment",
                                hint="name as many of each, in the same order")
    table, y = _shares(data, output, entity, time, output_total)
    workers, l = _shares(data, employment, entity, time, employment_total)
    refuse(workers, (y > 0) & (l == 0), "E211", "must be positive where there is output")
    logs = np.log(y / np.where(y > 0, l, 1), where=y > 0, out=np.zeros_like(y))
    return table.series((y * logs).sum(axis=1), "rationalization")


@takes_frames
def location_quotients(data: pd.DataFrame, sectors: list[str], *, entity: str | None = None, time: str | None = None,
                       total: str | None = None) -> pd.DataFrame:
    """Share of a sector in a unit over its share in all units of the period: LQ = (E_ik / E_i) / (E_k / E).

    Above 1 the unit is specialised in the sector (Florence 1939).

    Parameters
    ----------
    data, sectors, entity, time, total
        As `upgrading`; sectors in any order, values (not shares: their sums over units are needed).

    Returns
    -------
    DataFrame by unit (and period), one column per sector

    Raises
    ------
    SpatialInputError
        As `upgrading`; E211 a sector that is empty in all units of a period.

    Examples
    --------
    >>> data = pd.DataFrame({"steel": [10, 30], "wine": [30, 10]}, index=["a", "b"])
    >>> location_quotients(data, ["steel", "wine"]).to_dict("list")
    {'steel': [0.5, 1.5], 'wine': [1.5, 0.5]}
    """
    table, s = _shares(data, sectors, entity, time, total)
    out = np.empty_like(s)
    for period, rows in table.periods():
        whole = table.values[rows].sum(axis=0)
        if (whole == 0).any():
            name = table.names[int(np.argmin(whole))]
            raise SpatialInputError("E211", f"sector {name!r} is empty everywhere"
                                    + ("" if period is None else f" in {period}"), column=name,
                                    hint="leave it out")  # fmt: skip
        out[rows] = s[rows] / (whole / whole.sum())
    return table.frame(out, table.names)


@takes_frames
def specialization(data: pd.DataFrame, sectors: list[str], *, entity: str | None = None, time: str | None = None,
                   total: str | None = None) -> pd.DataFrame:
    """How much a unit's structure is concentrated (Herfindahl) and how it differs from the others' (Krugman).

        herfindahl_i = sum_k s_ik^2, from 1 / K to 1
        krugman_i    = sum_k |s_ik - s_(-i)k|, from 0 to 2, against the sum of all other units in the period

    Parameters
    ----------
    data, sectors, entity, time, total
        As `location_quotients`.

    Returns
    -------
    DataFrame by unit (and period): ``herfindahl``, ``krugman`` (NaN for a unit that is alone in its period)

    Raises
    ------
    SpatialInputError
        As `upgrading`.

    Examples
    --------
    >>> data = pd.DataFrame({"steel": [10, 30], "wine": [30, 10]}, index=["a", "b"])
    >>> specialization(data, ["steel", "wine"]).to_dict("list")
    {'herfindahl': [0.625, 0.625], 'krugman': [1.0, 1.0]}

    References
    ----------
    Krugman (1991), Geography and Trade, p. 75; Midelfart-Knarvik, Overman, Redding & Venables (2000), The Location
    of European Industry.
    """
    table, s = _shares(data, sectors, entity, time, total)
    krugman = np.full(len(s), np.nan)
    for _, rows in table.periods():
        E = table.values[rows]
        others = E.sum(axis=0) - E
        if len(rows) > 1:
            krugman[rows] = np.abs(s[rows] - others / others.sum(axis=1, keepdims=True)).sum(axis=1)
    return table.frame(np.column_stack([(s**2).sum(axis=1), krugman]), ["herfindahl", "krugman"])


def _shares(data, sectors, entity, time, total) -> tuple[Table, np.ndarray]:
    """The sectors' columns and their shares in each row; they must add up to ``total`` where it is given."""
    if len(sectors) < 2 or isinstance(sectors, str):
        raise SpatialInputError("E501", f"two or more sectors are needed, got {sectors!r}",
                                hint="name two columns or more")
    required = [*sectors, total] if isinstance(total, str) else [*sectors]
    table = read(data, required, entity, time)
    refuse(table, table.values < 0, "E210", "has negative values")
    E = table.values[:, : len(sectors)]
    sums = E.sum(axis=1)
    expected = table.values[:, -1] if isinstance(total, str) else sums if total is None else float(total)
    wrong = (np.abs(sums - expected) > TOLERANCE * expected) | (sums == 0)
    if wrong.any():
        got = ", ".join(f"{v:.6g}" for v in sums[wrong][:3])
        raise SpatialInputError("E221", "the sectors do not add up to " + ("a positive total" if total is None else
                                f"{total!r}") + f": their sums are {got}", ids=table.labels(wrong),
                                hint="check the sectors, or leave total= out")  # fmt: skip
    return replace(table, values=E, names=tuple(sectors)), E / sums[:, None]
