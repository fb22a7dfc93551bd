"""W = a_1 W_1 + ... + a_m W_m with a estimated: a convex combination of candidates by maximum likelihood.

The likelihood is concentrated over beta, sigma and rho, and climbed over the simplex in the softmax of m - 1 free
numbers from several starts. Debarsy & LeSage (2018, Regional Science and Urban Economics 69:25-36; 2022, Journal of
Business & Economic Statistics 40:547-558) sample the same model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.ids import positions
from spillover.matrix import SpatialWeights, as_weights, refuse_varying
from spillover.show import Shown

from ..models.estimate import maximum
from ..models.family import reading_of
from ..models.fit import Fit
from ..records.schema import critical_value
from .journal import description_of, digest_of, key_of, opened

if TYPE_CHECKING:
    from spillover.types import PathLike

LEAST = 1e-3  # a share below it lies on the edge of the simplex: no standard error
STEP = 2e-3  # of the shares, for second differences
SMALL_STEP = 1e-5  # of a share, for slopes
PROFILE = 13  # points of a profile
SCHEMA = {"shares": "numbers", "loglik": "number"}
FINE, ROUGH = 1e-6, 2e-3  # of shares: for the estimate; for the other shares along a profile


@dataclass(frozen=True, eq=False)
class Mixture(Shown):
    """An estimated combination of weights.

    Attributes
    ----------
    shares : Series of m, summing to one
    std_errors : Series of m
        From the curvature of the profile likelihood; NaN for shares at zero, where no normal interval exists.
    fit : Fit
        Under the estimated W. Its standard errors take W as given.
    level : float
    profiles : dict of DataFrame
        By name: the likelihood over this W's share, the other shares at their maximum.
    """

    shares: pd.Series
    std_errors: pd.Series
    fit: Fit = field(repr=False)
    level: float
    profiles: dict = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """Shares with standard errors and the interval of their profiles."""
        rows = []
        for (name, share), error in zip(self.shares.items(), self.std_errors, strict=True):
            rows.append((name, share, error, *_interval(self.profiles[name], self.level)))
        return pd.DataFrame(rows, columns=["term", "estimate", "std_error", "conf_low", "conf_high"])


@takes_frames
def mix_weights(
    weights: Mapping, *, model: Callable[..., Fit], formula: str, data: pd.DataFrame, level: float = 0.95,
    journal: PathLike | None = None, resume: bool = False, **options: Any
) -> Mixture:  # fmt: skip
    """Estimate W = a_1 W_1 + ... + a_m W_m, a_j >= 0 with sum one, together with the model.

    Parameters
    ----------
    weights : mapping of names to two or more weights over the same units
        All row-standardised, so that shares can be compared.
    model, formula, data, **options
        As for ``compare_weights``; by maximum likelihood.
    level : float
        Of the profiles' intervals.
    journal : path, optional
        A folder to which log-likelihoods are written as they come, as parquet.
    resume : bool
        Continue a journal that is there.

    Returns
    -------
    Mixture

    Raises
    ------
    SpatialInputError
        E513 fewer than two weights, a model without W, the same matrix twice, or weights that are not row-standardised;
        E514, E603 and E605 the journal.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> built = {"queen": wt.queen(columbus), "knn6": wt.knn(columbus, 6, metric="planar")}
    >>> ws = {name: w.standardize("row") for name, w in built.items()}
    >>> result = sp.mix_weights(ws, model=sp.sar, formula="CRIME ~ INC + HOVAL", data=columbus)
    >>> result.shares.round(2).to_dict()
    {'queen': 0.0, 'knn6': 1.0}
    """
    names, parts = _checked(weights)

    def fitted(shares) -> Fit:
        return model(formula, data, _combined(parts, names, shares), **options)

    middle, cached = np.full(len(names), 1 / len(names)), {}
    reading = reading_of(model, formula, data, _combined(parts, names, middle), options)
    if reading is None:
        first = fitted(middle)
        settings, spec = first._settings, first.specification
    else:
        settings, spec = reading.settings, reading.specification
    if settings.method != "ml":
        raise SpatialInputError("E513", "shares are estimated by maximum likelihood", hint="use method='ml'")
    if not (spec.lag or spec.error or spec.durbin):
        raise SpatialInputError("E513", "ols has no W, so it has no shares", hint="use sar, sem, slx, sdm ...")
    quick = None if reading is None or not reading.repeatable or reading.settings.composed else reading

    def at_shares(shares) -> float:
        if quick is None:
            return fitted(shares).loglik
        again = quick.under(_combined(parts, names, shares))
        return maximum(again)[1].loglik
    with opened(journal, SCHEMA, resume=resume) as book:
        about = "" if journal is None else key_of(
            "mix", digest_of(data), formula, description_of(options), model.__name__, names,
            [description_of(w) for w in parts])  # fmt: skip

        def loglik(shares) -> float:
            at = tuple(np.round(shares, 12).tolist())
            if at not in cached:
                key = key_of(about, at)
                if key not in book.rows:
                    cached[at] = float(at_shares(at))
                    book.add(key, {"shares": list(at), "loglik": cached[at]})
                else:
                    cached[at] = book.rows[key]["loglik"]
            return cached[at]

        shares = _highest(loglik, len(names))
        best, errors = fitted(shares), _errors(loglik, shares)
        profiles = {name: _profile(loglik, shares, j, level) for j, name in enumerate(names)}
    index = pd.Index(names, name="weights")
    return Mixture(pd.Series(shares, index, name="share"), pd.Series(errors, index, name="std_error"), best, level,
                   profiles)  # fmt: skip


def _checked(weights):
    if not isinstance(weights, Mapping) or len(weights) < 2:
        raise SpatialInputError("E513", "a combination needs a mapping with two weights at least",
                                hint="{'near': w1, 'alike': w2}")
    names = [str(name) for name in weights]
    parts = [as_weights(w) for w in weights.values()]
    for name, w in zip(names, parts):
        refuse_varying(w, "a combination")
        if w.standardization != "row":
            raise SpatialInputError("E513", f"{name} is not row-standardised, so its share has no meaning",
                                    hint="standardize('row')")  # fmt: skip
    if parts[0].labelled:
        parts = [w.reordered(positions(w.ids, parts[0].ids, what=name)) for name, w in zip(names, parts)]
    for j, w in enumerate(parts):
        if w.matrix_digest in {other.matrix_digest for other in parts[:j]}:
            raise SpatialInputError("E513", f"{names[j]} is the same matrix as another one",
                                    hint="leave one of the two out")
    return names, parts


def _combined(parts, names, shares) -> SpatialWeights:
    csr = sparse.csr_array(sum(a * w.csr for a, w in zip(shares, parts) if a > 0))
    kind = " + ".join(f"{a:.2f} {name}" for a, name in zip(shares, names) if a > 0)
    return SpatialWeights(csr, parts[0].ids, kind, "row", labelled=parts[0].labelled)


def _highest(loglik, m, tolerance=FINE) -> np.ndarray:
    """The best shares, by sequential quadratic programming from corners and middle; a corner stays when it is best."""
    from scipy.optimize import minimize, minimize_scalar

    starts = [np.full(m, 1 / m), *np.eye(m)]
    if m == 2:
        optimum = minimize_scalar(lambda a: -loglik(np.array([a, 1 - a])), bounds=(0, 1), method="bounded",
                                  options={"xatol": tolerance})  # fmt: skip
        starts.append(np.array([optimum.x, 1 - optimum.x]))
    else:
        order = np.argsort([-loglik(np.where(e > 0, 0.8, 0.2 / (m - 1))) for e in np.eye(m)])
        for start in (starts[0], np.where(np.eye(m)[order[0]] > 0, 0.8, 0.2 / (m - 1))):
            optimum = minimize(lambda a: -loglik(_scaled(a)), start, method="SLSQP", bounds=[(0, 1)] * m,
                               constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
                               options={"ftol": tolerance**2, "eps": SMALL_STEP})  # fmt: skip
            starts.append(_scaled(optimum.x))
    best = max(starts, key=loglik)
    clean = np.where(best < LEAST, 0.0, best)
    clean = clean / clean.sum()
    return clean if loglik(clean) >= loglik(best) - 1e-6 else best


def _scaled(shares) -> np.ndarray:
    """Shares projected onto the simplex after the step of a numerical derivative."""
    inside = np.maximum(shares, 0.0)
    return inside / inside.sum()


def _errors(loglik, shares) -> np.ndarray:
    """From the Hessian in the inner shares but one, by second differences; that one follows."""
    inner = np.flatnonzero(shares > max(LEAST, 2 * STEP))
    out = np.full(len(shares), np.nan)
    if len(inner) < 2:
        return out
    last = inner[-1]
    free = inner[:-1]

    def at(change):
        a = shares.copy()
        a[free] += change
        a[last] -= change.sum()
        return loglik(a)

    E, p = STEP * np.eye(len(free)), len(free)
    H = np.array([[at(E[i] + E[j]) - at(E[i] - E[j]) - at(E[j] - E[i]) + at(-E[i] - E[j]) for j in range(p)]
                  for i in range(p)]) / (4 * STEP**2)  # fmt: skip
    V = np.linalg.pinv(-H)
    with np.errstate(invalid="ignore"):
        out[free] = np.sqrt(np.diag(V))
        out[last] = np.sqrt(V.sum())
    return out


def _profile(loglik, shares, j, level) -> pd.DataFrame:
    """Over the share of one W, the other shares at their maximum."""
    m = len(shares)
    grid = np.unique(np.append(np.linspace(0, 1, PROFILE), shares[j]))
    values = []
    for a in grid:

        def rest(b, a=a):
            return loglik(np.insert((1 - a) * b, j, a))

        values.append(rest(_highest(rest, m - 1, ROUGH)) if m > 2 and a < 1 else rest(np.full(m - 1, 1 / (m - 1))))
    ratio = 2 * (max(max(values), loglik(shares)) - np.array(values))
    inside = ratio <= critical_value(level) ** 2
    return pd.DataFrame({"share": grid, "loglik": values, "ratio": ratio, "inside": inside})


def _interval(profile: pd.DataFrame, level: float) -> tuple[float, float]:
    """Where the profile crosses the critical value, by linear interpolation between its points."""
    x, over = profile["share"].to_numpy(), profile["ratio"].to_numpy() - critical_value(level) ** 2
    inside = np.flatnonzero(over <= 0)

    def edge(i, outer):
        if not 0 <= outer < len(x):
            return x[i]
        return x[i] + (x[outer] - x[i]) * over[i] / (over[i] - over[outer])

    return float(edge(inside[0], inside[0] - 1)), float(edge(inside[-1], inside[-1] + 1))
