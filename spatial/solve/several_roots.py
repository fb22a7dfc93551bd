"""The root of an adjusted score in several spatial parameters, by Newton's method from a start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from .reml import Adjusted

MAX_STEPS, HALVINGS = 60, 30
SETTLED = 1e-9  # last step in standard errors: the error is of its square
STEP = 1e-5  # of central differences


@dataclass(frozen=True, eq=False)
class SeveralAdjusted(Adjusted):
    """The root of the adjusted scores of several parameters.

    Attributes
    ----------
    rhos : (J,);  lams : (L,)
    sigma2s : (1,)
    """

    rhos: np.ndarray
    lams: np.ndarray
    sigma2s: np.ndarray


def several_root(
    score: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], start: np.ndarray, inside: Callable, names: Sequence
) -> tuple[np.ndarray, np.ndarray]:
    """Where the scores are zero, and minus their derivatives there, symmetric.

    Parameters
    ----------
    score : callable
        psi -> scores (p,) and derivatives (p, p)
    inside : callable
        Whether psi is admissible.

    Raises
    ------
    SpatialInputError
        E702 where the scores do not fall at their root, E713 where no root is reached within the admissible region.
    """
    for psi in (start, start / 2, np.zeros(len(start))):
        if inside(psi) and (reached := _newton(score, psi, inside)) is not None:
            return _settled(*reached)
    raise SpatialInputError("E713", f"no root of the adjusted scores of {', '.join(names)} was reached within the "
                            "admissible region", hint="weights with fewer links, fewer regressors, or one W less; "
                            "method='ml' has a maximum more often")  # fmt: skip


def _newton(score: Callable, psi: np.ndarray, inside: Callable) -> tuple[np.ndarray, np.ndarray] | None:
    """The root and minus the derivatives there; None where the steps end elsewhere.

    A step is halved until it is admissible and the next one, by the same derivatives, is shorter (the natural
    monotonicity test, Deuflhard 2004, Newton Methods for Nonlinear Problems, section 3.1).
    """
    value, slopes = score(psi)
    for _ in range(MAX_STEPS):
        solve, metric = _inverse(slopes)
        step = solve(value)
        size = _size(metric, step)
        if size < SETTLED:
            return psi + step, -(slopes + slopes.T) / 2
        for _ in range(HALVINGS):
            if inside(psi + step):
                ahead = score(psi + step)
                if np.isfinite(ahead[0]).all() and _size(metric, solve(ahead[0])) < size:
                    break
            step = step / 2
        else:
            return None
        psi, (value, slopes) = psi + step, ahead
    return None


def _inverse(slopes: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Scores to Newton's steps, and the metric of steps in standard errors; where the scores do not fall, their
    derivatives with the signs turned."""
    sizes, vectors = np.linalg.eigh(-(slopes + slopes.T) / 2)
    if sizes[0] > 0:
        return lambda value: np.linalg.solve(-slopes, value), -(slopes + slopes.T) / 2
    sizes = np.maximum(np.abs(sizes), 1e-12 * np.abs(sizes).max(initial=1e-300))
    return lambda value: vectors @ ((vectors.T @ value) / sizes), (vectors * sizes) @ vectors.T


def _size(metric: np.ndarray, step: np.ndarray) -> float:
    """In standard errors."""
    return float(np.sqrt(step @ metric @ step))


def _settled(psi: np.ndarray, fall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.linalg.eigvalsh(fall)[0] <= 0:
        raise SpatialInputError("E702", "the adjusted scores do not fall at their root", hint="drop lagged regressors")
    return psi, fall
