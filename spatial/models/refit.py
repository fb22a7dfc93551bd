"""One model estimated thousands of times: other responses, other regressors, other places, other weights.

What placebo tests, permutation inference and comparisons of weights need. The formula is read and the data are
aligned once; then every replicate goes through the functions that a single fit goes through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying
from spillover.provenance import made_from
from spillover.show import Shown

from ..covariance.bootstrap import resampled
from ..covariance.vcov import as_vcov
from ..design.checks import refuse_perfect_fit, response_problems
from ..design.design import INTERCEPT
from ..design.gaps import refuse_unbalanced
from ..design.sample import demeaned_sample, demeaned_samples
from ..effects.propagate import Averages, combine, selectors
from ..logdet import Asymmetric
from ..records.schema import rows_of
from ..solve.ml import maxima
from .dynamic import without_bias
from .estimate import estimates
from .fit import Fit
from .random import random_effects
from .reading import which_correction
from .replicates import Changes, changes
from .stack import under_other_w

BLOCK, NUMBERS = 256, 2**18  # replicates that are in memory at once, and numbers of theirs


@dataclass(frozen=True, eq=False)
class Refits(Shown):
    """R estimates of one model; ``refits["rho"]`` is a column of ``params``.

    Attributes
    ----------
    names : tuple of p str
        As in ``fit.params``.
    params : ndarray, shape (R, p)
        NaN where a replicate has no estimate; likewise below.
    loglik, sigma2 : ndarray, shape (R,)
    std_errors : ndarray, shape (R, p), or None
    variables : tuple of v str
        The regressors whose effects are in ``effects``.
    effects : ndarray, shape (R, 3, v), or None
        Direct, indirect, total.
    failed : dict of int to str
        Replicates without an estimate, and why.
    """

    names: tuple[str, ...]
    params: np.ndarray = field(repr=False)
    loglik: np.ndarray = field(repr=False)
    sigma2: np.ndarray = field(repr=False)
    std_errors: np.ndarray | None = field(repr=False)
    variables: tuple[str, ...]
    effects: np.ndarray | None = field(repr=False)
    failed: dict[int, str]

    @property
    def responses(self) -> np.ndarray:
        """``effects``, (R, 3, v), where they were requested.

        Raises
        ------
        SpatialInputError
            E501 otherwise.
        """
        if self.effects is None:
            raise SpatialInputError("E501", "these refits are without effects", hint="sp.refit(..., effects=True)")
        return self.effects

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise SpatialInputError("E502", f"no parameter is called {name!r}", hint=f"there are {list(self.names)}")
        return self.params[:, self.names.index(name)]

    def to_frame(self) -> pd.DataFrame:
        """One row per replicate: parameters, sigma2 and log-likelihood."""
        frame = pd.DataFrame(self.params, columns=list(self.names))
        return frame.assign(sigma2=self.sigma2, loglik=self.loglik).rename_axis("replicate")

    def tidy(self) -> pd.DataFrame:
        """One row per replicate and parameter, in the common schema; no tests and no intervals."""
        R, p = self.params.shape
        errors = np.nan if self.std_errors is None else self.std_errors.ravel()
        return rows_of(self.names * R, self.params.ravel(), std_error=errors, replicate=np.repeat(np.arange(R), p))


def refit(
    fit: Fit, *, y=None, x: Mapping | None = None, relabel=None, w=None, std_errors: bool = False, effects: bool = False
) -> Refits:
    """Estimate a model again on R replicates of its data.

    What is not given stays as it is in ``fit``; what is given together changes together, replicate by replicate.

    Parameters
    ----------
    fit : Fit
        By maximum likelihood or least squares. Its effects, correction and weights hold for all replicates.
    y : array (R, T, N), or DataFrame with R columns, optional
        Responses: values of the formula's left side. Arrays are in the order of ``fit.periods`` and ``fit.units``,
        (R, N) in a cross-section; a frame is matched by its index of units, or (unit, period).
    x : mapping of terms to arrays or frames like ``y``, optional
        Regressors, placebo treatments for instance; their spatial lags follow.
    relabel : array of int, shape (R, N), optional
        Permutations: the unit at position ``relabel[r, i]`` of ``fit.units`` takes, with all its data, the
        place of unit i in W. W keeps its eigenvalues.
    w : sequence or mapping of R weights over the same units, optional
        Each has a determinant of its own, so they take longer.
    std_errors, effects : bool
        Whether these are wanted; standard errors as in ``fit._settings.vcov``.

    Returns
    -------
    Refits
        Equal to single fits of the same data, to the last bit where W's eigenvalues are known (up to 300 units, and
        dense weights); beyond, and for other weights, to less than a millionth of a standard error.

    Raises
    ------
    SpatialInputError
        E525 a fit that cannot be refitted, E526 wrong shapes, E502 an unknown term, E501 nothing is given, E1xx
        labels. What goes wrong with a replicate is told in ``failed`` and stops no other.

    Examples
    --------
    >>> import numpy as np, shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> rng = np.random.default_rng(1)
    >>> elsewhere = sp.refit(fit, relabel=[rng.permutation(49) for _ in range(199)])
    >>> float((1 + (elsewhere["rho"] >= fit.rho).sum()) / 200)
    0.005
    """
    refuse_unbalanced(fit._design.observed, "refit")
    if fit._sample.dummies:
        refuse_varying(fit._design.weights_of_error, "refit of a spatial error with fixed effects")
    changed = changes(fit, y, x, relabel, w)
    if std_errors and fit._settings.random and fit._settings.random.by_likelihood:
        raise SpatialInputError("E525", "random effects by maximum likelihood are refitted without standard errors",
                                hint="leave std_errors= out")  # fmt: skip
    R, variables = len(changed), tuple(name for name in fit._design.names if name != INTERCEPT)
    params, errors = np.full((2, R, len(fit.params)), np.nan)
    loglik, sigma2 = np.full((2, R), np.nan)
    responses = np.full((R, 3, len(variables)), np.nan)
    failed: dict[int, str] = {}
    done = np.zeros(R, dtype=bool)
    if changed.w is not None and changed.alone(changed.w) and not effects:
        for which, results in under_other_w(fit, changed.w, std_errors):
            params[which], sigma2[which], loglik[which], errors[which] = results
            done[which] = True
    whole = std_errors or changed.w is not None  # what needs a design of the replicate's own
    averages, picks = (Averages(fit), selectors(fit, variables)) if effects else (None, None)
    for r, d, sample, at in _maxima(fit, changed, np.flatnonzero(~done), failed, whole):
        try:
            at = without_bias(sample, at, d, fit._settings.effects, fit._settings.correction)
            refuse_perfect_fit(sample, at, d.response)
            values, s2, _ = estimates(fit.specification, d, sample, at, fit._settings)
            if whole:
                one = replace(fit, _estimates=values, sigma2=s2, _design=d, _sample=sample, _solution=at)
                errors[r] = np.sqrt(np.diag(as_vcov(fit._settings.vcov).covariance(one))) if std_errors else np.nan
                averages = Averages(one) if effects and changed.w is not None else averages
            if effects:
                responses[r] = combine(np.array([values]), at.rho, averages, picks)[0]
            params[r], sigma2[r], loglik[r] = values, s2, at.loglik
        except SpatialInputError as error:
            errors[r], failed[r] = np.nan, f"{error.code}: {error.message}"
    result = Refits(tuple(fit.params.index), params, loglik, sigma2, errors if std_errors else None, variables,
                    responses if effects else None, dict(sorted(failed.items())))  # fmt: skip
    return made_from(result, fit)


def _maxima(fit: Fit, changed: Changes, left: np.ndarray, failed: dict, whole: bool) -> Iterator:
    """(replicate, design, sample, solution) of those that have a maximum; why the others have none in ``failed``.

    Designs are the replicates' own where ``whole`` says that someone will look at them.
    """
    if fit._settings.random:
        yield from _random_maxima(fit, changed, left, failed)
        return
    size = 1 if changed.w is not None or fit._sample.dummies else int(np.clip(NUMBERS // fit._design.y.size, 1, BLOCK))
    for start in range(0, len(left), size):
        replicates = left[start : start + size].tolist()
        y, X = changed.arrays(replicates)
        samples = []
        for i, (r, sample) in enumerate(zip(replicates, _samples(fit, changed, replicates, y, X))):
            if isinstance(sample, SpatialInputError):
                failed[r] = f"{sample.code}: {sample.message}"
            else:
                samples.append((r, changed.design(r, y[i], X[i]) if whole else fit._design, sample))
        for (r, d, sample), results in zip(samples, maxima([sample for *_, sample in samples])):
            if isinstance(results, SpatialInputError):
                failed[r] = f"{results.code}: {results.message}"
            else:
                yield r, d, sample, results


def _samples(fit: Fit, changed: Changes, replicates: list[int], y: np.ndarray, X: np.ndarray) -> list:
    """The likelihood's arrays of every replicate, or the error that says why there are none. X's arrays stay where the
    response alone changes."""
    d, settings = fit._design, fit._settings
    finite = np.isfinite(y).all(axis=(1, 2)) & np.isfinite(X).all(axis=(1, 2, 3))
    samples = [_not_finite(r) for r in replicates]
    good, y, X = np.flatnonzero(finite), y[finite], X[finite]
    if not len(good):
        return samples
    if changed.w is not None or fit._sample.dummies:
        results = [_one_sample(fit, changed, replicates[0], y[0], X[0])]
    elif changed.alone(changed.y):
        results = resampled(fit, y)
        within = np.array([sample.y for sample in results])
        problems = response_problems(d, y.reshape(len(y), -1), within, settings.effects)
        results = [problem or sample for problem, sample in zip(problems, results)]
    else:
        how = settings.effects, settings.correction, settings.logdet
        results = demeaned_samples(fit.specification, d, y, X, *how)
    for i, sample in zip(good, results):
        samples[i] = sample if changed.w is not None or settings.logdet else _for_many(sample)
    return samples


def _for_many(sample):
    """Samples share all eigenvalues of a W of some hundred units, where a single fit has a few factorisations."""
    if isinstance(sample, SpatialInputError):
        return sample
    parts = {name: part for name in ("lag", "error") if (part := getattr(sample, name)) is not None}
    shared = {n: replace(p, logdet=p.logdet.whole) for n, p in parts.items() if isinstance(p.logdet, Asymmetric)}
    return replace(sample, **shared) if shared else sample


def _not_finite(r: int) -> SpatialInputError:
    return SpatialInputError("E201", f"replicate {r} has missing or infinite values", n=1,
                             hint="replace or drop them: data.replace([np.inf, -np.inf], np.nan)")


def _random_maxima(fit: Fit, changed: Changes, left: np.ndarray, failed: dict) -> Iterator:
    """The same with random effects, whose share of the unit means is estimated anew, one by one."""
    for r in left.tolist():
        try:
            (y,), (X,) = changed.arrays([r])
            if not (np.isfinite(y).all() and np.isfinite(X).all()):
                raise _not_finite(r)
            d = changed.design(r, y, X)
            sample, results, _ = random_effects(fit.specification, d, fit._settings)
        except SpatialInputError as error:
            failed[r] = f"{error.code}: {error.message}"
            continue
        yield r, d, sample, results


def _one_sample(fit: Fit, changed: Changes, r: int, y: np.ndarray, X: np.ndarray):
    """Where W changes too, or dummies of the effects are kept."""
    effects, correction = fit._settings.effects, fit._settings.correction
    try:
        d = changed.design(r, y, X)
        if changed.w is not None and which_correction(fit.specification, d, effects, correction) != correction:
            message = "these weights need the additive correction, the fit's own the transformation"
            raise SpatialInputError("E526", message, hint="help(sp.refit) says which shapes it takes")
        sample = demeaned_sample(fit.specification, d, effects, correction, fit._settings.logdet)
        if sample.names != fit._sample.names:
            raise SpatialInputError("E526", f"other regressors than the fit's: {list(sample.names)}",
                                    hint="help(sp.refit) says which shapes it takes")
    except SpatialInputError as error:
        return error
    return sample
