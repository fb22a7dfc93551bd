"""Dynamic panels: the response's own past among the regressors, and what that asks of an estimator."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, warn
from spillover.matrix import SpatialWeights, TemporalWeights, refuse_varying

from ..covariance.additive import corrected, corrected_at_root, score_of_time_effects, with_jacobian
from ..design.arrays import Sample
from ..design.design import Design
from ..design.entry import checked_rows, of_later_periods, starts
from ..design.fixed_effects import RANDOM, FixedEffects
from ..design.formula import INTERCEPT, read_formula
from ..design.gaps import refuse_unbalanced
from ..design.options import ModelOptions, Settings
from ..design.past import splits_past
from ..design.periods import refuse_gaps
from ..design.sample import determinant_counts, left_by_means
from ..logdet import Jacobian, logdet
from ..solve.dynamic import score_of_unit_effects
from ..solve.dynamic_gaps import GapScore
from ..solve.dynamic_varying import score_of_unit_effects_varying
from ..solve.ml import Solution
from .dynamic_exact import projected_score


def with_lagged_response(
    d: Design, lags: str, effects: str | None, weights: Sequence[SpatialWeights] | None = None
) -> Design:  # fmt: skip
    """The design from the second period on, with y_{t-1} (``lag(y)``) and W y_{t-1} (``W:lag(y)``) as regressors; of
    several ``weights`` ``W_1:lag(y)``, ``W_2:lag(y)`` ...

    Raises
    ------
    SpatialInputError
        E501 an unknown value, no panel, random effects, or a formula that has the lag already; E104 periods that nobody
        has; E108 a period without rows that have a past; E206 one period.
    """
    if effects in RANDOM:
        raise SpatialInputError("E501", f"lags={lags!r} does not go with random effects: they are correlated with "
                                "y_{t-1}", hint="use effects='entity' or 'twoway'")  # fmt: skip
    if not d.is_panel:
        raise SpatialInputError("E501", f"lags={lags!r} needs a panel", hint="give entity= and time=")
    if own := own_lags(d):
        raise SpatialInputError("E501", f"lags={lags!r} adds the response's past, and the formula has {own[0]!r}",
                                column=own[0], hint="leave it out of the formula")  # fmt: skip
    refuse_gaps(d.periods)
    if d.n_periods < 2:
        raise SpatialInputError("E206", f"lags={lags!r} needs 2 periods at least, got {d.n_periods}",
                                hint="use a longer panel")
    rows = None if d.observed is None else checked_rows(d.observed, d.periods, lags)
    before, fixed = d.outcome[:-1], d.absorbed or FixedEffects.parse(effects or "twoway")
    each = {"W": d.weights} if weights is None else {f"W_{m}": w for m, w in enumerate(weights, start=1)}
    past = {f"lag({d.response})": before}
    past |= {f"{name}:lag({d.response})": d.lag(d.outcome, fixed, w)[:-1] for name, w in each.items()}
    wanted = tuple(past)[{"y": slice(1), "Wy": slice(1, None), "both": slice(None)}[lags]]
    first = int(INTERCEPT in d.names and d.names.index(INTERCEPT) == 0)
    columns = [d.X[1:, :, :first], *(past[name][:, :, None] for name in wanted), d.X[1:, :, first:]]
    changes: dict = {"weights": _later(d.weights, d.periods)}
    changes["notes"] = (*d.notes, f"lags={lags!r}: the first period, {d.periods[0]}, is the starting value")
    if rows is not None:
        changes = of_later_periods(d, rows, lags)
    if d.obs_weights is not None:
        changes["obs_weights"] = d.obs_weights.of_later_periods(rows)
    if fixed.ways is not None:
        later = np.ones((d.n_periods - 1, d.n_units), dtype=bool) if rows is None else rows
        changes["absorbed"] = replace(fixed, ways=fixed.ways.of_rows(later))
    return replace(
        d,
        y=d.y[1:],
        offset=None if d.offset is None else d.offset[1:],
        past=before,
        instruments={name: values[1:] for name, values in d.instruments.items()},
        X=np.concatenate(columns, axis=2),
        names=(*d.names[:first], *wanted, *d.names[first:]),
        times=d.periods[1:],
        error_weights=None if d.error_weights is None else _later(d.error_weights, d.periods),
        order=d.order[1:],
        lags=wanted,
        **changes,
    )


def _later(w: SpatialWeights | TemporalWeights, periods: pd.Index) -> SpatialWeights | TemporalWeights:
    """Weights of the periods but the first."""
    if not isinstance(w, TemporalWeights):
        return w
    return TemporalWeights(w.matrices[1:], periods[1:], w.notes)


def without_bias(sample: Sample, at: Solution, d: Design, s: Settings) -> Solution:
    """The maximum, corrected for the fixed effects that are still in its likelihood.

    Raises
    ------
    SpatialInputError
        E710 when the correction leaves the admissible interval of rho or lambda, E711 when it needs more eigenvalues of
        W than can be computed.
    """
    effects, correction = s.effects, s.correction
    scores, lags, of_units = [], None, d.lags and correction and (effects.entity or effects.ways is not None)
    turned = bool(d.lags) and correction is True and (sample.dummies > 0 or _periods_turn(sample, d, effects))
    if not (of_units or turned) and correction != "additive":
        return at
    if turned or (of_units and (d.obs_weights is not None or effects.ways is not None or splits_past(d))):
        return _without_exact_bias(sample, at, d, effects)
    if d.weights.varies:
        return _without_bias_varying(sample, at, d, effects)
    W, M = (refuse_varying(w, "this correction") for w in (d.weights, d.weights_of_error))
    if of_units:
        lags = places_of_past(d)
        past = jacobian_of_past(sample, d, s)
        scores.append(score_of_unit_effects(sample, at, W, past, lags))
    if correction == "additive" and effects.time:
        scores.append(score_of_time_effects(sample, at, W))
    if not scores:
        return at
    better = corrected(sample, at, W, M, np.sum(scores, axis=0))
    refuse_outside(sample, at, better)
    if lags is None or correction == "additive":
        return better
    places = [*(place for place in lags if place is not None), *spatial_parameters(sample, at)]
    return with_jacobian(sample, at, better, W, M,
                         lambda point: score_of_unit_effects(sample, point, W, past, lags), places)  # fmt: skip


def _periods_turn(sample: Sample, d: Design, effects: FixedEffects) -> bool:
    """Whether B A^-1 takes period effects to others: where units enter, W links the rows with starting values."""
    both = sample.lag is not None and sample.error is not None
    return both and effects.time and starts(d) is not None


def _without_exact_bias(sample: Sample, at: Solution, d: Design, effects: FixedEffects) -> Solution:
    """The root of the score less its exact mean, under weights of observations, many ways of effects, or tau by regime,
    and beside effects that a spatial error turns (their dummies are among X).

    Raises
    ------
    SpatialInputError
        E309 too many units or effects.
    """
    score = projected_score(d, effects, sample.names, lag=sample.lag is not None, error=sample.error is not None,
                            turned=sample.dummies > 0)  # fmt: skip
    places = [*score.places, *spatial_parameters(sample, at)]
    better = corrected_at_root(sample, at, lambda point: score(sample, point), places)
    refuse_outside(sample, at, better)
    return better


def spatial_parameters(sample: Sample, at: Solution) -> range:
    """Where rho, lambda and sigma2 are among (beta, rho, lambda, sigma2)."""
    return range(len(at.beta), len(at.beta) + len(sample.parts) + 1)


def _without_bias_varying(sample: Sample, at: Solution, d: Design, effects: FixedEffects) -> Solution:
    """The same where W differs between periods."""
    lags = places_of_past(d)
    across = None if d.observed is None else GapScore(d.weights, d.observed, effects, lags)  # type: ignore[arg-type]

    def score(point: Solution) -> np.ndarray:
        if across is not None:
            return across(sample, point)
        weights: TemporalWeights = d.weights  # type: ignore[assignment]
        return score_of_unit_effects_varying(sample, point, weights, lags, time=effects.time)

    places = [*(place for place in lags if place is not None), *spatial_parameters(sample, at)]
    better = corrected_at_root(sample, at, score, places)
    refuse_outside(sample, at, better)
    return better


def refuse_varying_dynamics(d: Design, requested: ModelOptions) -> None:
    """W may vary over time in a dynamic model by maximum likelihood and by GMM; rows may be missing likewise.

    Raises
    ------
    SpatialInputError
        E109, E320, E501.
    """
    if not d.lags or not d.varies or requested.estimator == "reml":  # reml is not for lags: ``adjusted`` says so
        return
    if requested.estimator == "aqs":
        refuse_unbalanced(d.observed, "method='aqs' with lags=", "leave method= out: the default with gaps is the root "
                          "of the score less its exact mean", lagged=True)  # fmt: skip
    if requested.estimator not in ("ml", "gmm"):
        raise SpatialInputError("E320", f"method={requested.method!r} with lags= needs one W for all periods",
                                hint="method='ml' or 'gmm', or w.mean()")  # fmt: skip
    if requested.correction == "additive":
        raise SpatialInputError("E501", "correction='additive' is for one W in all periods",
                                hint="leave correction= out")


def places_of_past(d: Design) -> list[int | None]:
    """Where tau and eta are among the coefficients; None for one that the model does not have."""
    slopes = [name for name in d.names if name != INTERCEPT]
    past = f"lag({d.response})"
    return [slopes.index(name) if name in slopes else None for name in (past, f"W:{past}")]


def jacobian_of_past(sample: Sample, d: Design, s: Settings) -> Jacobian:
    """log|I - r W| as the likelihood counts it: the bias and the long run need it also without a spatial lag."""
    if sample.lag is not None:
        return sample.lag
    W, of_periods = refuse_varying(d.weights, "lags="), s.effects.without_entity()
    return Jacobian(logdet(W, s.logdet), **determinant_counts(d, of_periods, s.correction),
                    means=left_by_means(W, of_periods, s.correction))  # fmt: skip


def refuse_outside(sample: Sample, at: Solution, better: Solution) -> None:
    """A correction may not leave the interval of rho or lambda.

    Raises
    ------
    SpatialInputError
        E710.
    """
    for name, part, before, after in (("rho", sample.lag, at.rho, better.rho),
                                      ("lambda", sample.error, at.lam, better.lam)):  # fmt: skip
        lo, hi = (-np.inf, np.inf) if part is None else part.interval
        if not (lo < after < hi and better.sigma2 > 0):
            raise SpatialInputError(
                "E710",
                f"the bias correction moves {name} from {before:.4g} to {after:.4g}, out of its admissible interval "
                f"({lo:.4g}, {hi:.4g})",
                hint="too few periods for so much persistence: correction=False leaves the maximum as it is",
            )


def warn_of_own_lags(d: Design, effects: FixedEffects) -> None:
    """A lag of the response that the user put among the regressors is estimated without a bias correction."""
    own = own_lags(d)
    if own and effects.entity:
        T = d.n_periods
        warn(
            f"{own[0]!r} is the response's past: with {effects} effects and {T} periods its coefficient is biased by "
            f"about -(1 + tau) / {T} (Nickell 1981), and effects count the short run alone; "
            "lags='y' (of a spatial model 'Wy' or 'both', too) corrects for it")


def own_lags(d: Design) -> list[str]:
    """Terms of the formula with a lag of something that the response is made of."""
    if "lag(" not in d.formula or d.frame is None:
        return []
    terms = read_formula(d.formula, d.frame.columns)
    response = {column for factor in terms.left for column in factor.columns}
    return [name for name, factors in terms.right if any(_lags_of(factor.tree) & response for factor in factors)]


def _lags_of(tree: ast.expr) -> set[str]:
    """Columns inside a ``lag(...)``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "lag"]
    return {node.id for call in calls for argument in call.args for node in ast.walk(argument)
            if isinstance(node, ast.Name)}  # fmt: skip
