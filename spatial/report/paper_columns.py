"""Results as columns of a paper's table: fits, effects, difference-in-differences, comparisons, anything tidy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.language import phrase, stored

from ..records.schema import SCHEMA
from .decimals import fixed
from .intervals import method_text

ROWS = ("section", *SCHEMA)
COEFFICIENTS, POLICY = "Coefficients", "Effects of the policy"
MOST_OF_A_COMPARISON = 12  # W that have a column; the likeliest


@dataclass(frozen=True, eq=False)
class Column:
    """One column.

    Attributes
    ----------
    head : str
    estimates : DataFrame
        ``section`` and the common schema.
    rows : dict of str to str
        About the sample: fixed effects, and what other kinds of results have to say.
    glance : dict of str to object
        One row of numbers about the whole, by the names of ``fit.glance()``.
    inference, weights : str
        For the notes: how standard errors came about, which W; may be empty.
    level : float
        Of the intervals.
    notes : tuple of str
    obs_weights : str
        Weights of the observations, for the notes; may be empty.
    """

    head: str
    estimates: pd.DataFrame = field(repr=False)
    rows: dict = field(default_factory=dict)
    glance: dict = field(default_factory=dict)
    inference: str = ""
    weights: str = ""
    level: float = 0.95
    notes: tuple[str, ...] = ()
    obs_weights: str = ""


def columns_of(item, effects: bool) -> Iterator[Column]:
    """The columns of one result, their heads without numbers.

    Raises
    ------
    SpatialInputError
        E501 for what is no result.
    """
    for applies, make in KINDS:
        if applies(item):
            yield from make(item, effects)
            return
    if not hasattr(item, "tidy"):
        raise SpatialInputError("E501", f"etable needs fits or effects, got {type(item).__name__}",
                                hint="sp.etable([fit1, fit2])")
    yield Column(type(item).__name__, sections(item.tidy(), ""))


def sections(table: pd.DataFrame, otherwise: str) -> pd.DataFrame:
    """A tidy table with the sections of a paper's; columns beside the schema become part of the terms.

    Raises
    ------
    SpatialInputError
        E501 without estimates.
    """
    if not {"term", "estimate"} <= set(table.columns):
        raise SpatialInputError("E501", f"a table needs the columns 'term' and 'estimate', this has "
                                f"{', '.join(map(repr, table.columns))}", hint="sp.etable([fit1, fit2])")  # fmt: skip
    table = table.assign(**{name: np.nan for name in SCHEMA if name not in table})
    kind = table["effect"].map(lambda e: f"{str(e).capitalize()} effects") if "effect" in table else otherwise
    term = table["term"].astype(str)
    for name in ("group", "period", "order"):
        if name in table:
            term = term + ", " + table[name].astype(str)
    return table.assign(section=kind, term=term)[list(ROWS)].reset_index(drop=True)


# -- kinds of results ------------------------------------------------------------------------------------------


def _of_fit(fit, effects: bool) -> Iterator[Column]:
    if effects:
        yield from _of_effects(fit.effects(), True)
        return
    from ..covariance.vcov import describe

    spec = fit.specification
    note = phrase("Coefficients of models with a spatial lag or lagged regressors are not effects.")
    yield Column(spec.name, sections(fit.tidy(), COEFFICIENTS), _sample_rows(fit), _glance(fit), stored(describe(fit)),
                 stored(fit._design.weights.header()),
                 notes=(note,) * bool(spec.lag or spec.durbin), obs_weights=_observation_weights(fit))  # fmt: skip


def _of_effects(item, effects: bool) -> Iterator[Column]:
    """Effects, in the short and in the long run, elasticities."""
    from ..covariance.vcov import describe

    fit, scaled = item.fit, getattr(item, "kind", "")
    source = getattr(item, "effects", item)  # elasticities have their effects
    how = method_text(getattr(source, "short_run", source))
    how = phrase("{kind}, {how}", kind=stored(scaled), how=how) if scaled else how
    how = phrase("{how}, {errors}", how=how, errors=stored(describe(fit)))
    size = {name: value for name, value in _glance(fit).items() if name in ("nobs", "units", "periods", "size")}
    yield Column(fit.specification.name, sections(item.tidy(), ""), _sample_rows(fit), size, how,
                 stored(fit._design.weights.header()), source.options.level,
                 obs_weights=_observation_weights(fit))  # fmt: skip


def _of_a_fit(item, effects: bool) -> Iterator[Column]:
    """What else is made of a fit: slopes, predictions, combinations of coefficients, forecasts."""
    fit = item.fit
    size = {name: value for name, value in _glance(fit).items() if name in ("nobs", "units", "periods", "size")}
    yield Column(fit.specification.name, sections(item.tidy(), ""), _sample_rows(fit), size,
                 weights=stored(fit._design.weights.header()), level=item.level,
                 obs_weights=_observation_weights(fit))  # fmt: skip


def _of_did(result, effects: bool) -> Iterator[Column]:
    s = result.sample
    T, N = s.y.shape
    rows = {f"{s.ids.name or 'unit'} effects": phrase("yes"), f"{s.times.name or 'period'} effects": phrase("yes")}
    before = result.pretrends.joint if result.path is not None else None
    if before is not None and np.isfinite(before.p_value):
        rows["Pre-trends, joint p"] = fixed(before.p_value, 3)
    if result.settings["anticipation"]:
        rows["Periods of anticipation"] = str(result.settings["anticipation"])
    size = {"nobs": int((s.mass > 0).sum()), "units": N, "periods": T, "size": f"{N:,} x {T}"}
    how = phrase("deleting one {group} at a time, t with Satterthwaite's degrees of freedom",
                 group=result.settings["cluster"])  # fmt: skip
    names = {"twfe": phrase("two-way fixed effects"), "group_time": phrase("group-time effects"),
             "switchers": phrase("units whose treatment changes")}
    name = names.get(result.settings["method"], phrase("imputation"))
    yield Column(name, sections(result.tidy(), POLICY), rows, size, how, "", result.settings["level"],
                 obs_weights=result.settings.get("weights") or "")  # fmt: skip


def _of_spatial_did(result, effects: bool) -> Iterator[Column]:
    (of_fit,) = _of_fit(result.fit, False)
    head = phrase("{model}, policy", model=of_fit.head)
    yield Column(head, sections(result.tidy(), POLICY), of_fit.rows, of_fit.glance,
                 of_fit.inference, of_fit.weights, result.settings.get("level", 0.95))  # fmt: skip


def _of_comparison(result, effects: bool) -> Iterator[Column]:
    """One column for each W, the likeliest where they are many."""
    for key in result.likeliest(MOST_OF_A_COMPARISON):
        (one,) = columns_of(result.effects[key] if effects else result.fits[key], effects)
        name = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
        p = result.probabilities[key]
        rows = dict(one.rows) | ({"Posterior probability": fixed(p, 3)} if np.isfinite(p) else {})
        yield Column(name, one.estimates, rows, one.glance, one.inference, one.weights, one.level, one.notes,
                     one.obs_weights)  # fmt: skip


def _of_groups(result, effects: bool) -> Iterator[Column]:
    for name, each in result.effects.items():
        (one,) = _of_effects(each, True)
        yield Column(str(name), one.estimates, one.rows, one.glance, one.inference, one.weights, one.level,
                     obs_weights=one.obs_weights)  # fmt: skip


def _is(home: str, name: str) -> Callable:
    """Whether an object is of a class, without importing the room of another result."""
    return lambda item: any(c.__name__ == name and c.__module__ == f"spatial.{home}" for c in type(item).__mro__)


KINDS: tuple[tuple[Callable, Callable], ...] = (
    (_is("records.fit", "FitRecord"), _of_fit),
    (_is("policy.did", "DiD"), _of_did),
    (_is("policy.spatial_did", "SpatialDiD"), _of_spatial_did),
    (_is("compare.comparison", "Comparison"), _of_comparison),
    (_is("policy.heterogeneity", "Heterogeneity"), _of_groups),
    (lambda item: hasattr(item, "fit") and hasattr(getattr(item, "effects", item), "options"), _of_effects),
    (lambda item: hasattr(item, "fit") and hasattr(item, "tidy"), _of_a_fit),
)


def _observation_weights(fit) -> str:
    """The weights of the observations in words, empty where there are none."""
    weights = fit._design.obs_weights
    return "" if weights is None else stored(weights.describe())


# -- what columns say about their sample -----------------------------------------------------------------------


def _sample_rows(fit) -> dict[str, str]:
    """Effects of units and periods, and the method where it is not maximum likelihood."""
    d, effects, rows = fit._design, fit._settings.effects, {}
    if d.is_panel:
        unit = stored(effects.random) if effects.random else _yes(effects.entity)
        rows = {f"{d.ids.name or 'unit'} effects": unit, f"{d.times.name or 'period'} effects": _yes(effects.time)}
    rows |= {f"{way} effects": _yes(True) for way in effects.further}
    method = fit._settings.method
    rows["Method"] = {"ml": phrase("likelihood"), "gmm": phrase("moments")}.get(method, method)
    return rows


def _yes(value: bool) -> str:
    return phrase("yes") if value else phrase("no")


def _glance(fit) -> dict:
    row = fit.glance().iloc[0].to_dict() if hasattr(fit, "r_squared") else {}
    random = fit._settings.random
    return row | {
        "size": f"{fit._design.n_units:,} x {fit._design.n_periods}" if fit._design.is_panel else "",
        "sigma2_mu": np.nan if random is None else random.sigma2_mu,
    }
