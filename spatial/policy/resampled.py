"""Trends before adoption under resampling: permuted dates for few adopters, signs of residuals for many leads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..records.tests import TestResult
from .small_sample import CR2
from .within import group_sums, within

if TYPE_CHECKING:
    from .pretrends import Problem


@dataclass(frozen=True)
class BootstrapTest(TestResult):
    """A test whose p-value was simulated.

    Attributes
    ----------
    simulated_p : float;  draws : int
    """

    simulated_p: float
    draws: int

    @property
    def distribution(self) -> str:
        return "F, wild bootstrap"

    @cached_property
    def p_value(self) -> float:
        return self.simulated_p


def permuted_slopes(problem: Problem, first: np.ndarray) -> np.ndarray:
    """t of the slope under rows of dates (R, N), where units are alike but for their outcomes: equal weights, no
    covariates left, no clusters. ``problem.y`` holds outcomes as if nobody had been treated."""
    N, T = problem.y.shape
    dates, code = np.unique(first, return_inverse=True)
    code = code.reshape(first.shape)
    untreated = (np.arange(T) < dates[:, None]).astype(float)  # (H, T)
    ever = (dates < T)[:, None, None]
    C = np.concatenate([np.broadcast_to(np.eye(T), (len(dates), T, T)),
                        ever * np.broadcast_to(problem.clock[:, None], (len(dates), T, 1))], axis=2)  # fmt: skip
    of_first = code[0]
    design = within(untreated[of_first], C[of_first], np.arange(N))
    cr2 = CR2(design, np.array([T]))
    one = np.array([np.flatnonzero(of_first == h)[0] for h in range(len(dates))])  # a unit of each date
    U, maps = design.U[one], cr2.map[one, 0]
    of_y = np.einsum("htq,nt->nhq", U, problem.y)
    gram = np.einsum("htq,htp->hqp", U, U)
    units = np.arange(N)
    out = np.empty(len(first))
    for part in np.array_split(np.arange(len(first)), max(1, len(first) * N * (T + 1) // 2_000_000)):
        z = of_y[units, code[part]]
        g = z.sum(axis=1) @ design.inverse
        fitted = np.einsum("hqp,rp->rhq", gram, g)
        e = z - np.take_along_axis(fitted, code[part][:, :, None], axis=1)
        scores = np.einsum("rnq,rnq->rn", maps[code[part]], e)
        out[part] = g[:, T] / design.scale[T] / np.sqrt((scores**2).sum(axis=1))
    return out


def wild(problem: Problem, draws: int, seed: int) -> BootstrapTest:
    """The wild cluster restricted bootstrap of all leads together (Cameron, Gelbach & Miller 2008, Review of Economics
    and Statistics 90:414-427; Webb 2023, Canadian J. of Economics 56:839-858, for six points)."""
    at = (problem.mass > 0) & (problem.since < 0)
    leads = np.unique(problem.since[at])[1:]
    columns = problem.leads(leads)
    columns = columns[:, :, np.abs(columns).any(axis=(0, 1))]
    design, place = problem.with_columns(columns)
    place = place[design.identifies(np.eye(design.U.shape[2])[place])]
    restricted = within(problem.mass, problem.base, problem.group)
    Y = problem.scaled
    centered = Y - np.sqrt(problem.mass) * (problem.mass * problem.y).sum(axis=1, keepdims=True) / np.maximum(
        problem.mass.sum(axis=1, keepdims=True), 1e-300)
    g0 = restricted.inverse @ np.einsum("ntq,nt->q", restricted.U, centered)
    e0 = centered - restricted.U @ g0
    G = design.n_groups
    of_y = group_sums(np.einsum("ntq,nt->nq", design.U, centered), design.group)
    of_e = group_sums(np.einsum("ntq,nt->nq", design.U, e0), design.group)
    gram = group_sums(design.U.transpose(0, 2, 1) @ design.U, design.group)
    signs = _signs(np.random.default_rng(seed), (draws, G))
    P = design.inverse[place]

    def statistic(scores):  # (R, G, q) of outcomes
        g = scores.sum(axis=1) @ design.inverse
        e = (scores - np.einsum("gqp,rp->rgq", gram, g)) @ P.T
        V = np.einsum("rgs,rgt->rst", e, e)
        b = g[:, place]
        return np.einsum("rs,rst,rt->r", b, np.linalg.pinv(V, hermitian=True, rcond=1e-10), b)

    actual = float(statistic(of_y[None])[0])
    drawn = np.concatenate([statistic(part[:, :, None] * of_e) for part in np.array_split(signs, max(1, draws // 200))])
    p = (1 + (drawn >= actual).sum()) / (draws + 1)
    null = "earlier effects are zero" + ", at home and next door" * problem.neighbors
    return BootstrapTest("all leads", actual / len(place), (len(place), G - 1), null, float(p), draws)


def _signs(rng, shape) -> np.ndarray:
    if shape[1] >= 12:
        return rng.choice([-1.0, 1.0], shape)
    return rng.choice(np.sqrt([1.5, 1.0, 0.5]), shape) * rng.choice([-1.0, 1.0], shape)
