"""Moran's I by period: the table that opens every paper of this field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights, warn_unlabelled
from spillover.provenance import made_from
from spillover.show import Shown

from ..design.periods import in_order
from . import _draws, _input
from .moran import from_field

if TYPE_CHECKING:
    from spillover.types import Columns

COLUMNS = ["I", "expected", "sd", "z", "p_norm", "p_rand", "p_sim", "n"]


@dataclass(frozen=True, eq=False, repr=False)
class MoranBy(Shown):
    """Moran's I for every period, variable and weight matrix.

    Attributes
    ----------
    frame : DataFrame
        One row per (weights, variable, period): I, expected, sd, z (randomisation), p_norm, p_rand, p_sim, n.
    time : str
        Name of the period's column.
    weights : dict of str to str
        Each matrix in one line.
    permutations, seed : int
    alternative : str
    notes : tuple of str
    """

    frame: pd.DataFrame
    time: str
    weights: dict[str, str]
    permutations: int
    seed: int
    alternative: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema; ``p_value`` is the permutation's where there is one."""
        f = self.frame
        return pd.DataFrame(
            {
                "term": f["variable"],
                "estimate": f["I"],
                "std_error": f["sd"],
                "statistic": f["z"],
                "p_value": f["p_sim"].fillna(f["p_rand"]),
                "conf_low": math.nan,
                "conf_high": math.nan,
                "weights": f["weights"],
                "period": f[self.time],
                "expected": f["expected"],
                "p_norm": f["p_norm"],
                "p_rand": f["p_rand"],
                "p_sim": f["p_sim"],
                "n": f["n"],
            }
        )

@takes_frames
def moran_by(
    data: pd.DataFrame,
    columns: Columns,
    w: Any,
    *,
    time: str,
    entity: str | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
) -> MoranBy:
    """Moran's I of each variable in each period, under one or several weight matrices.

    All variables and periods meet the same permutations of the map, so their p-values can be compared.

    Parameters
    ----------
    data : DataFrame, one row per unit and period
    columns : str or list of str
    w : weights, or dict of name to weights
        Weights that vary over time serve every period with its own.
    time : str
        Column, or level of the index, that holds the period: numbers, dates, pandas periods, an ordered category, or
        text that reads as numbers or dates. The table lists periods in their order.
    entity : str, optional
        Column or level that holds the unit; by default the index, without the level ``time``.
    permutations, alternative, seed, missing
        As in `moran`; with ``missing="drop"`` units are left out in the periods where they are missing.

    Returns
    -------
    MoranBy

    Raises
    ------
    SpatialInputError
        E101 an index that does not hold the units (the hint names the column that does); E502 no such column; E103 a
        unit twice in a period; E104 a unit without a row in a period; E106 periods without an order; E201 missing
        values; and those of `moran`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> path = pd.DataFrame(np.eye(5, k=1) + np.eye(5, k=-1), index=list("abcde"), columns=list("abcde"))
    >>> panel = pd.DataFrame({"unit": list("abcde") * 2, "year": [1] * 5 + [2] * 5})
    >>> panel["y"] = [1, 2, 3, 4, 5, 5, 1, 4, 2, 3]
    >>> moran_by(panel, "y", path, time="year", entity="unit", permutations=99).to_frame()[["variable", "year", "I"]]
      variable  year      I
    0        y     1  0.500
    1        y     2 -0.875
    """
    _input.check_draws(permutations, seed, alternative)
    columns = [columns] if isinstance(columns, str) else list(columns)
    several = isinstance(w, Mapping) and not isinstance(w, TemporalWeights)
    matrices = {name: as_weights(each) for name, each in (w if several else {"w": w}).items()}
    wide, periods = unstack(data, columns, time, entity, next(iter(matrices.values())).ids)
    first = next(iter(matrices.values()))
    links = first.matrices[0].csr if isinstance(first, TemporalWeights) else first.csr
    _draws.announce_global(links, len(matrices) * len(columns) * len(periods), permutations)
    parts = []
    notes: list[str] = []
    for name, weights in matrices.items():
        if not weights.labelled:
            warn_unlabelled()
            weights = as_weights(weights.csr, ids=wide.index)
        for group, own in _under_own_weights(_same_units(wide, periods, columns, time, missing), weights):
            variables = [(_label(key, time), wide[key]) for key in group]
            field = _input.read([(label, s.rename(label)) for label, s in variables], own, missing=missing)
            notes += field.notes
            results = from_field(field, permutations, alternative, seed)
            parts += [(name, *key, _row(r)) for key, r in zip(group, results)]
    order = {(m, c, p): i for i, (m, c, p) in enumerate((m, c, p) for m in matrices for c in columns for p in periods)}
    parts.sort(key=lambda part: order[part[:3]])
    frame = pd.DataFrame([(*part[:3], *part[3]) for part in parts], columns=["weights", "variable", time, *COLUMNS])
    lines = {name: weights.header() for name, weights in matrices.items()}
    result = MoranBy(frame, time, lines, permutations, seed, alternative, tuple(dict.fromkeys(notes)))
    return made_from(result, wide, matrices)


def _under_own_weights(groups, weights) -> list[tuple[list, SpatialWeights]]:
    """Each group with its W; where W varies over time the variables of one period are a group."""
    if not isinstance(weights, TemporalWeights):
        return [(group, weights) for group in groups]
    each = [([key for key in group if key[1] == period], period) for group in groups
            for period in dict.fromkeys(key[1] for key in group)]  # fmt: skip
    return [(keys, weights[period]) for keys, period in each]


def unstack(data, columns, time, entity, ids=None):
    """Variables as (column, period) against units, and the periods in their order; E101, E106, E502, E103.

    Parameters
    ----------
    ids : pandas.Index, optional
        Of the weights: an index of the data that holds none of them is refused where a column holds all.
    """
    frame = data
    if time not in frame.columns or (entity is not None and entity not in frame.columns):
        named = [level for level in frame.index.names if level is not None and level not in frame.columns]
        frame = frame.reset_index(level=named) if named else frame
    units = frame[entity] if entity in frame.columns else _index_units(data, time, entity)
    for column in [time, *columns]:
        if column not in frame.columns:
            raise SpatialInputError(
                "E502", f"there is no column {column!r}", column=column, hint=f"there are {list(frame.columns)}"
            )
    if entity is None and ids is not None and not pd.Index(units).isin(ids).any():
        for candidate in _input.id_columns(frame, ids):
            message = f"the index of data holds no unit of the weights, column {candidate!r} does"
            raise SpatialInputError("E101", message, column=candidate, hint=f"entity={candidate!r}")
    keys = pd.MultiIndex.from_arrays([np.asarray(units), frame[time].to_numpy()], names=["unit", time])
    if keys.has_duplicates:
        twice = keys[keys.duplicated()].unique()
        raise SpatialInputError("E103", f"a unit has more than one row in the same {time}", ids=list(twice),
                                hint="aggregate to one row per unit and period")
    values = pd.DataFrame({c: _input.numbers(frame[c], c).to_numpy() for c in columns}, index=keys)
    values["_here"] = 1.0  # tells an absent row from a missing value
    wide = values.unstack(time).reindex(keys.unique("unit"))  # units in the data's order
    return wide, in_order(frame[time])


def _index_units(data, time, entity):
    if entity is not None and entity not in data.index.names:
        raise SpatialInputError("E502", f"there is no column {entity!r}", column=entity,
                                hint="name a column of the data")
    index = data.index
    if isinstance(index, pd.MultiIndex):
        rest = [k for k, level in enumerate(index.names) if level != time]
        return index.get_level_values(entity if entity is not None else rest[0])
    return index


def _same_units(wide, periods, columns, time, missing):
    """Groups of (column, period) that use the same units: those can share their permutations' work."""
    if missing == "error":
        refuse_gaps(wide, time)
    groups: dict[bytes, list] = {}
    for key in [(c, p) for c in columns for p in periods]:
        groups.setdefault(wide[key].isna().to_numpy().tobytes(), []).append(key)
    return groups.values()


def refuse_gaps(wide, time) -> None:
    """E104 when a unit that has rows in some periods has none in another."""
    absent = wide["_here"].isna()
    if absent.to_numpy().any():
        period = absent.any().idxmax()
        ids = list(wide.index[absent[period]])
        raise SpatialInputError(
            "E104",
            f"{len(ids)} units have no row for {time} {period}",
            column=time,
            ids=ids,
            hint='add the rows, or leave these units out of that period with missing="drop"',
        )


def _label(key, time) -> str:
    return f"{key[0]} ({time} {key[1]})"


def _row(r) -> list:
    p_sim = math.nan if r.p_sim is None else r.p_sim
    return [r.I, r.expected, math.sqrt(max(r.variance_rand, 0)), r.z_rand, r.p_norm, r.p_rand, p_sim, r.n]
