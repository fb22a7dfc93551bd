"""A stack of W at once: estimates with posterior probabilities, for ``compare_weights``.

The integral over rho (``posterior``) is a sum over equally spaced v = log((rho - low) / (high - rho)), where the
integrand tends to zero on both sides; such sums converge faster than any power of the step (Trefethen & Weideman
2014, SIAM Review 56:385-458).
"""

from __future__ import annotations

import numpy as np

from ..design.design import INTERCEPT
from ..logdet.stacked import logistic, logit
from ..models.reading import Reading
from ..models.stack import Stack, largest_stack, stacked
from ..solve.stack import Pencil
from ..solve.stack_search import Optima
from .estimates import Estimate
from .posterior import conditional_log_marginal
from .prior import Prior

REACH = 9.5  # standard errors on each side of the maximum
STEP, LARGEST_STEP = 0.3, 0.5  # between points, in standard errors; in v
TAIL_NATS = 32.0  # nats below the peak at which the integrand may be cut off
MAX_LOGIT = 30.0  # largest |v|: beyond it the integrand is negligible
WIDEN_FACTOR, MAX_WIDENINGS = 1.6, 8  # of the range of v, until the integrand is small at both ends


def estimates_of(lead: Reading, weights: list, prior: Prior, among: int) -> list[Estimate | None]:
    """Of the lead's model under ``weights``; None where a W must be estimated alone."""
    out, size = [], largest_stack(lead)
    for start in range(0, len(weights), size):
        part = weights[start : start + size]
        estimates: list[Estimate | None] = [None] * len(part)
        stack = stacked(lead, part, among)
        if stack is not None:
            for i, estimate in zip(stack.which, _estimates(lead, stack, part, prior)):
                estimates[i] = estimate
        out += estimates
    return out


def _estimates(lead: Reading, stack: Stack, weights, prior):
    at, spec = stack.at, lead.specification
    marginal = log_marginals(lead, stack, prior)
    names, params = stack.names, at.beta
    if stack.optima is not None:
        names, params = (*names, "rho" if spec.lag else "lambda"), np.concatenate([at.beta, at.r[:, None]], axis=1)
    for f, i in enumerate(stack.which):
        if not (at.sound[f] and np.isfinite(marginal[f])):
            yield None
            continue
        yield Estimate(spec.name, names, params[f], at.covariance[f], float(at.sigma2[f]), float(at.loglik[f]),
                       float(marginal[f]), stack.data.n, len(names) + 1, str(stack.correction),
                       int(weights[i].nnz))  # fmt: skip


def log_marginals(lead: Reading, stack: Stack, prior: Prior) -> np.ndarray:
    """log p(y | W) of a stack, (F,); NaN where the integral must be computed W by W."""
    data, d = stack.data, lead.design
    n = d.left(lead.settings.effects)
    intercept = INTERCEPT in stack.names
    if intercept and stack.names[0] != INTERCEPT:
        return np.full(len(stack.which), np.nan)

    def log_density(which, r):
        """log p(y, r) at r (F, points), without the determinant."""
        some = data.take(which)
        diagonal, row, q = some.triangles(r)
        length = some.scale[:, None, :]
        logs, y2 = 2 * np.log(diagonal * length[:, :, :-1]), length[:, :, -1] ** 2
        s0 = (q + (row[..., int(intercept) :] ** 2).sum(-1)) * y2
        gram0 = logs[..., 0] if intercept else 0.0
        return conditional_log_marginal(prior, n, data.k, intercept, q * y2, logs.sum(-1), s0, gram0)

    everyone = np.arange(len(stack.which))
    if stack.optima is None:
        return log_density(everyone, np.zeros((len(everyone), 1)))[:, 0]
    return _integrals(data, stack.optima, prior, log_density)


def _integrals(data: Pencil, optima: Optima, prior: Prior, log_density) -> np.ndarray:
    out = np.full(len(optima.which), np.nan)
    low, high = optima.intervals
    lo, hi = prior.support((low, high))
    inside = (optima.r > lo) & (optima.r < hi) & np.isfinite(hi - lo)
    centre, error = np.zeros_like(low), np.zeros_like(low)
    centre[inside] = logit(optima.r[inside], lo[inside], hi[inside])
    error[inside] = (1 / (optima.r - lo) + 1 / (hi - optima.r))[inside] / np.sqrt(optima.bend[inside])
    left, reach = np.flatnonzero(inside & (np.abs(centre) < MAX_LOGIT)), REACH
    step = np.minimum(STEP * error, LARGEST_STEP)
    for _ in range(MAX_WIDENINGS):
        if not len(left):
            break
        k = np.arange(-np.ceil(reach / STEP), np.ceil(reach / STEP) + 1)
        v = centre[left, None] + step[left, None] * k
        used = np.abs(v) <= MAX_LOGIT
        r = logistic(np.clip(v, -MAX_LOGIT, MAX_LOGIT), lo[left, None], hi[left, None])
        ends = np.where(used, r, np.inf).min(axis=1), np.where(used, r, -np.inf).max(axis=1)
        there = (ends[0] > optima.curve.logdet.low[left]) & (ends[1] < optima.curve.logdet.high[left])
        left, r, used, first, last = (part[there] for part in (left, r, used, *ends))
        curve, trusted = optima.over(left, first, last)
        ends = low[left, None], high[left, None]
        terms = log_density(left, r) + curve.value(r) + prior.log_density(r, ends)
        terms += np.log((r - lo[left, None]) * (hi[left, None] - r) / (hi - lo)[left, None])
        terms = np.where(used & np.isfinite(terms), terms, -np.inf)
        peak = terms.max(axis=1)
        falls = (np.maximum(terms[:, 0], terms[:, -1]) < peak - TAIL_NATS) & _alone(
            data.take(left), optima, left, r, lo[left], hi[left])
        good = falls & trusted
        total = np.exp(terms - peak[:, None]).sum(axis=1)
        out[left[good]] = (peak + np.log(total * step[left]))[good]
        left, reach = left[trusted & ~falls], reach * WIDEN_FACTOR
    return out


def _alone(data: Pencil, optima: Optima, which, r, lo, hi) -> np.ndarray:
    """Whether the likelihood is negligible outside the points r (F, P), within the prior's support, (F,).

    It may fall further beyond the points, but not rise again. Checked on approximate values over the whole interval.
    """
    low, high = (end[which] for end in (optima.curve.logdet.low, optima.curve.logdet.high))
    grid, at = optima.grid[which], optima.r[which]
    values = optima.values[which] + np.log((grid - low[:, None]) * (high[:, None] - grid))  # by v
    top = optima.curve.value(optima.r)[which] - data.n / 2 * np.log(data.triangles(at[:, None])[2][:, 0])
    top = top + np.log((at - low) * (high - at))
    with np.errstate(invalid="ignore"):  # where both are -inf
        step = np.diff(values, axis=1)
    none = np.zeros((len(grid), 1), dtype=bool)
    before = (grid < r[:, :1]) & (grid > lo[:, None]) & np.concatenate([step < 0, none], axis=1)
    after = (grid > r[:, -1:]) & (grid < hi[:, None]) & np.concatenate([none, step > 0], axis=1)
    return ~((before | after) & (values > top[:, None] - TAIL_NATS)).any(axis=1)
