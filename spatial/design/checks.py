"""Regressors that cannot be told apart are named at the door, with what they equal."""

from __future__ import annotations

from functools import partial

import numpy as np

from spillover.errors import SpatialInputError

from .arrays import thin_qr
from .design import INTERCEPT, Design
from .fixed_effects import FixedEffects

NO_VARIATION = 1e-12  # standard deviation against the largest value
ABSORBED = 1e-10  # norm after demeaning against before
DOUBTFUL = 1e-7  # norm after demeaning against that of the column itself: above it the column does vary
COLLINEAR = 1e-10  # distance of a unit-length column from the span of the others
products = partial(np.einsum, "rm,rm->r")  # of R samples
ROUNDING = 1e-8  # norm of the residuals against the response's: what cross-products lose to cancellation


def refuse_degenerate(d: Design, X, Xd, y, names: list[str], effects: FixedEffects) -> None:
    """Refuse constant, absorbed and collinear columns, and too few observations.

    Parameters
    ----------
    X, Xd : (m, k)
        Regressors before and after the fixed effects are taken out.
    y : (m,)
        The response after.

    Raises
    ------
    SpatialInputError
        E204 no variation, E208 absorbed by the effects, E205 collinear, E206 too few observations.
    """
    (problem,), *_ = degenerate(d, d.rows(d.y)[None], y[None], X[None], Xd[None], names, effects)
    if problem is not None:
        raise problem


def degenerate(d: Design, before, y, X, Xd, names: list[str], effects: FixedEffects):
    """Of R samples what ``refuse_degenerate`` says of each, a list with None for the good ones; and Xd = Q R.

    Parameters
    ----------
    before, y : (R, m)
        Responses before and after the fixed effects are taken out.
    X, Xd : (R, m, k)
        Regressors likewise.
    """
    problems = response_problems(d, before, y, effects)
    Q, R = zip(*map(thin_qr, Xd))
    R = np.array(R)
    left = _norms(R)  # of Xd's columns
    if not effects.fixed:
        doubtful = np.ones(len(X), dtype=bool)
    else:
        doubtful = np.any(left <= DOUBTFUL * _norms(X), axis=1)
    for r in np.flatnonzero(doubtful):
        problems[r] = problems[r] or _without_variation(X[r], left[r], names, effects)
    if y.shape[1] <= len(names) + 1:
        few = SpatialInputError("E206", f"{y.shape[1]} observations are too few for {len(names)} coefficients",
                                hint="leave regressors out, or use more data")
        return [problem or few for problem in problems], Q, R
    spanned = np.abs(np.diagonal(R, axis1=1, axis2=2)) <= COLLINEAR * left
    for r in np.flatnonzero(spanned.any(axis=1)):
        problems[r] = problems[r] or collinear(Xd[r], spanned[r], names)
    return problems, Q, R


def response_problems(d: Design, before, y, effects: FixedEffects) -> list:
    """Responses (R, m) without variation, E204, or that the effects absorb, E208; None for the others."""
    problems: list[SpatialInputError | None] = [None] * len(y)
    left = products(y, y)
    least = ABSORBED**2 * products(before, before)  # around the mean they are less
    if (left > least).all():
        apart = y if effects.fixed else before - before[:, :1]
        if (products(apart, apart) > least).all():
            return problems
    low, high = before.min(axis=1), before.max(axis=1)
    apart = before - before.mean(axis=1, keepdims=True)
    spread = products(apart, apart)
    flat, absorbed = high - low <= NO_VARIATION * np.maximum(-low, high), left <= ABSORBED**2 * spread
    for r in np.flatnonzero(absorbed).tolist():
        message = f"the {effects} effects absorb the response {d.response!r}"
        problems[r] = SpatialInputError("E208", message, column=d.response,
                                        hint="choose another response, or fewer effects")
    for r in np.flatnonzero(flat).tolist():
        message = f"the response {d.response!r} has no variation"
        problems[r] = SpatialInputError("E204", message, column=d.response,
                                        hint="check the response: all its values are alike")
    return problems


def fits_exactly(sample, solution) -> bool:
    """Whether the residuals are rounding errors of the response."""
    return float(solution.resid @ solution.resid) <= ROUNDING**2 * float(sample.y @ sample.y)


def refuse_perfect_fit(sample, solution, response: str) -> None:
    """The likelihood of rho or lambda has no maximum where no variance is left."""
    if fits_exactly(sample, solution):
        raise perfect_fit(response)


def perfect_fit(response: str) -> SpatialInputError:
    """E703."""
    return SpatialInputError("E703", f"the regressors reproduce {response!r} exactly: no residual variance is left",
                             column=response, hint="is the response itself among the regressors?")


def refuse_psi(fit, what: str, hint: str = "leave serial= out") -> None:
    """Errors that are correlated over time are not for everything.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if fit._settings.serial is not None:
        raise SpatialInputError("E501", f"{what} does not allow for errors with serial='ar1'", hint=hint)


def refuse_without_residuals(fit) -> None:
    """Tests of residuals have nothing to test where the fit is exact."""
    refuse_perfect_fit(fit._sample, fit._solution, fit._design.response)


def _without_variation(X, left, names, effects) -> SpatialInputError | None:
    """What to say of columns that are constant, or that the effects leave nothing of."""
    spread = _norms(X - X.mean(axis=0))
    flat = spread <= NO_VARIATION * np.sqrt(len(X)) * np.abs(X).max(axis=0, initial=0)
    absorbed = (left <= ABSORBED * spread) & effects.fixed
    for j in np.flatnonzero(flat | absorbed):
        name = names[j]
        if name == INTERCEPT:
            continue
        if flat[j]:
            return SpatialInputError("E204", f"the regressor {name!r} has no variation", column=name, hint=_drop(name))
        if effects.ways is not None:
            way = effects.ways.absorbing(X[:, j])
            return SpatialInputError("E208", f"{way} behind | absorbs the regressor {name!r}", column=name,
                                     hint="it does not vary within its groups; " + _drop(name))  # fmt: skip
        return SpatialInputError("E208", f"the {effects} effects absorb the regressor {name!r}", column=name,
                                 hint="it does not vary within them; " + _drop(name))  # fmt: skip
    return None


def _norms(X) -> np.ndarray:
    return np.sqrt(np.einsum("...ij,...ij->...j", X, X))


def collinear(X, spanned, names) -> SpatialInputError:
    """Column by column: what lies in the span of those before it (R's diagonal is the distance) equals them."""
    j = int(np.argmax(spanned))
    share = np.linalg.lstsq(X[:, :j], X[:, j], rcond=None)[0]
    weight = np.abs(share) * np.linalg.norm(X[:, :j], axis=0)
    made_of = " + ".join(f"{share[i]:.4g} {names[i]}" for i in np.flatnonzero(weight > 1e-6 * weight.max()))
    return SpatialInputError("E205", f"{names[j]!r} is collinear: it equals {made_of}", column=names[j],
                             hint=_drop(names[j]))  # fmt: skip


def _drop(name: str) -> str:
    if name.startswith("W2:"):
        return f"leave {name.removeprefix('W2:')!r} out of durbin=, or wx_order= out"
    if name.startswith("W:"):
        return f"leave {name.removeprefix('W:')!r} out of durbin="
    return f"leave {name!r} out of the formula"
