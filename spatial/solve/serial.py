"""First-order serial correlation of the errors, by maximum likelihood: nu_t = psi nu_{t-1} + e_t within units.

Prais and Winsten's P makes the periods of a stationary nu independent:

    P = [sqrt(1 - psi^2)         ]        |P|^2 = 1 - psi^2
        [-psi   1                ]
        [      -psi   1          ]
        [             ...        ]

Where W is the same in all periods P y = rho W P y + P X beta + P u is the model without serial correlation; where it
is not, P (W y) takes the place of W (P y). Given psi the maximum is that of ``ml``, or of ``random_ml``, with the
determinants of all periods, and ln L gains (N / 2) ln(1 - psi^2). Unit effects mu become
c mu with c = P 1 and d2 = c'c; a reflection H of time with H c = sqrt(d2 / T) 1 makes the share that is taken out that
of plain unit means. The search over psi = tanh(z) is in one dimension; the covariance follows from the profile: with
theta(z) the other parameters' maximum given z,

    var(z) = -1 / l''(z),     var(theta) = (information given z)^-1 + theta' theta'^T var(z)

Sources: Baltagi, Song, Jung & Koh (2007, J. Econometrics 140:5-51), section 2, with d2 = (1 - psi)^2 times theirs;
Millo (2014, Computational Statistics & Data Analysis 71:914-933).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.unit_rows import UnitRows

GRID = (-0.6, 0.0, 0.4, 0.7, 0.9, 0.97, 0.99, 0.997)  # psi where the search begins
EDGE = 0.99999  # a psi beyond this is a unit root
STEP = 1e-3  # of central differences by z
SETTLED, MAX_STEPS = 1e-8, 60  # of Newton's ascent in z
SETTLED_ROOT, MAX_ROOT_STEPS = 1e-6, 10  # and of its root, where the score is not the slope of the maximum
ARRAYS = ("y", "X", "Wy", "My", "MX", "MWy")


@dataclass(frozen=True, eq=False)
class SerialErrors:
    """psi of a fit, and what its estimation adds to the variance of the other parameters.

    Attributes
    ----------
    psi : float
    curvature : float
        -l''(z) of the profile likelihood at z = atanh(psi).
    slopes : ndarray, shape (q,)
        d theta / dz of (beta, rho, lambda, sigma2) and, with random effects, kappa = ln(1 + d2 phi).
    d2, slope_of_d2 : float
        1'V^-1 1 of nu's correlation over time, V_ts = psi^|t-s| / (1 - psi^2), and its slope by z.
    """

    psi: float
    curvature: float
    slopes: np.ndarray = field(repr=False)
    d2: float
    slope_of_d2: float

    @property
    def variance(self) -> float:
        """Of z = atanh(psi)."""
        return 1 / self.curvature

    @property
    def std_error(self) -> float:
        """Of psi."""
        return float((1 - self.psi**2) * np.sqrt(self.variance))

    def interval(self, half: float) -> tuple[float, float]:
        """tanh(z -+ half standard errors)."""
        z, width = np.arctanh(self.psi), half * np.sqrt(self.variance)
        return float(np.tanh(z - width)), float(np.tanh(z + width))

    def added(self, p: int) -> np.ndarray:
        """What psi adds to the covariance of the first p parameters."""
        return self.variance * np.outer(self.slopes[:p], self.slopes[:p])


def prais_winsten(psi: float, T: int) -> np.ndarray:
    """P, (T, T): P V P' = I.

    Examples
    --------
    >>> prais_winsten(0.6, 3)
    array([[ 0.8,  0. ,  0. ],
           [-0.6,  1. ,  0. ],
           [ 0. , -0.6,  1. ]])
    """
    P = np.eye(T) - psi * np.eye(T, k=-1)
    P[0, 0] = np.sqrt(1 - psi**2)
    return P


def prais_winsten_of_rows(psi: float, observed: np.ndarray) -> sparse.csr_array:
    """P of a panel with gaps, (m, m), rows period by period: nu of a unit in the periods that it is observed in has the
    covariance psi^|t-s| / (1 - psi^2), the submatrix of that of all periods. From one of these to the next, g periods
    on,

        (nu_t - psi^g nu_t-g) / sqrt((1 - psi^2g) / (1 - psi^2))

    has the variance of e; the first is sqrt(1 - psi^2) nu_t. W of each period is that of the units observed in it.

    Parameters
    ----------
    observed : (T, N) of bool

    Examples
    --------
    >>> prais_winsten_of_rows(0.6, np.array([[True], [False], [True]])).toarray().round(4)
    array([[ 0.8   ,  0.    ],
           [-0.3087,  0.8575]])
    """
    period, unit = np.nonzero(observed)
    order = np.lexsort((period, unit))  # unit by unit
    first = np.concatenate([[True], np.diff(unit[order]) != 0])
    gap = np.where(first, 1, np.diff(period[order], prepend=0))
    scale = np.where(first, np.sqrt(1 - psi**2), np.sqrt((1 - psi**2) / (1 - psi ** (2.0 * gap))))
    before, after = order[np.flatnonzero(~first) - 1], order[~first]
    values = np.concatenate([scale, -(float(psi) ** gap * scale)[~first]])
    places = np.concatenate([order, after]), np.concatenate([order, before])
    return sparse.csr_array((values, places), shape=(len(unit), len(unit)))


def to_unit_means(c: np.ndarray) -> np.ndarray:
    """The reflection H = H' = H^-1 with H c = (|c| / sqrt(T)) 1."""
    v = c / np.linalg.norm(c) - 1 / np.sqrt(len(c))
    size = v @ v
    return np.eye(len(c)) - (2 / size) * np.outer(v, v) if size > 1e-24 else np.eye(len(c))


def filtered_units(units: UnitRows, psi: float, T: int) -> UnitRows:
    """The directions c of the units' effects once the periods are independent: P 1, or P times roots of weights."""
    P = prais_winsten(psi, T)
    return units.filtered(lambda rows: (P @ rows.reshape(T, -1)).ravel())


def over_time(sample: Sample, K: np.ndarray | sparse.csr_array) -> Sample:
    """The sample with K, (T, T), applied to the periods of its arrays; (m, m) to the rows."""

    def change(values):
        if values is None:
            return None
        panel = values.reshape(K.shape[0], -1)
        return (K @ panel).reshape(values.shape)

    return replace(sample, **{name: change(getattr(sample, name)) for name in ARRAYS})


def serial_maximum(
    at: Callable[[float], tuple[float, np.ndarray]], T: int, score: Callable[[float, float], float] | None = None,
    d2: Callable[[float], float] | None = None,
) -> SerialErrors:  # fmt: skip
    """The maximum over psi.

    Parameters
    ----------
    at : function of psi
        (ln L, theta) at the maximum over the other parameters.
    T : int
        Periods.
    score : function of (z, step), optional
        The score of z where it is not the slope of the maximum: its root is then the estimate.
    d2 : function of psi, optional
        The mean over units of c_i'c_i, where the effects' directions c_i are not P 1.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to psi = 1 or -1, E801 when the search does not settle.
    """
    # 1. The best of a grid, and Newton's ascent from there in z.
    high, start = max((_value(at, psi), psi) for psi in GRID)
    if not np.isfinite(high):
        at(start)  # says why there is no maximum
    z = float(np.arctanh(start))
    widest = 0.5
    for _ in range(MAX_STEPS):
        ahead, behind = (at(np.tanh(z + move))[0] for move in (STEP, -STEP))
        slope, bend = (ahead - behind) / (2 * STEP), (ahead - 2 * high + behind) / STEP**2
        step = float(np.clip(-slope / bend if bend < 0 else np.sign(slope) * widest, -widest, widest))
        while abs(step) > SETTLED and (value := at(np.tanh(z + step))[0]) < high:
            step /= 2
        if abs(step) <= SETTLED:
            break
        z, high = z + step, value
        if abs(np.tanh(z)) > EDGE:
            raise SpatialInputError(
                "E701", f"psi = {np.tanh(z):.6g}: the errors have a unit root over time",
                hint="first differences of all variables, trends in the formula, or lags='y' with effects='entity'",
            )  # fmt: skip
    else:
        message = f"the search for psi did not settle: last psi {np.tanh(z):.6g}, step {step:.2g}"
        raise SpatialInputError("E801", message, hint="rescale the regressors, or leave serial= out")
    # 2. Slopes of the others' maximum, and the profile's curvature.
    of_score = None
    for _ in range(MAX_ROOT_STEPS if score else 0):
        assert score is not None
        of_score = (score(z + STEP, STEP) - score(z - STEP, STEP)) / (2 * STEP)
        step = float(-score(z, STEP) / of_score)
        z, high = z + step, at(np.tanh(z + step))[0]
        if abs(step) <= SETTLED_ROOT:
            break
    (up, over), (down, under) = (at(np.tanh(z + move)) for move in (STEP, -STEP))
    curvature = -(up - 2 * high + down) / STEP**2 if of_score is None else -of_score
    mean_d2 = d2 or (lambda psi: float(np.sum(prais_winsten(psi, T).sum(axis=1) ** 2)))
    d2s = [mean_d2(float(np.tanh(z + move))) for move in (0.0, STEP, -STEP)]
    slopes, of_d2 = (over - under) / (2 * STEP), (d2s[1] - d2s[2]) / (2 * STEP)
    return SerialErrors(float(np.tanh(z)), curvature, slopes, d2s[0], of_d2)


def _value(at: Callable[[float], tuple[float, np.ndarray]], psi: float) -> float:
    """ln L; minus infinity where the others have no maximum given so remote a psi."""
    try:
        return at(psi)[0]
    except SpatialInputError:
        return -np.inf
