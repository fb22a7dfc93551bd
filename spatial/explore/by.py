"""Moran's I by period: the table that opens every paper of this field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatial.design._weights_tmp import as_weights, warn_unlabelled
from spillover.errors import SpatialInputError
from spillover.show import Shown

from . import _input, _show
from .moran import from_field

COLUMNS = ["I", "expected", "sd", "z", "p_norm", "p_rand", "p_sim", "n"]


@dataclass(frozen=True, eq=False, repr=False)
class MoranBy(Shown):
    """Moran's I for every period, variable and weight matrix.

    Attributes
    ----------
    frame : DataFrame
        One row per (weights, variable, period): I, expected, sd, z (randomisation), p_norm, p_rand, p_sim, n.
    by : str
        Name of the period's column.
    weights : dict of str to str
        Each matrix in one line.
    permutations, seed : int
    alternative : str
    """

    frame: pd.DataFrame
    by: str
    weights: dict[str, str]
    permutations: int
    seed: int
    alternative: str

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
                self.by: f[self.by],
                "expected": f["expected"],
                "p_norm": f["p_norm"],
                "p_rand": f["p_rand"],
                "p_sim": f["p_sim"],
                "n": f["n"],
            }
        )

    def plot(self, ax=None, *, significance=0.05):
        """I over the periods, filled where significant; returns the Axes."""
        from . import plot

        return plot.moran_by_period(self, ax=ax, significance=significance)

    def __str__(self) -> str:
        head = [f"Moran's I by {self.by}"]
        head += [f"weights {name}: {line}" for name, line in self.weights.items()]
        body = []
        for (weights, variable), part in self.frame.groupby(["weights", "variable"], sort=False):
            title = variable if len(self.weights) == 1 else f"{variable} ({weights})"
            rows = [
                [row[self.by], *(f"{row[c]:.4f}" for c in ("I", "expected", "sd", "z"))]
                + [_show.p_text(row[c]) for c in ("p_rand", "p_sim")]
                for row in part.to_dict("records")
            ]
            body += ["", title, _show.table((self.by, "I", "E(I)", "sd", "z", "p", "p (perm.)"), rows)]
        foot = f"sd, z, p under randomisation; {self.alternative}; {self.permutations:,} permutations, seed {self.seed}"
        return "\n".join([*head, *body, "", foot])


def moran_by(
    data,
    columns,
    w,
    *,
    by="year",
    entity=None,
    permutations=999,
    alternative="two-sided",
    seed=_input.DEFAULT_SEED,
    missing="error",
) -> MoranBy:
    """Moran's I of each variable in each period, under one or several weight matrices.

    All variables and periods meet the same permutations of the map, so their p-values can be compared.

    Parameters
    ----------
    data : DataFrame, one row per unit and period
    columns : str or list of str
    w : weights, or dict of name to weights
    by : str
        Column, or level of the index, that holds the period.
    entity : str, optional
        Column or level that holds the unit; by default the index, without the level ``by``.
    permutations, alternative, seed, missing
        As in `moran`; with ``missing="drop"`` units are left out in the periods where they are missing.

    Returns
    -------
    MoranBy

    Raises
    ------
    SpatialInputError
        E502 no such column; E103 a unit twice in a period; E104 a unit without a row in a period;
        E201 missing values; and those of `moran`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> path = pd.DataFrame(np.eye(5, k=1) + np.eye(5, k=-1), index=list("abcde"), columns=list("abcde"))
    >>> panel = pd.DataFrame({"unit": list("abcde") * 2, "year": [1] * 5 + [2] * 5})
    >>> panel["y"] = [1, 2, 3, 4, 5, 5, 1, 4, 2, 3]
    >>> moran_by(panel, "y", path, entity="unit", permutations=99).to_frame()[["variable", "year", "I"]]
      variable  year      I
    0        y     1  0.500
    1        y     2 -0.875
    """
    _input.check_draws(permutations, seed, alternative)
    columns = [columns] if isinstance(columns, str) else list(columns)
    matrices = {k: as_weights(v) for k, v in w.items()} if isinstance(w, Mapping) else {"w": as_weights(w)}
    wide, periods = unstack(data, columns, by, entity)
    parts = []
    for name, weights in matrices.items():
        if weights.ids is None:
            warn_unlabelled()
            weights = as_weights(weights.csr, ids=wide.index)
        for group in _same_units(wide, periods, columns, by, missing):
            variables = [(_label(key, by), wide[key]) for key in group]
            field = _input.read([(label, s.rename(label)) for label, s in variables], weights, missing=missing)
            results = from_field(field, permutations, alternative, seed)
            parts += [(name, *key, _row(r)) for key, r in zip(group, results)]
    order = {(m, c, p): i for i, (m, c, p) in enumerate((m, c, p) for m in matrices for c in columns for p in periods)}
    parts.sort(key=lambda part: order[part[:3]])
    frame = pd.DataFrame([(*part[:3], *part[3]) for part in parts], columns=["weights", "variable", by, *COLUMNS])
    lines = {name: weights.describe() for name, weights in matrices.items()}
    return MoranBy(frame, by, lines, permutations, seed, alternative)


def unstack(data, columns, by, entity):
    """Variables as (column, period) against units; E502, E103."""
    frame = data
    if by not in frame.columns or (entity is not None and entity not in frame.columns):
        named = [level for level in frame.index.names if level is not None and level not in frame.columns]
        frame = frame.reset_index(level=named) if named else frame
    units = frame[entity] if entity in frame.columns else _index_units(data, by, entity)
    for column in [by, *columns]:
        if column not in frame.columns:
            raise SpatialInputError(
                "E502", f"there is no column {column!r}", column=column, hint=f"there are {list(frame.columns)}"
            )
    keys = pd.MultiIndex.from_arrays([np.asarray(units), frame[by].to_numpy()], names=["unit", by])
    if keys.has_duplicates:
        twice = keys[keys.duplicated()].unique()
        raise SpatialInputError("E103", f"a unit has more than one row in the same {by}", ids=list(twice))
    values = pd.DataFrame({c: _input.numbers(frame[c], c).to_numpy() for c in columns}, index=keys)
    values["_here"] = 1.0  # tells an absent row from a missing value
    wide = values.unstack(by).reindex(keys.unique("unit"))  # units in the data's order
    return wide, sorted(keys.get_level_values(by).unique())


def _index_units(data, by, entity):
    if entity is not None and entity not in data.index.names:
        raise SpatialInputError("E502", f"there is no column {entity!r}", column=entity)
    index = data.index
    if isinstance(index, pd.MultiIndex):
        rest = [level for level in index.names if level != by]
        return index.get_level_values(entity if entity is not None else rest[0])
    return index


def _same_units(wide, periods, columns, by, missing):
    """Groups of (column, period) that use the same units: those can share their permutations' work."""
    if missing == "error":
        refuse_gaps(wide, by)
    groups: dict[bytes, list] = {}
    for key in [(c, p) for c in columns for p in periods]:
        groups.setdefault(wide[key].isna().to_numpy().tobytes(), []).append(key)
    return groups.values()


def refuse_gaps(wide, by) -> None:
    """E104 when a unit that has rows in some periods has none in another."""
    absent = wide["_here"].isna()
    if absent.to_numpy().any():
        period = absent.any().idxmax()
        ids = list(wide.index[absent[period]])
        raise SpatialInputError(
            "E104",
            f"{len(ids)} units have no row for {by} {period}",
            column=by,
            ids=ids,
            hint='add the rows, or leave these units out of that period with missing="drop"',
        )


def _label(key, by) -> str:
    return f"{key[0]} ({by} {key[1]})"


def _row(r) -> list:
    p_sim = math.nan if r.p_sim is None else r.p_sim
    return [r.I, r.expected, math.sqrt(max(r.variance_rand, 0)), r.z_rand, r.p_norm, r.p_rand, p_sim, r.n]
