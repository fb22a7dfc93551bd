"""The same model in parts of the data, side by side: by region, by level, by period, and are the parts different?

Groups of units get their own W: links to other groups are cut and rows are standardised again. What crosses a group's
border is then outside its model; weights of few links leave islands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from inspect import signature
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..design.design import Design
from ..design.options import ModelOptions
from ..design.read import design
from ..effects.average import KINDS, Effects
from ..effects.long_run import DynamicEffects
from ..models.estimate import estimate_design
from ..models.family import MODELS as SPECIFICATIONS
from ..models.family import gns, ols, sac, sar, sdem, sdm, sem, slx
from ..models.fit import Fit
from ..records.schema import SCHEMA
from ._groups import classes, consecutive, large_enough, refuse_fewer_than_two
from ._sample import balanced_cures
from ._tables import rows

if TYPE_CHECKING:
    from spillover.types import WeightsLike

MODELS: dict[str, Callable[..., Fit]] = {
    "sdm": sdm, "sar": sar, "sem": sem, "slx": slx, "sdem": sdem, "sac": sac, "gns": gns, "ols": ols,
}  # fmt: skip
CANNOT_HAVE_THE_MODEL = {"E204": "has a regressor that does not vary", "E205": "has collinear regressors",
                         "E206": "has too few observations for the model"}  # fmt: skip


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
    formula: str, data: pd.DataFrame, w: WeightsLike, *, by: str, cut: str | list[float] | None = None,
    model: str | Callable[..., Fit] = "sdm", variables: list[str] | None = None, entity: str | None = None,
    time: str | None = None, permutations: int = 0, seed: int = 1, level: float = 0.95, **options: Any,
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
    if options.get("obs_weights") is not None:
        raise SpatialInputError("E540", "heterogeneity is not there with obs_weights=",
                                hint="a fit for each group, or an interaction and sp.effects_by")  # fmt: skip
    with balanced_cures():
        d = design(formula, data, w, entity=entity, time=time, lagged=False, missing=missing)
    if not d.is_panel or d.weights.varies:
        raise SpatialInputError("E501", "groups are compared in panels with one W for all periods",
                                hint="give entity= and time=")  # fmt: skip
    codes, names, axis = classes(d, by, cut)
    codes, names, notes = large_enough(codes, names, axis, by)
    variables = list(d.regressors) if variables is None else list(variables)
    for name in variables:
        if name not in d.regressors:
            raise SpatialInputError("E502", f"{name!r} is no regressor of the formula", column=str(name),
                                    hint="name a term of the formula")
    fitted = _estimator(formula, d, estimate, {"entity": entity, "time": time, **options}, axis)
    effects, left_out = _of_groups(fitted, codes, names, level)
    refuse_fewer_than_two(effects, by)
    codes = np.where(np.isin(codes, [g for g, name in enumerate(names) if name not in effects]), -1, codes)
    variables, lost = _in_all(variables, effects)
    notes = [*notes, *left_out, *lost]
    for note in notes:
        warn(note)
    codes = consecutive(codes)
    differences = _differences(effects, variables, level)
    drawn = _permuted(fitted, codes, variables, permutations, seed)
    differences["p_permutation"] = _p_values(differences["estimate"].to_numpy(), drawn)
    sizes = dict(zip(effects, np.bincount(codes[codes >= 0])))
    settings = {"by": by, "axis": axis, "sizes": sizes, "permutations": permutations, "seed": seed, "formula": formula,
                "level": level, "variables": variables}  # fmt: skip
    return made_from(Heterogeneity(effects, differences, drawn, settings, tuple(notes)), d)


def _estimator(
    formula: str, d: Design, model: Callable[..., Fit], keys: dict, axis: str
) -> Callable[[np.ndarray], Fit]:
    """What estimates the model on a group's units or periods, from the columns that were read where they are the
    group's too; else its rows are read again."""
    takes = {f.name for f in fields(ModelOptions)} - {"w_error", "endog", "instruments"}
    if model in SPECIFICATIONS and d.divisible and set(keys) <= takes & set(signature(model).parameters):
        requested = ModelOptions(**keys)
        return lambda members: estimate_design(SPECIFICATIONS[model], d.part(members, axis), requested)

    def fitted(members: np.ndarray) -> Fit:
        if axis == "periods":
            return model(formula, d.frame.iloc[np.sort(d.order[members].ravel())], d.weights, **keys)
        units = d.frame.index.get_level_values(0) if keys["entity"] is None else pd.Index(d.frame[keys["entity"]])
        mine = units.isin(units[d.order[0, members]])  # with the periods that lagged terms look back to
        return model(formula, d.frame[mine], d.weights.subset_at(np.flatnonzero(members)), **keys)

    return fitted


def _in_all(variables: list[str], effects: dict[str, Effects]) -> tuple[list[str], list[str]]:
    """Those of the variables that all groups have, and a note: a category's level may be missing in some."""
    common = [name for name in variables if all(name in e.variables for e in effects.values())]
    if not common:
        raise SpatialInputError("E204", "the groups have no regressor in common: each is constant in some of them",
                                column=variables[0], hint="group by another column, or leave terms out")
    lost = [name for name in variables if name not in common]
    return common, [f"not compared, since some groups do not have it: {name}" for name in lost]


def _of_groups(fitted, codes, names, level: float) -> tuple[dict[str, Effects], list[str]]:
    """Effects by group, and a note on each group that cannot have the model; its error where fewer than two can."""
    effects: dict[str, Effects] = {}
    notes, first = [], None
    for g, name in enumerate(names):
        try:
            effects[name] = _static(fitted(codes == g).effects(level=level))
        except SpatialInputError as error:
            if error.code not in CANNOT_HAVE_THE_MODEL:
                raise _in_group(name, error) from error
            first = first or _in_group(name, error)
            notes.append(f"left out: {name} {CANNOT_HAVE_THE_MODEL[error.code]} ({error.message})")
    if len(effects) < 2 and first is not None and first.code != "E206":
        raise first
    return effects, notes


def _in_group(name: str, error: SpatialInputError) -> SpatialInputError:
    return SpatialInputError(error.code, f"in group {name!r}: {error.message}", column=error.column, ids=error.ids,
                             n=error.n, hint=error.hint)  # fmt: skip


def _static(effects: Effects | DynamicEffects) -> Effects:
    if not isinstance(effects, Effects):
        raise SpatialInputError("E501", "groups are compared by the effects of static models",
                                hint="leave lags= out")  # fmt: skip
    return effects


def _differences(effects, variables, level) -> pd.DataFrame:
    """Later less earlier group, effect by effect."""
    parts = []
    for (first, a), (second, b) in combinations(effects.items(), 2):
        at, of_b = ([e.variables.index(v) for v in variables] for e in (a, b))
        gap = (b.estimates[:, of_b] - a.estimates[:, at]).ravel()
        error = np.hypot(a.std_errors[:, at], b.std_errors[:, of_b]).ravel()
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
        if not all(set(variables) <= set(part.variables) for part in parts):
            continue
        estimates = [part.estimates[:, [part.variables.index(v) for v in variables]] for part in parts]
        drawn[r] = np.concatenate([(estimates[h] - estimates[g]).ravel() for g, h in pairs])
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
