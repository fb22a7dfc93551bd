"""Economic distance: units are close when their economies are alike."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.matrix.assemble import assemble, from_csr
from spillover.matrix.dense import refuse_dense
from spillover.matrix.temporal import TemporalWeights, temporal
from spillover.matrix.weights import SpatialWeights
from spillover.sentinels import point_out_sentinels
from spillover.values import numeric, one_number

from . import _search
from .distance import neighbor_counts, refuse_many

if TYPE_CHECKING:
    from spillover.types import Columns, Ids

SAME_VALUE = 1e-12  # of the range of a variable: smaller differences are rounding
DECAY = {  # in place
    "inverse": lambda d, scale: _search.reciprocal(d),
    "exponential": lambda d, scale: np.exp(np.divide(d, -scale, out=d), out=d),
    "gaussian": lambda d, scale: np.exp(np.multiply(np.square(np.divide(d, scale, out=d), out=d), -0.5, out=d), out=d),
}


@takes_frames
def economic(data: pd.DataFrame, x: Columns | None = None, *, entity: str | None = None, time: str | None = None,
             period: Hashable = "mean", decay: str = "inverse", scale: float | None = None, k: int | None = None,
             min_difference: float | None = None, missing: str = "error",
             ids: Ids | None = None) -> SpatialWeights | TemporalWeights:
    """w_ij falls with the difference between units in one or several variables.

    ============  ==============================================
    decay         w_ij, with d_ij = |x_i - x_j|
    ============  ==============================================
    inverse       1 / d_ij
    exponential   exp(-d_ij / scale)
    gaussian      exp(-(d_ij / scale)^2 / 2)
    ============  ==============================================

    With several variables d_ij is the Mahalanobis distance ((x_i - x_j)' S^-1 (x_i - x_j))^(1/2), S their covariance
    over units. A panel enters by its means over periods (Lin, Long & Wu 2005 and much work since); use one base
    year, or means of years before the study, to keep W exogenous.

    Parameters
    ----------
    data : Series by id, or DataFrame
        One row per unit (index or ``ids`` name it), or a panel with ``entity``.
    x : str or list of str
        Column or columns of a DataFrame.
    entity, time : str, optional
        A panel's columns; values are averaged by ``entity`` over all its periods. An (entity, time) MultiIndex serves
        instead.
    period : "mean", "each", or one of the panel's periods
        Use means over periods, one matrix for each period (a :class:`weights.TemporalWeights`), or a base year.
    missing : {"error", "available"}
        What to do where a unit lacks some periods, by rows that are not there or values that are missing: refuse, as
        means over different years differ for that reason alone, or average the years that each unit has.
    decay : {"inverse", "exponential", "gaussian"}
    scale : float, optional
        Default: the standard deviation of x over units (1 for several variables, already in such units).
    k : int, optional
        Keep the k most alike units of each only (no n x n array is made).
    min_difference : float, optional
        Differences below this count as this: the cure for identical units under "inverse".
    ids : str or sequence, optional
        Id column or labels of a cross-section.

    Raises
    ------
    SpatialInputError
        E307 units with the same value (names the pairs), E103 a (unit, time) listed twice, E201 missing values or
        periods, E202, E203, E204, E206, E304, E309, E501, E502.

    Examples
    --------
    >>> gdp = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0}, name="gdp")
    >>> economic(gdp).to_dense()
              a    b         c
    a  0.000000  1.0  0.333333
    b  1.000000  0.0  0.500000
    c  0.333333  0.5  0.000000
    """
    check_option("decay", decay, DECAY)
    floor = one_number("min_difference", min_difference, above=0, optional=True)
    scale = one_number("scale", scale, above=0, optional=True)
    if isinstance(period, str) and period == "each":
        return temporal({t: economic(part.droplevel("time"), part.columns.tolist(), decay=decay, scale=scale, k=k,
                                     min_difference=floor)
                         for t, part in _complete(_long(data, x, entity, time), each=True).groupby(level="time")})
    values, index, words = by_unit(data, x, entity=entity, time=time, ids=ids, period=period, missing=missing)
    _labels.refuse_too_few(len(index))
    space = _whitened(values)
    if decay == "inverse" and floor is None:
        _refuse_identical(space, index, words)
    if decay != "inverse" and scale is None:
        scale = float(values.std(ddof=1)) if values.shape[1] == 1 else 1.0
        if scale == 0:
            raise SpatialInputError("E204", f"{words} is the same for all units", hint="pass scale=")
    notes = () if floor is None else (f"differences below {floor:g} count as that",)

    def weight_of(difference):
        with np.errstate(over="ignore"):  # an infinite weight is refused by the constructor
            return DECAY[decay](difference if floor is None else np.maximum(difference, floor), scale)

    kind = f"economic ({'1/|difference|' if decay == 'inverse' else decay} in {words})"
    if k is not None:
        counts = neighbor_counts(k, len(index))
        refuse_many(int(counts.sum()))
        row, col, difference = _search.nearest(space, counts, _labels.rank(index))
        return assemble(row, col, weight_of(difference), index, f"{kind}, {k} most alike", notes=notes)
    refuse_dense(len(index), sparse_way="pass k= for the k most alike units of each", bytes_per_pair=12)
    plain = decay == "inverse" and floor is None
    csr, sound = _search.every_pair(space, _search.reciprocal if plain else weight_of)
    return from_csr(csr, index, kind, notes=notes, sound=sound)


def by_unit(data, x, *, entity=None, time=None, ids=None, period="mean", missing: str = "error"
            ) -> tuple[np.ndarray, pd.Index, str]:
    """(n, p) values, ids and words for variables of a Series, a cross-section or a panel (period means)."""
    check_option("missing", missing, ("error", "available"))
    names = _columns(data, x)
    words = ", ".join(map(str, names))
    if entity is None and data.index.nlevels != 2:
        if time is not None or not (isinstance(period, str) and period == "mean"):
            raise _no_entity()
        frame = data.to_frame(name=names[0]) if isinstance(data, pd.Series) else data
        index = _labels.frame_ids(frame, ids)
        values = np.column_stack([numeric(_labels.column_of(frame, c), ids=index) for c in names])
        for name, column in zip(names, values.T):
            point_out_sentinels(name, column)
        return values, index, words
    frame = _long(data, x, entity, time, missing)
    if isinstance(period, str) and period == "mean":
        if missing == "error":
            _complete(frame)
        counts = frame.groupby(level="entity", sort=False).count().min(axis=1)
        if (counts == 0).any():
            raise SpatialInputError("E201", f"some units have no values of {words} at all",
                                    ids=counts.index[counts == 0].tolist(), n=int((counts == 0).sum()),
                                    hint="leave those units out")
        over = f"{counts.min()}" + (f" to {counts.max()}" if counts.max() > counts.min() else "")
        frame, words = frame.groupby(level="entity", sort=False).mean(), f"mean {words} over {over} periods"
    else:
        frame, words = _one_period(frame, period), f"{words} in {period}"
    return frame.to_numpy(), _labels.unit_index(frame.index.rename(None)), words


def _one_period(frame: pd.DataFrame, period) -> pd.DataFrame:
    """One period of a panel, which must have all units."""
    units, times = (frame.index.get_level_values(level) for level in ("entity", "time"))
    one = frame[times == period].droplevel("time")
    absent = units.unique().difference(one.index, sort=False)
    if len(absent):
        raise SpatialInputError("E101", f"some units have no values in period {period!r}", ids=absent.tolist(),
                                n=len(absent), hint=f"periods run from {times.min()} to {times.max()}")
    return one


def _complete(frame: pd.DataFrame, *, each: bool = False) -> pd.DataFrame:
    """The frame if every unit has every period; else E201 naming (unit, period) pairs that are absent."""
    units, times = (frame.index.get_level_values(level).unique() for level in ("entity", "time"))
    if len(frame) == len(units) * len(times):
        return frame
    pairs = pd.MultiIndex.from_product([units, times])
    absent = pairs[~pairs.isin(frame.index)]
    lacking = absent.get_level_values(0).unique()
    hint = ("keep the periods that all units have, or name one of them with period=" if each else
            "keep the periods that all units have, or missing='available' to average those that each has")
    raise SpatialInputError("E201", f"{len(lacking)} of {len(units)} units lack some of the {len(times)} periods",
                            ids=absent.tolist(), n=len(absent), hint=hint)


def _columns(data, x) -> list:
    """The names of the variables; a Series has one."""
    if isinstance(data, pd.Series):
        return [data.name if data.name is not None else "x"]
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E203", f"expected a Series or DataFrame, not {type(data).__name__}",
                                hint="pd.Series(values, index=ids)")
    if x is None:
        raise SpatialInputError("E501", "say which column to use", hint=f"e.g. x={data.columns[0]!r}")
    return list(x) if isinstance(x, (list, tuple, pd.Index)) else [x]


def _long(data, x, entity, time, missing: str = "error") -> pd.DataFrame:
    names = _columns(data, x)
    data = data.to_frame(name=names[0]) if isinstance(data, pd.Series) else data
    return panel(data, names, entity, time, missing)


def panel(data: pd.DataFrame, columns: list, entity, time, missing: str = "error") -> pd.DataFrame:
    """The named columns, numeric, indexed by (entity, time); each pair once. "available" keeps missing values."""
    if entity is None and data.index.nlevels != 2:
        raise _no_entity()
    if entity is None:
        label = data.index.set_names(["entity", "time"])
    else:
        if time is None:
            raise SpatialInputError("E501", "a panel needs time= beside entity=", hint="name the column of periods")
        if entity not in data.columns and entity in data.index.names:
            data = data.reset_index()
        label = pd.MultiIndex.from_arrays([_labels.column_of(data, entity), _labels.column_of(data, time)],
                                          names=["entity", "time"])
    twice = label.duplicated()
    if twice.any():
        raise SpatialInputError("E103", "some (unit, time) rows occur more than once", ids=label[twice].tolist(),
                                n=int(twice.sum()), rows=np.flatnonzero(twice).tolist(),
                                hint="keep one row per unit and period")
    out = {}
    for name in columns:
        column = _labels.column_of(data, name)
        absent = column.isna().to_numpy() if missing == "available" else np.zeros(len(column), bool)
        out[name] = np.full(len(column), np.nan)
        out[name][~absent] = numeric(column[~absent], ids=label[~absent])
        point_out_sentinels(name, out[name])
    return pd.DataFrame(out, index=label)


def _no_entity() -> SpatialInputError:
    return SpatialInputError("E501", "a panel needs entity= beside time=",
                             hint="name the column of units, or index the table by (entity, time)")


def _whitened(values: np.ndarray) -> np.ndarray:
    """Coordinates in which Euclidean distance is the Mahalanobis distance; one variable stays as it is."""
    if values.shape[1] == 1:
        return values
    scale, basis = np.linalg.eigh(np.cov(values, rowvar=False))
    if scale[0] <= 1e-12 * scale[-1]:
        raise SpatialInputError("E205", "the variables are collinear over units, so their Mahalanobis distance is "
                                "not defined", hint="leave one of them out")
    return (values - values.mean(axis=0)) @ (basis / np.sqrt(scale))


def _refuse_identical(space, ids, words) -> None:
    groups = _search.coincident(space, SAME_VALUE)
    if groups:
        pairs = [(ids[a], ids[b]) for group in groups for a, b in pairwise(group)]
        raise SpatialInputError("E307", f"some units have the same {words}, where 1/|difference| is infinite",
                                ids=pairs, n=len(pairs), hint="pass min_difference=, or another decay")
