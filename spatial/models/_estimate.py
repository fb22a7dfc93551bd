"""From a specification to a Fit: the steps that all models share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from .._data import INTERCEPT, Design, design, spatial_lag
from .._logdet import Jacobian, logdet
from ..inference.additive import without_time_bias
from ..inference.vcov import KINDS
from ..results import Fit, Specification
from ..solve.ml import Sample, maximum_likelihood
from ..solve.random import swamy_arora
from ..solve.within import degrees_of_freedom, demean, quasi_demean
from ._checks import refuse_degenerate, refuse_perfect_fit

CORRECTIONS = (True, False, "additive")
EFFECTS = ("none", "entity", "time", "twoway", "random")


def estimate(
    specification: Specification,
    formula: str,
    data: pd.DataFrame,
    w,
    *,
    entity: str | None = None,
    time: str | None = None,
    effects: str | None = None,
    durbin: list[str] | None = None,
    lee_yu: bool | str = True,
    vcov: str = "oim",
    missing: str = "error",
) -> Fit:
    """Align, demean, maximise, infer."""
    check_option("vcov", vcov, KINDS)
    check_option("lee_yu", lee_yu, CORRECTIONS)
    if durbin is not None and not specification.durbin:
        raise SpatialInputError("E501", f"durbin= has no meaning for {specification.name}", hint="use slx, sdm or sdem")

    # 1. Aligned arrays.
    d = design(formula, data, w, entity=entity, time=time, durbin=durbin, missing=missing, lagged=specification.durbin)
    effects = _which_effects(effects, d, specification)
    if specification.durbin and durbin is None:
        d = _with_lagged_intercept(d, effects)
    # 2. Fixed effects out, spatial lags in; the determinants that go with both.
    correction = _correction(specification, d, effects, lee_yu)
    sample, names = demeaned_sample(specification, d, effects, correction)
    # 3. The maximum, its bias correction, its covariance.
    solution = maximum_likelihood(sample)
    refuse_perfect_fit(sample, solution, d.response)
    if correction == "additive" and effects in ("time", "twoway"):
        solution = without_time_bias(sample, solution, d.weights.csr)
    df = None if specification.lag or specification.error else sample_df(d, effects, sample)
    params = [*solution.beta] + [solution.rho] * specification.lag + [solution.lam] * specification.error
    index = pd.Index([*names, *["rho"] * specification.lag, *["lambda"] * specification.error], name="term")
    settings = {"effects": effects, "lee_yu": correction, "vcov": vcov, "method": "ml", "panel": d.is_panel}
    fit = Fit(
        specification=specification,
        params=pd.Series(params, index=index, name="estimate"),
        vcov=pd.DataFrame(),
        sigma2=solution.sigma2 if df is None else float(solution.resid @ solution.resid) / df,
        loglik=solution.loglik,
        df_resid=df,
        design=d,
        sample=sample,
        solution=solution,
        settings=settings,
    )
    return fit.with_vcov(vcov)


def demeaned_sample(specification: Specification, d: Design, effects: str, correction) -> tuple[Sample, list[str]]:
    """The arrays of the likelihood and the names of X's columns.

    The transformation lags and then demeans, J W y. Without it we follow ``xsmle``, ``splm`` and Elhorst, who
    demean y and lag that, W J y: with time effects a little of them stays in.
    """
    W = d.weights.csr
    keep = [j for j, name in enumerate(d.names) if effects in ("none", "random") or name != INTERCEPT]
    names = [d.names[j] for j in keep] + list(d.durbin_names)
    X = np.concatenate([d.X[:, :, keep], spatial_lag(W, d.X[:, :, list(d.durbin)])], axis=2)

    exact = correction is True
    share = swamy_arora(d.y, X) if effects == "random" else 0.0

    def without_effects(values):
        return quasi_demean(values, share) if effects == "random" else demean(values, effects)

    def lag(values):
        lagged = spatial_lag(W, values)
        return without_effects(lagged) if exact else lagged

    def flat(values):
        return values.reshape(d.y.size, *values.shape[2:])

    y, Xd = without_effects(d.y), without_effects(X)
    refuse_degenerate(d, flat(X), flat(Xd), flat(y), names, effects)
    Wy = lag(d.y if exact else y)
    parts = {}
    if specification.lag:
        parts |= {"Wy": flat(Wy), "lag": _jacobian(d, effects, correction)}
    if specification.error:
        parts |= {"My": flat(Wy), "MX": flat(lag(X if exact else Xd)), "error": _jacobian(d, effects, correction)}
    if specification.lag and specification.error:
        parts["MWy"] = flat(lag(Wy))
    return Sample(y=flat(y), X=flat(Xd), n=_likelihood_size(d, effects, correction), **parts), names


def _likelihood_size(d: Design, effects: str, correction) -> int:
    """n of the likelihood: all rows, or what the transformations leave."""
    if correction is True:
        return degrees_of_freedom(d.n_periods, d.n_units, effects)
    if correction == "additive":  # entity effects are transformed out, time effects corrected for afterwards
        without_time = {"twoway": "entity", "time": "none"}.get(effects, effects)
        return degrees_of_freedom(d.n_periods, d.n_units, without_time)
    return d.y.size


def sample_df(d: Design, effects: str, sample: Sample) -> int:
    """Residual degrees of freedom of a regression with these fixed effects."""
    return degrees_of_freedom(d.n_periods, d.n_units, effects) - sample.X.shape[1]


def _jacobian(d: Design, effects: str, correction) -> Jacobian:
    periods = d.n_periods - (bool(correction) and effects in ("entity", "twoway"))
    drops_unit_root = correction is True and effects in ("time", "twoway")
    return Jacobian(logdet(d.weights), periods, drops_unit_root)


def _which_effects(effects: str | None, d: Design, specification: Specification) -> str:
    if effects is None:
        effects = "twoway" if d.is_panel else "none"
    check_option("effects", effects, EFFECTS)
    if effects != "none" and not d.is_panel:
        raise SpatialInputError("E501", f"effects={effects!r} needs a panel", hint="give entity= and time=")
    if effects == "random" and (specification.lag or specification.error):
        raise SpatialInputError("E501", f"effects='random' is there for ols and slx, not for {specification.name}",
                                hint="use effects='entity' or 'twoway'")  # fmt: skip
    if effects in ("entity", "twoway", "random") and d.n_periods < 2:
        raise SpatialInputError("E206", f"{effects} effects need at least 2 periods, got {d.n_periods}")
    return effects


def _with_lagged_intercept(d: Design, effects: str) -> Design:
    """W 1 belongs to W X when it is no constant: without it y + c would not have the same fit as y.

    Row-standardised weights, islands or not, need none (as in R's spatialreg).
    """
    sums = d.weights.row_sums
    if effects != "none" or INTERCEPT not in d.names or d.weights.standardization == "row" or np.ptp(sums) < 1e-9:
        return d
    return replace(d, durbin=(d.names.index(INTERCEPT), *d.durbin))


def _correction(specification: Specification, d: Design, effects: str, lee_yu) -> bool | str:
    """The correction that these weights allow: by transformation, or additive for the time effects."""
    if lee_yu is False or effects in ("none", "entity", "random"):
        return bool(lee_yu)
    if lee_yu is True and (d.weights.rows_sum_to_one or not (specification.lag or specification.error)):
        return True
    if specification.error:
        raise SpatialInputError(
            "E308",
            f"{specification.name} with {effects} effects needs weights whose rows all sum to one",
            ids=d.weights.islands,
            hint="standardize('row') without islands, or effects='entity'",
        )
    return "additive"
