"""Terms with several columns of one variable: orthogonal polynomials and splines, as the estimation sample fixes them.

What a basis needs to be evaluated elsewhere, recurrences and knots, is kept by the text of its term in ``states``.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

BASES = ("poly", "bs", "ns")  # functions that make them
ORDER = 4  # of cubic splines


def basis(name: str, text: str, x: np.ndarray, size: int, states: dict) -> np.ndarray:
    """``poly(x, size)``, ``bs(x, size)`` or ``ns(x, size)``: (..., size), NaN where x is.

    Raises
    ------
    SpatialInputError
        E204 a variable with too few distinct values.
    """
    there = np.isfinite(x)
    if text not in states and len(np.unique(x[there])) <= size:
        few = len(np.unique(x[there]))
        raise SpatialInputError("E204", f"{text!r} needs more than {size} distinct values, its variable has {few}",
                                column=text, hint="fewer columns, or the variable as it is")  # fmt: skip
    out = np.full((*x.shape, size), np.nan)
    out[there] = {"poly": _polynomials, "bs": _splines, "ns": _natural_splines}[name](text, x[there], size, states)
    return out


def _polynomials(text: str, x: np.ndarray, degree: int, states: dict) -> np.ndarray:
    """Orthonormal polynomials of x (n,) up to ``degree``, (n, degree), by their three-term recurrence

        P_k = (x - a_{k-1}) P_{k-1} - (n_{k-1} / n_{k-2}) P_{k-2},    a = sum x P^2 / sum P^2,    n = sum P^2

    whose coefficients are those of the estimation sample.
    """
    fitted: tuple[list[float], list[float]] | None = states.get(text)
    a, n = fitted or ([], [])
    P = [np.ones(len(x))]
    for k in range(degree + 1):
        if fitted is None:
            n.append(float(np.sum(P[k] ** 2)))
            a.append(float(np.sum(x * P[k] ** 2) / n[k]))
        if k < degree:
            before = n[k] / n[k - 1] * P[k - 1] if k else 0.0
            P.append((x - a[k]) * P[k] - before)
    states[text] = a, n
    return np.stack([P[k] / np.sqrt(n[k]) for k in range(1, degree + 1)], axis=-1)


def _splines(text: str, x: np.ndarray, size: int, states: dict) -> np.ndarray:
    """Cubic B-splines without the first, (n, size); knots at even quantiles, as R's ``bs(x, df=size)``.

    Beyond the sample's range the outer polynomials go on. Source: de Boor (1978), A Practical Guide to Splines.
    """
    knots = _knots(text, x, size - ORDER + 1, states)
    return _design(knots, x)[:, 1:]


def _natural_splines(text: str, x: np.ndarray, size: int, states: dict) -> np.ndarray:
    """Cubic splines that are linear beyond the sample's range, (n, size), as R's ``ns(x, df=size)``.

    The second derivatives at both ends are two linear restrictions; an orthonormal basis of what they leave.
    """
    knots = _knots(text, x, size - 1, states)
    low, high = knots[0], knots[-1]
    ends = _design(knots, np.array([low, high]), derivative=2)[:, 1:]
    Q = np.linalg.qr(ends.T, mode="complete")[0][:, 2:]
    inside = np.clip(x, low, high)
    values = _design(knots, inside)[:, 1:] + _design(knots, inside, derivative=1)[:, 1:] * (x - inside)[:, None]
    return values @ Q


def _knots(text: str, x: np.ndarray, inner: int, states: dict) -> np.ndarray:
    """The range four times at each end and ``inner`` quantiles between."""
    if text not in states:
        between = np.quantile(x, np.linspace(0, 1, inner + 2)[1:-1])
        states[text] = np.concatenate([np.repeat(x.min(), ORDER), between, np.repeat(x.max(), ORDER)])
    return states[text]


def _design(knots: np.ndarray, x: np.ndarray, derivative: int = 0) -> np.ndarray:
    """Every B-spline of the knots at x, or a derivative, (n, splines)."""
    from scipy.interpolate import BSpline

    splines = BSpline(knots, np.eye(len(knots) - ORDER), ORDER - 1, extrapolate=True)
    return splines(x, nu=derivative)
