"""Regressors that cannot be told apart are named at the door, with what they equal."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .._data import INTERCEPT, Design

NO_VARIATION = 1e-12  # standard deviation against the largest value
ABSORBED = 1e-10  # norm after demeaning against before
DOUBTFUL = 1e-7  # norm after demeaning against that of the column itself: above it the column does vary
COLLINEAR = 1e-10  # distance of a unit-length column from the span of the others
ROUNDING = 1e-8  # norm of the residuals against the response's: what cross-products lose to cancellation


def refuse_degenerate(d: Design, X, Xd, y, names: list[str], effects: str) -> tuple[np.ndarray, np.ndarray]:
    """Refuse constant, absorbed and collinear columns, and too few observations; else Xd = Q R.

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
    refuse_degenerate_response(d, y, effects)
    Q, R = np.linalg.qr(Xd)
    left = _norms(R)  # of Xd's columns
    if effects in ("none", "random") or (left <= DOUBTFUL * _norms(X)).any():
        _refuse_without_variation(X, left, names, effects)
    if len(y) <= len(names) + 1:
        raise SpatialInputError("E206", f"{len(y)} observations are too few for {len(names)} coefficients")
    _refuse_collinear(Xd, np.abs(R.diagonal()) <= COLLINEAR * left, names)
    return Q, R


def refuse_degenerate_response(d: Design, y, effects: str) -> None:
    """A response without variation, E204, or that the effects absorb, E208; ``y`` as above."""
    flat, absorbed = degenerate_responses(d.rows(d.y)[None], y[None])
    if flat[0]:
        raise SpatialInputError("E204", f"the response {d.response!r} has no variation", column=d.response)
    if absorbed[0]:
        raise SpatialInputError("E208", f"the {effects} effects absorb the response {d.response!r}", column=d.response)


def degenerate_responses(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of R responses (R, m) have no variation, and which the effects absorb."""
    low, high = before.min(axis=1), before.max(axis=1)
    apart = before - before.mean(axis=1, keepdims=True)
    spread, left = (np.einsum("rm,rm->r", values, values) for values in (apart, after))
    return high - low <= NO_VARIATION * np.maximum(-low, high), left <= ABSORBED**2 * spread


def refuse_perfect_fit(sample, solution, response: str) -> None:
    """No variance is left to base inference on."""
    spread = float(sample.y @ sample.y)
    if float(solution.resid @ solution.resid) <= ROUNDING**2 * spread:
        raise SpatialInputError("E703", f"the regressors reproduce {response!r} exactly: no residual variance is left",
                                column=response, hint="is the response itself among the regressors?")  # fmt: skip


def _refuse_without_variation(X, left, names, effects) -> None:
    """Columns that are constant, or that the effects leave nothing of."""
    spread = _norms(X - X.mean(axis=0))
    flat = spread <= NO_VARIATION * np.sqrt(len(X)) * np.abs(X).max(axis=0, initial=0)
    absorbed = (left <= ABSORBED * spread) & (effects != "none")
    for j in np.flatnonzero(flat | absorbed):
        name = names[j]
        if name == INTERCEPT:
            continue
        if flat[j]:
            raise SpatialInputError("E204", f"the regressor {name!r} has no variation", column=name, hint=_drop(name))
        raise SpatialInputError("E208", f"the {effects} effects absorb the regressor {name!r}", column=name,
                                hint="it does not vary within them; " + _drop(name))  # fmt: skip


def _norms(X) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->j", X, X))


def _refuse_collinear(X, spanned, names) -> None:
    """Column by column: what lies in the span of those before it (R's diagonal is the distance) equals them."""
    if not spanned.any():
        return
    j = int(np.argmax(spanned))
    share = np.linalg.lstsq(X[:, :j], X[:, j], rcond=None)[0]
    weight = np.abs(share) * np.linalg.norm(X[:, :j], axis=0)
    made_of = " + ".join(f"{share[i]:.4g} {names[i]}" for i in np.flatnonzero(weight > 1e-6 * weight.max()))
    raise SpatialInputError("E205", f"{names[j]!r} is collinear: it equals {made_of}", column=names[j],
                            hint=_drop(names[j]))  # fmt: skip


def _drop(name: str) -> str:
    if name.startswith("W2:"):
        return f"leave {name.removeprefix('W2:')!r} out of durbin=, or wx_order= out"
    if name.startswith("W:"):
        return f"leave {name.removeprefix('W:')!r} out of durbin="
    return f"leave {name!r} out of the formula"
