"""Regressors that cannot be told apart are named at the door, with what they equal."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .._data import INTERCEPT, Design

NO_VARIATION = 1e-12  # standard deviation against the largest value
ABSORBED = 1e-10  # norm after demeaning against before
COLLINEAR = 1e-10  # distance of a unit-length column from the span of the others
ROUNDING = 1e-8  # norm of the residuals against the response's: what cross-products lose to cancellation


def refuse_degenerate(d: Design, X, Xd, y, names: list[str], effects: str) -> None:
    """Constant, absorbed and collinear columns, and too few observations.

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
    spread = np.linalg.norm(X - X.mean(axis=0), axis=0)
    largest = np.abs(X).max(axis=0, initial=0)
    flat = spread <= NO_VARIATION * np.sqrt(len(X)) * largest
    absorbed = (np.linalg.norm(Xd, axis=0) <= ABSORBED * spread) & (effects != "none")
    for j in np.flatnonzero(flat | absorbed):
        name = names[j]
        if name == INTERCEPT:
            continue
        if flat[j]:
            raise SpatialInputError("E204", f"the regressor {name!r} has no variation", column=name, hint=_drop(name))
        raise SpatialInputError("E208", f"the {effects} effects absorb the regressor {name!r}", column=name,
                                hint="it does not vary within them; " + _drop(name))  # fmt: skip
    if len(y) <= len(names) + 1:
        raise SpatialInputError("E206", f"{len(y)} observations are too few for {len(names)} coefficients")
    _refuse_collinear(Xd, names)


def refuse_degenerate_response(d: Design, y, effects: str) -> None:
    """A response without variation, E204, or that the effects absorb, E208; ``y`` as above."""
    given = d.rows(d.y)
    if np.ptp(given) <= NO_VARIATION * np.abs(given).max():
        raise SpatialInputError("E204", f"the response {d.response!r} has no variation", column=d.response)
    if y @ y <= ABSORBED**2 * np.sum((given - given.mean()) ** 2):
        raise SpatialInputError("E208", f"the {effects} effects absorb the response {d.response!r}", column=d.response)


def refuse_perfect_fit(sample, solution, response: str) -> None:
    """No variance is left to base inference on."""
    spread = float(sample.y @ sample.y)
    if float(solution.resid @ solution.resid) <= ROUNDING**2 * spread:
        raise SpatialInputError("E703", f"the regressors reproduce {response!r} exactly: no residual variance is left",
                                column=response, hint="is the response itself among the regressors?")  # fmt: skip


def _refuse_collinear(X, names) -> None:
    """Column by column: its distance from the span of those before it."""
    Z = X / np.linalg.norm(X, axis=0)
    R = np.abs(np.diag(np.linalg.qr(Z, mode="r")))
    if (R > COLLINEAR).all():
        return
    j = int(np.argmax(R <= COLLINEAR))
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
