"""The likelihood's maximum on every replicate of a refit: many at once where their samples allow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from spillover.errors import SpatialInputError

from ..covariance.bootstrap import resampled
from ..design.arrays import by_gls
from ..design.carried import carries_effects
from ..design.checks import response_problems
from ..design.sample import demeaned_sample, demeaned_samples
from ..logdet import Asymmetric
from ..solve.carried_effects import maximum_of
from ..solve.ml import maxima
from .fit import Fit
from .random import random_effects
from .refit_joint import is_joint, joint_maximum
from .replicates import Changes

BLOCK, NUMBERS = 256, 2**18  # replicates that are in memory at once, and numbers of theirs


@dataclass(frozen=True, eq=False)
class Rows:
    """Arrays that are filled replicate by replicate, shapes as in `Refits`; ``done`` (R,) also where one failed."""

    params: np.ndarray
    errors: np.ndarray
    loglik: np.ndarray
    sigma2: np.ndarray
    responses: np.ndarray
    done: np.ndarray
    failed: dict[int, str]

    @classmethod
    def of(cls, R: int, p: int, v: int) -> Rows:
        params, errors = np.full((2, R, p), np.nan)
        loglik, sigma2 = np.full((2, R), np.nan)
        return cls(params, errors, loglik, sigma2, np.full((R, 3, v), np.nan), np.zeros(R, dtype=bool), {})

    def fail(self, r: int, error: SpatialInputError) -> None:
        """There is no estimate of this replicate."""
        self.failed[r], self.done[r] = f"{error.code}: {error.message}", True


def maxima_of(fit: Fit, changed: Changes, left: np.ndarray, rows: Rows, whole: bool) -> Iterator:
    """(replicate, design, sample, solution) of those that have a maximum; why the others have none in ``rows.failed``.

    Designs are the replicates' own where ``whole`` says that someone will look at them.
    """
    if is_joint(fit):
        yield from _one_by_one(fit, changed, left, rows, joint_maximum)
        return
    if fit._settings.random:
        yield from _one_by_one(fit, changed, left, rows, _of_random)
        return
    if by_gls(fit._sample):
        yield from _one_by_one(fit, changed, left, rows, _of_carried)
        return
    size = 1 if changed.w is not None or fit._sample.dummies else int(np.clip(NUMBERS // fit._design.y.size, 1, BLOCK))
    for start in range(0, len(left), size):
        replicates = left[start : start + size].tolist()
        y, X = changed.arrays(replicates)
        samples = []
        for i, (r, sample) in enumerate(zip(replicates, _samples(fit, changed, replicates, y, X))):
            if isinstance(sample, SpatialInputError):
                rows.fail(r, sample)
            else:
                samples.append((r, changed.design(r, y[i], X[i]) if whole else fit._design, sample))
        for (r, d, sample), results in zip(samples, maxima([sample for *_, sample in samples])):
            if isinstance(results, SpatialInputError):
                rows.fail(r, results)
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
    elif changed.alone(changed.y) and not d.lags:
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


def _of_random(fit: Fit, d):
    """Random effects, whose share of the unit means is estimated anew."""
    return random_effects(fit.specification, d, fit._settings)[:2]


def _of_carried(fit: Fit, d):
    """Fixed effects that leave by generalised least squares, which lambda decides on."""
    s = fit._settings
    return maximum_of(fit.specification, d, s.effects, s.correction, s.logdet)


def _one_by_one(fit: Fit, changed: Changes, left: np.ndarray, rows: Rows, maximum) -> Iterator:
    """The same where nothing is shared."""
    for r in left.tolist():
        try:
            (y,), (X,) = changed.arrays([r])
            if not (np.isfinite(y).all() and np.isfinite(X).all()):
                raise _not_finite(r)
            d = changed.design(r, y, X)
            sample, results = maximum(fit, d)
        except SpatialInputError as error:
            rows.fail(r, error)
            continue
        yield r, d, sample, results


def _one_sample(fit: Fit, changed: Changes, r: int, y: np.ndarray, X: np.ndarray):
    """Where W changes too, or dummies of the effects are kept."""
    effects, correction = fit._settings.effects, fit._settings.correction
    try:
        d = changed.design(r, y, X)
        if carries_effects(fit.specification, d, effects):
            raise SpatialInputError("E526", "these weights carry the effects along, the fit's own do not",
                                    hint="standardize('row'), or one fit for each W")  # fmt: skip
        sample = demeaned_sample(fit.specification, d, effects, correction, fit._settings.logdet)
        if sample.names != fit._sample.names:
            raise SpatialInputError("E526", f"other regressors than the fit's: {list(sample.names)}",
                                    hint="help(sp.refit) says which shapes it takes")
    except SpatialInputError as error:
        return error
    return sample
