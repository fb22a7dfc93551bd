"""The same model in parts of the data, side by side: by region, by level, by period, and are the parts different?

Groups of units get their own W: links to other groups are cut and rows are standardised again. What crosses a group's
border is then outside its model; weights of few links leave islands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..design.read import design
from ..effects.average import KINDS, Effects
from ..effects.long_run import DynamicEffects
from ..models.family import gns, ols, sac, sar, sdem, sdm, sem, slx
from ..models.fit import Fit
from ..records.schema import SCHEMA
from ._sample import balanced_cures
from ._tables import rows

MODELS: dict[str, Callable[..., Fit]] = {
    "sdm": sdm, "sar": sar, "sem": sem, "slx": slx, "sdem": sdem, "sac": sac, "gns": gns, "ols": ols,
}  # fmt: skip
CUTS = {"median": [0.5], "tercile": [1 / 3, 2 / 3]}
CANNOT_HAVE_THE_MODEL = {"E204": "has a regressor that does not vary", "E205": "has collinear regressors",
                         "E206": "has too few observations for the model"}  # fmt: skip
FEWEST = 5  # units or periods of a group


@dataclass(frozen=True, eq=False)
class Heterogeneity(Shown):
    """Effects by group, and differences between groups.

    Attributes
    ----------
    effects : dict of group to Effects
    differences : DataFrame
        ``groups`` ("west - east"), ``effect``, the common schema, ``p_permutation`` (NaN without permutations).
        Groups are taken as independent samples.
    drawn : ndarray, shape (permutations, rows of differences), NaN where a group could not be estimated
    settings : dict
    notes : tuple of str
        Groups that were left out because they are too small.
    """

    effects: dict[str, Effects] = field(repr=False)
    differences: pd.DataFrame
    drawn: np.ndarray = field(repr=False)
    settings: dict = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> dict[str, Fit]:
        return {name: e.fit for name, e in self.effects.items() if isinstance(e.fit, Fit)}

    def tidy(self) -> pd.DataFrame:
        """Effects of every group, in the common schema plus ``group`` and ``effect``."""
        table = pd.concat([e.tidy().assign(group=name) for name, e in self.effects.items()], ignore_index=True)
        return table[["group", "effect", *SCHEMA]]


@takes_frames
def heterogeneity(
    formula: str, data: pd.DataFrame, w, *, by: str, cut: str | list[float] | None = None,
    model: str | Callable[..., Fit] = "sdm", variables: list[str] | None = None, entity: str | None = None,
    time: str | None = None, permutations: int = 0, seed: int = 1, level: float = 0.95, **options,
) -> Heterogeneity:  # fmt: skip
    """Fit one model in every group and compare its effects.

    Parameters
    ----------
    formula, data, w, entity, time, **options
        As the model takes them.
    by : str
        A column: fixed for each unit (a region) it makes groups of units; fixed for each period (the period itself,
        an era) groups of periods. With ``cut`` also a number that changes: units are grouped by their mean.
    cut : "median", "tercile" or list of numbers, optional
        Where a numeric column is cut; classes include their upper end.
    model : {"sdm", "sar", "sem", "slx", "sdem", "sac", "gns", "ols"} or function
        A name, or ``sp.sdm``, ``sp.sar`` ...
    variables : list of str, optional
        Whose effects are compared; default all.
    permutations : int
        Fisher's permutation test: the groups' labels are assigned to the units (or periods) at random, so many times.
        Groups of random units are less compact than regions are, and have fewer links: take its p-values as a guide.
    seed : int
        Of the permutations.
    level : float
        Coverage of the intervals.

    Returns
    -------
    Heterogeneity

    Raises
    ------
    SpatialInputError
        E236 a column that is fixed for neither units nor periods, E501 no panel or one W per period, E533 cuts that do
        not separate, E732 fewer than two groups of 5 units (2 periods), and what the model raises, with the group's
        name.

    Warns
    -----
    SpatialInputWarning
        Groups left out.

    Notes
    -----
    Groups of fewer than 5 units or 2 periods, and those in which the model cannot be estimated because observations are
    too few, or a regressor does not vary or is collinear there, are left out: ``.notes`` names them.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> panel = shapefiles.load_panel("us_states")
    >>> eras = sp.heterogeneity("log(gsp) ~ log(pc) + unemp", panel, w, by="year", cut=[1978], entity="state",
    ...                         time="year")
    >>> list(eras.effects)
    ['year <= 1978', 'year > 1978']
    """
    missing = options.get("missing", "error")
    check_option("missing", missing, ("error", "drop"))
    if not callable(model):
        check_option("model", model, MODELS)
    estimate = model if callable(model) else MODELS[model]
    with balanced_cures():
        d = design(formula, data, w, entity=entity, time=time, lagged=False, missing=missing)
    if not d.is_panel or d.weights.varies:
        raise SpatialInputError("E501", "groups are compared in panels with one W for all periods",
                                hint="give entity= and time=")  # fmt: skip
    codes, names, axis = _classes(d, by, cut)
    codes, names, notes = _large_enough(codes, names, axis, by)
    variables = list(d.regressors) if variables is None else list(variables)
    for name in variables:
        if name not in d.regressors:
            raise SpatialInputError("E502", f"{name!r} is no regressor of the formula", column=str(name),
                                    hint="name a term of the formula")
    keys = {"entity": entity, "time": time, **options}

    def fitted(members) -> Fit:
        cells = d.order[members] if axis == "periods" else d.order[:, members]
        weights = d.weights if axis == "periods" else d.weights.subset_at(np.flatnonzero(members))
        return estimate(formula, data.iloc[np.sort(cells.ravel())], weights, **keys)

    effects: dict[str, Effects] = {}
    first = None
    for g, name in enumerate(names):
        try:
            effects[name] = _static(fitted(codes == g).effects(level=level))
        except SpatialInputError as error:
            if error.code not in CANNOT_HAVE_THE_MODEL:
                raise _in_group(name, error) from error
            first = first or _in_group(name, error)
            notes.append(f"left out: {name} {CANNOT_HAVE_THE_MODEL[error.code]} ({error.message})")
            codes = np.where(codes == g, -1, codes)
    if len(effects) < 2 and first is not None and first.code != "E206":
        raise first
    _refuse_fewer_than_two(effects, by)
    for note in notes:
        warn(note)
    codes = _consecutive(codes)
    differences = _differences(effects, variables, level)
    drawn = _permuted(fitted, codes, variables, permutations, seed)
    differences["p_permutation"] = _p_values(differences["estimate"].to_numpy(), drawn)
    sizes = dict(zip(effects, np.bincount(codes[codes >= 0])))
    settings = {"by": by, "axis": axis, "sizes": sizes, "permutations": permutations, "seed": seed, "formula": formula,
                "level": level, "variables": variables}  # fmt: skip
    return made_from(Heterogeneity(effects, differences, drawn, settings, tuple(notes)), d)


def _in_group(name: str, error: SpatialInputError) -> SpatialInputError:
    return SpatialInputError(error.code, f"in group {name!r}: {error.message}", column=error.column, ids=error.ids,
                             n=error.n, hint=error.hint)  # fmt: skip


def _static(effects: Effects | DynamicEffects) -> Effects:
    if not isinstance(effects, Effects):
        raise SpatialInputError("E501", "groups are compared by the effects of static models",
                                hint="leave lags= out")  # fmt: skip
    return effects


def _large_enough(codes, names, axis: str, by: str):
    """Codes with -1 for the members of groups that are too small, the other groups' names, and a note."""
    fewest = FEWEST if axis == "units" else 2
    sizes = np.bincount(codes, minlength=len(names))
    small = sizes < fewest
    kept = [name for name, out in zip(names, small) if not out]
    _refuse_fewer_than_two(kept, by, f" of {fewest} {axis} or more")
    if not small.any():
        return codes, names, []
    text = ", ".join(f"{name} ({size})" for name, size, out in zip(names, sizes, small) if out)
    return _consecutive(np.where(small[codes], -1, codes)), kept, [f"left out, fewer than {fewest} {axis}: {text}"]


def _consecutive(codes: np.ndarray) -> np.ndarray:
    """0, 1 ... in the same order; -1 stays."""
    groups, new = np.unique(codes, return_inverse=True)
    return new - int(groups[0] < 0)


def _refuse_fewer_than_two(groups, by: str, what: str = "") -> None:
    if len(groups) < 2:
        number = f"{len(groups)} group" + "s" * (len(groups) != 1)
        raise SpatialInputError("E732", f"{by!r} has {number}{what} to compare: two are needed", column=by,
                                hint="put small groups together, or cut elsewhere")  # fmt: skip


def _classes(d, by: str, cut):
    """Codes of the units or of the periods, the groups' names, and which of the two they are."""
    if by not in d.frame.columns:
        raise SpatialInputError("E502", f"by={by!r} is no column of the data", column=str(by),
                                hint="name a column of the data")
    column = d.frame[by]
    if column.iloc[d.order.ravel()].isna().any():
        raise SpatialInputError("E201", f"{by!r} has missing values", column=by,
                                hint="fill them, or leave these rows out")
    values = column.to_numpy()[d.order]
    of_units, of_periods = (values == values[:1]).all(), (values == values[:, :1]).all()
    if cut is None and not (of_units or of_periods):
        raise SpatialInputError("E236", f"{by!r} is fixed neither for units nor for periods", column=by,
                                hint="cut='median' groups the units by their mean")  # fmt: skip
    axis = "periods" if of_periods and not of_units else "units"
    one = values[:, 0] if axis == "periods" else values[0]
    if cut is not None:
        one = one if axis == "periods" or values.dtype.kind not in "fiub" else values.mean(axis=0)
        codes, names = _cut(one, by, cut)
    else:
        codes, groups = pd.factorize(one, sort=True)
        names = [str(group) for group in groups]
    return codes, names, axis


def _cut(values, by, cut):
    if np.asarray(values).dtype.kind not in "fiub":
        raise SpatialInputError("E203", f"cut= needs a numeric column, {by!r} is none", column=by,
                                hint="leave cut= out: categories are groups already")
    if isinstance(cut, str) and cut not in CUTS:
        raise SpatialInputError("E501", f"cut={cut!r} is not known", hint="'median', 'tercile' or a list of numbers")
    at = np.quantile(values, CUTS[cut]) if isinstance(cut, str) else np.sort(np.asarray(cut, dtype=float))
    codes = np.searchsorted(at, values, side="left")
    if len(np.unique(codes)) != len(at) + 1:
        raise SpatialInputError("E533", f"cutting {by!r} at {np.round(at, 4).tolist()} leaves a class empty", column=by,
                                hint="choose other cut points")
    inner = [f"{lo:g} < {by} <= {hi:g}" for lo, hi in pairwise(at)]
    return codes, [f"{by} <= {at[0]:g}", *inner, f"{by} > {at[-1]:g}"]


def _differences(effects, variables, level) -> pd.DataFrame:
    """Later less earlier group, effect by effect."""
    parts = []
    for (first, a), (second, b) in combinations(effects.items(), 2):
        at = [a.variables.index(v) for v in variables]
        gap = (b.estimates - a.estimates)[:, at].ravel()
        error = np.hypot(a.std_errors, b.std_errors)[:, at].ravel()
        table = rows(gap, error, level=level, groups=f"{second} - {first}", effect=np.repeat(KINDS, len(at)),
                     term=variables * len(KINDS))  # fmt: skip
        parts.append(table)
    return pd.concat(parts, ignore_index=True)[["groups", "effect", *SCHEMA]]


def _permuted(fitted, codes, variables, permutations, seed) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pairs = list(combinations(range(codes.max() + 1), 2))
    drawn = np.full((permutations, len(pairs) * 3 * len(variables)), np.nan)
    for r in range(permutations):
        assigned = _among_kept(rng, codes)
        try:
            parts = [fitted(assigned == g).effects(method="delta") for g in range(codes.max() + 1)]
        except SpatialInputError:
            continue
        at = [parts[0].variables.index(v) for v in variables]
        drawn[r] = np.concatenate([(parts[h].estimates - parts[g].estimates)[:, at].ravel() for g, h in pairs])
    return drawn


def _among_kept(rng, codes) -> np.ndarray:
    out = codes.copy()
    out[codes >= 0] = rng.permutation(codes[codes >= 0])  # groups that were left out stay out
    return out


def _p_values(actual, drawn) -> np.ndarray:
    there = np.isfinite(drawn).all(axis=1)
    if not there.any():
        return np.full(len(actual), np.nan)
    extreme = np.abs(drawn[there]) >= np.abs(actual) * (1 - 1e-12)
    return (1 + extreme.sum(axis=0)) / (1 + there.sum())
