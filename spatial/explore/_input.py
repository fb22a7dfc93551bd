"""What every statistic of this room needs first: numbers in the order of the weights, and usable weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.ids import match
from spillover.matrix import SpatialWeights, as_weights, refuse_varying
from spillover.matrix import align as in_order_of
from spillover.sentinels import point_out_sentinels

DEFAULT_SEED = 1
MOST = 100_000_000  # permutations: each simulated value takes 8 bytes
ALTERNATIVES = ("two-sided", "greater", "less")
SMALLEST = 4  # the randomisation variance divides by (n - 1)(n - 2)(n - 3)
FLAT = 1e-12  # a standard deviation below this share of the largest value is rounding


@dataclass(frozen=True)
class Field:
    """Variables and weights of the same units in the same order.

    Attributes
    ----------
    values : ndarray, shape (k, n)
        One row per variable, float64, finite.
    names : tuple of k str
    weights : SpatialWeights
        Of the n units that are used.
    all_ids : pandas.Index
        The units of the weights as given.
    used : ndarray of bool, shape (len(all_ids),)
    notes : tuple of str
        What was decided on the way.
    shapes : GeoSeries by unit, or None
        Of data that are a map.
    """

    values: np.ndarray
    names: tuple[str, ...]
    weights: SpatialWeights
    all_ids: pd.Index
    used: np.ndarray
    notes: tuple[str, ...] = ()
    shapes: object = None

    @property
    def ids(self) -> pd.Index:
        return self.all_ids[self.used]

    def only(self, k: int) -> Field:
        """The field of one variable."""
        return self if len(self.names) == 1 else replace(self, values=self.values[[k]], names=(self.names[k],))

    def sources(self) -> tuple[pd.DataFrame, dict]:
        """The variables as used, and W."""
        return pd.DataFrame(dict(zip(self.names, self.values, strict=True)), index=self.ids), {"W": self.weights}


def read(
    variables, w, *, data=None, missing="error", align="labels", varying=True, diagonal=False
) -> Field:
    """Align variables with weights and refuse what no statistic can use.

    Parameters
    ----------
    variables : list of (default name, values)
        Values are a Series, an array, or the name of a column of ``data``. A Series' own name goes before the default.
    w : weights in any form `as_weights` takes
    data : DataFrame, optional
        Its index, or one of its columns, holds the units.
    missing : {"error", "drop"}
    align : {"labels", "position"}
        "position": arrays beside labelled weights are expected, so they bring no warning.
    varying : bool
        Refuse variables without variance.
    diagonal : bool
        Allow units that are their own neighbors.

    Raises
    ------
    SpatialInputError
        E101, E102, E105 from the alignment; E201 missing, E202 infinite, E203 not numeric, E204 constant;
        E206 fewer than four units; E301 weights that cancel; E306 only islands; E312 self-neighbors;
        E320 weights that vary over time; E501, E502 a column that cannot be looked up.
    """
    check_option("missing", missing, ("error", "drop"))
    check_option("align", align, ("labels", "position"))
    weights = refuse_varying(as_weights(w), "a statistic of one period")
    names, rows, by_position, match_words = [], [], [], []
    for default, values in variables:
        values = column_of(data, values, default)
        name = getattr(values, "name", None)
        names.append(default if name is None else str(name))
        if not isinstance(values, pd.Series):
            by_position.append(names[-1])
        row, note = _in_order(numbers(values, names[-1]), weights, names[-1], data)
        rows.append(row)
        match_words += [f"{names[-1]}: {note}"] if note else []
    values = np.array(rows)
    notes = (*match_notes(weights, by_position, align), *match_words)
    all_ids = weights.ids
    check_finite(values, names, all_ids, missing)
    used = ~np.isnan(values).any(axis=0)
    if not used.all():
        before = len(weights.islands)
        weights = weights.subset_at(np.flatnonzero(used))
        notes += (_say_dropped(all_ids[~used], weights, before),)
        warn(notes[-1])
    check_links(weights, diagonal=diagonal)
    values = values[:, used]
    if varying:
        for name, row in zip(names, values):
            check_varies(row, name)
    return Field(values, tuple(names), weights, all_ids, used, notes, _shapes(data, all_ids))


def _shapes(data, ids):
    """The geometry of a GeoDataFrame that is indexed by the units."""
    if not hasattr(data, "geometry") or not data.index.is_unique or not ids.isin(data.index).all():
        return None
    return data.geometry.reindex(ids)


def column_of(data, values, default: str):
    """The column of ``data`` that a name means; a frame of one column as that column; anything else as it is."""
    if isinstance(values, str):
        if data is None:
            message = f"{default}={values!r} is the name of a column: of which data?"
            raise SpatialInputError("E501", message, column=values, hint="data=frame")
        if values not in data.columns or isinstance(data[values], pd.DataFrame):
            hint = f"the columns are {', '.join(map(str, data.columns[:12]))}"
            raise SpatialInputError("E502", f"data have no single column {values!r}", column=values, hint=hint)
        return pd.Series(data[values])
    return _only_column(values) if isinstance(values, pd.DataFrame) else values


def match_notes(weights: SpatialWeights, by_position: list[str], align: str) -> tuple[str, ...]:
    """How arrays were matched, in words; a warning where the weights have labels that an array cannot show."""
    if not by_position:
        return ()
    names = ", ".join(dict.fromkeys(by_position))
    if not weights.labelled:
        return (f"{names}: matched to the weights by position, neither has labels",)
    if weights.ids.equals(pd.RangeIndex(weights.n)):
        return ()
    note = f"{names}: matched to the weights by position, values without labels"
    if align == "labels":
        advice = 'give a Series indexed by unit, or say align="position"'
        warn(f"{note}; {advice}")
    return (note,)


def id_columns(frame: pd.DataFrame, ids: pd.Index) -> list[str]:
    """Columns of a frame that hold all of these ids and no others."""
    candidates = [c for c in frame.columns if c != getattr(frame, "_geometry_column_name", None)]
    return [str(c) for c in candidates if frame[c].isin(ids).all() and ids.isin(frame[c]).all()]


def _in_order(values, weights: SpatialWeights, name: str, data) -> tuple[np.ndarray, str]:
    """Values in the order of the weights, and what it took to match their labels, in words.

    Where the index of ``data`` fails, E101 names the column with the ids.
    """
    try:
        if isinstance(values, pd.Series) and weights.labelled:
            labels = match(values.index, weights.ids, what=f"{name!r}")
            return values.to_numpy()[labels.at], labels.note
        return in_order_of(values, weights, name=name), ""
    except SpatialInputError as error:
        if error.code not in ("E101", "E102") or not isinstance(data, pd.DataFrame) or not weights.labelled:
            raise
        columns = id_columns(data, weights.ids)
        if not columns:
            raise
        message = f"the index of data does not hold the units of the weights, {' and '.join(map(repr, columns))} does"
        hint = f"data=data.set_index({columns[0]!r})"
        raise SpatialInputError("E101", message, ids=error.ids, n=error.n, hint=hint) from None


def numbers(values, name: str):
    """The values as float64 (a Series stays a Series); E203 names the first that is no number."""
    values = values if isinstance(values, pd.Series) else np.asarray(values)
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return values.astype(np.float64) if isinstance(values, pd.Series) else values.ravel().astype(np.float64)
    if isinstance(dtype, pd.CategoricalDtype) or dtype.kind in "Mmc":
        raise SpatialInputError("E203", f"column {name!r} must hold numbers, got {dtype}", column=name,
                                hint="convert it with pd.to_numeric")
    series = values if isinstance(values, pd.Series) else pd.Series(values.ravel())
    try:
        if pd.api.types.infer_dtype(series) == "string":  # pandas would parse them
            raise TypeError
        floats = series.astype("Float64").astype("float64")
    except (TypeError, ValueError):
        parsed = pd.to_numeric(series, errors="coerce")
        bad = series[parsed.isna() & series.notna()]
        hint = "mend such cells, or make them missing: pd.to_numeric(column, errors='coerce')"
        if not len(bad):  # numbers kept as text or objects
            bad, hint = series[series.map(lambda v: isinstance(v, str))], "convert it: pd.to_numeric(column)"
        shown = f"; the first is {bad.iloc[0]!r}" if len(bad) else f", got {series.dtype}"
        raise SpatialInputError(
            "E203",
            f"column {name!r} must hold numbers{shown}",
            column=name,
            ids=list(bad.index),
            hint=hint,
        ) from None
    return floats if isinstance(values, pd.Series) else floats.to_numpy()


def _only_column(frame: pd.DataFrame) -> pd.Series:
    if frame.shape[1] != 1:
        raise SpatialInputError("E501", f"one column is expected, got {frame.shape[1]}: {list(frame.columns)[:5]}",
                                hint="name one: data['y']")
    return frame.iloc[:, 0]


def check_finite(values: np.ndarray, names, ids, missing: str) -> None:
    """E202 for infinite values; E201 for missing ones unless they may be dropped."""
    for name, row in zip(names, values):
        point_out_sentinels(name, row)
        infinite, absent = np.isinf(row), np.isnan(row)
        if infinite.any():
            raise SpatialInputError(
                "E202", f"column {name!r} has {infinite.sum()} infinite values", column=name, ids=list(ids[infinite]),
                hint="replace or drop them: data.replace([np.inf, -np.inf], np.nan)",
            )
        if absent.any() and missing == "error":
            raise SpatialInputError(
                "E201",
                f"column {name!r} has {absent.sum()} missing values",
                column=name,
                ids=list(ids[absent]),
                hint='fill them, or leave these units out with missing="drop"',
            )


def check_varies(values: np.ndarray, name: str) -> None:
    """E206 below four units, E204 when all values are one but for rounding."""
    if len(values) < SMALLEST:
        raise SpatialInputError(
            "E206", f"at least {SMALLEST} units are needed, {name!r} has {len(values)}", column=name,
            hint="use more units",
        )
    largest = np.abs(values).max()
    if largest == 0 or not np.std(values / largest) > FLAT:  # NaN is no variance either
        message = f"column {name!r} has no variance: every value is {values[0]:g}"
        raise SpatialInputError("E204", message, column=name,
                                hint="check the column: a statistic needs values that differ")


def check_links(weights: SpatialWeights, *, diagonal: bool = False) -> None:
    """E306 when nobody has a neighbor, E301 when weights cancel, E312 when somebody is their own."""
    if weights.csr.nnz == 0 or not weights.csr.data.any():
        raise SpatialInputError("E306", "no unit has a neighbor, so there is nothing to compare",
                                hint="widen the band, or use wt.knn(points, 4)")
    if weights.csr.sum() <= 0:
        raise SpatialInputError("E301", "the weights' sum must be positive", hint="negative weights cancel the others")
    own = np.flatnonzero(weights.csr.diagonal())
    if len(own) and not diagonal:
        raise SpatialInputError(
            "E312", "units are their own neighbors", ids=list(weights.ids[own]), hint="set the diagonal to zero"
        )


def check_draws(permutations, seed, alternative) -> None:
    """E501 for a number of permutations, a seed or an alternative that cannot be meant."""
    for name, value in (("permutations", permutations), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise SpatialInputError("E501", f"{name}={value!r}: a whole number of 0 or more is expected",
                                    hint="permutations=999, seed=1")
    if permutations > MOST:
        message = f"permutations={permutations:,} would keep {8e-9 * permutations:.1f} GB of simulated values"
        raise SpatialInputError("E501", message, hint=f"at most {MOST:,}: p-values are then exact to 0.0001")
    check_option("alternative", alternative, ALTERNATIVES)


def standardised(values: np.ndarray) -> np.ndarray:
    """Deviations from the mean over the standard deviation (divisor n); safe for 1e200 and 1e-200."""
    scaled = values / np.abs(values).max()
    centred = scaled - scaled.mean()
    centred -= centred.mean()  # a second pass takes out what rounding of a large offset left
    return centred / np.sqrt(np.mean(centred**2))


def _say_dropped(ids, weights: SpatialWeights, islands_before: int) -> str:
    shown = ", ".join(map(str, ids[:5])) + (" ..." if len(ids) > 5 else "")
    new_islands = len(weights.islands) - islands_before
    again = f"; weights {weights.standardization}-standardised again" if weights.standardization != "none" else ""
    islands = f"; {new_islands} more units without neighbors" if new_islands > 0 else ""
    return f"{len(ids)} unit{'s' * (len(ids) > 1)} with missing values dropped ({shown}){again}{islands}"
