"""Economic distance: units are close when their economies are alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from . import _labels, _search
from ._assemble import assemble, refuse_dense
from ._values import numeric, one_number
from .matrix import SpatialWeights


def economic(data, x=None, *, entity=None, time=None, decay: str = "inverse", scale: float | None = None,
             min_difference: float | None = None, ids=None) -> SpatialWeights:
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
    decay : {"inverse", "exponential", "gaussian"}
    scale : float, optional
        Default: the standard deviation of x over units (1 for several variables, already in such units).
    min_difference : float, optional
        Differences below this count as this: the cure for identical units under "inverse".
    ids : str or sequence, optional
        Id column or labels of a cross-section.

    Raises
    ------
    SpatialInputError
        E201, E202, E203, E307 units with the same value (names the pairs), E103 a (unit, time) listed twice, E309,
        E501, E502.

    Examples
    --------
    >>> gdp = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0}, name="gdp")
    >>> economic(gdp).to_dense()
              a    b         c
    a  0.000000  1.0  0.333333
    b  1.000000  0.0  0.500000
    c  0.333333  0.5  0.000000
    """
    check_option("decay", decay, ("inverse", "exponential", "gaussian"))
    floor = one_number("min_difference", min_difference, above=0, optional=True)
    scale = one_number("scale", scale, above=0, optional=True)
    values, index, words = by_unit(data, x, entity=entity, time=time, ids=ids)
    refuse_dense(len(index), sparse_way="use similarity(..., k=) for the k most alike", bytes_per_pair=12)
    row, col, difference = _search.every_pair(_whitened(values))
    if floor is not None:
        difference = np.maximum(difference, floor)
    notes = () if floor is None else (f"differences below {floor:g} count as that",)
    if decay == "inverse":
        _refuse_identical(row, col, difference, index, words)
        weight = 1.0 / difference
    else:
        scale = scale or (float(values.std(ddof=1)) if values.shape[1] == 1 else 1.0)
        weight = np.exp(-difference / scale) if decay == "exponential" else np.exp(-0.5 * (difference / scale) ** 2)
    kind = f"economic ({'1/|difference|' if decay == 'inverse' else decay} in {words})"
    return assemble(row, col, weight, index, kind, notes=notes)


def by_unit(data, x, *, entity=None, time=None, ids=None) -> tuple[np.ndarray, pd.Index, str]:
    """(n, p) values, ids and words for variables of a Series, a cross-section or a panel (period means)."""
    if isinstance(data, pd.Series):
        data = data.to_frame(name=data.name if data.name is not None else "x")
        x = list(data.columns)
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E203", f"expected a Series or DataFrame, not {type(data).__name__}",
                                hint="pd.Series(values, index=ids)")
    if x is None:
        raise SpatialInputError("E501", "say which column to use", hint=f"e.g. x={data.columns[0]!r}")
    columns = [x] if isinstance(x, str) or not isinstance(x, (list, tuple, pd.Index)) else list(x)
    words = ", ".join(map(str, columns))
    if entity is None and data.index.nlevels != 2:
        index = _labels.frame_ids(data, ids)
        values = np.column_stack([numeric(_labels.column_of(data, c), ids=index) for c in columns])
        return values, index, words
    frame = panel(data, columns, entity, time)
    mean = frame.groupby("entity", sort=False)[[f"x{j}" for j in range(len(columns))]].mean()
    periods = frame["time"].nunique()
    return mean.to_numpy(), _labels.unit_index(mean.index.rename(None)), f"mean {words} over {periods} periods"


def panel(data: pd.DataFrame, columns: list, entity, time) -> pd.DataFrame:
    """Long table entity, time, x0, x1, ... of numeric columns; each (unit, time) once."""
    if entity is None or (entity in data.index.names and entity not in data.columns):
        data = data.reset_index()
        entity, time = data.columns[:2]
    if time is None:
        raise SpatialInputError("E501", "a panel needs time= beside entity=", hint="name the column of periods")
    out = pd.DataFrame({"entity": _labels.column_of(data, entity).to_numpy(),
                        "time": _labels.column_of(data, time).to_numpy()})
    twice = out.duplicated().to_numpy()
    if twice.any():
        pairs = list(out[twice].itertuples(index=False, name=None))
        raise SpatialInputError("E103", "some (unit, time) rows occur more than once", ids=pairs, n=len(pairs),
                                rows=np.flatnonzero(twice).tolist(), hint="keep one row per unit and period")
    label = pd.MultiIndex.from_frame(out)
    for j, name in enumerate(columns):
        out[f"x{j}"] = numeric(_labels.column_of(data, name), ids=label)
    return out


def _whitened(values: np.ndarray) -> np.ndarray:
    """Coordinates in which Euclidean distance is the Mahalanobis distance; one variable stays as it is."""
    if values.shape[1] == 1:
        return values
    scale, basis = np.linalg.eigh(np.cov(values, rowvar=False))
    if scale[0] <= 1e-12 * scale[-1]:
        raise SpatialInputError("E205", "the variables are collinear over units, so their Mahalanobis distance is "
                                "not defined", hint="leave one of them out")
    return (values - values.mean(axis=0)) @ (basis / np.sqrt(scale))


def _refuse_identical(row, col, difference, ids, words) -> None:
    same = difference == 0
    if same.any():
        pairs = [(ids[a], ids[b]) for a, b in zip(row[same], col[same], strict=True) if a < b]
        raise SpatialInputError("E307", f"some units have the same {words}, where 1/|difference| is infinite",
                                ids=pairs, n=len(pairs), hint="pass min_difference=, or another decay")
