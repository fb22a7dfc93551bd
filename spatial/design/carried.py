"""Fixed effects that a spatial error's weights carry along: projected off by generalised least squares.

    B (A y - X beta - D a) = e,    B = I - lambda M,  block diagonal over periods

Where M takes effects to effects, M D = D C, B D spans the same space for every lambda and the effects leave by
demeaning. Else B D turns with lambda: period effects where rows of M do not sum to one, unit effects where M differs
between periods, as it does in an unbalanced panel. Then a is concentrated out at every lambda,

    e'e = z'B'(I - B D F^-1 D'B') B z,    F(lambda) = D'B'B D,

with cross-products that are quadratic in lambda and computed once. F is sparse: units are linked with the neighbors of
their neighbors, and with their periods. Unit effects of a balanced panel under one M leave by demeaning beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from .absorbed import Absorbed
from .design import Design
from .dummies import DUMMIES_MAX
from .fixed_effects import NO_EFFECTS, FixedEffects
from .invariant import carries
from .specification import Specification
from .time_and_rest import parts_of
from .unbalanced import Gaps

DENSE_MAX = 1_000  # effects up to which F is a dense matrix
UNITS_MAX = 50_000


def carries_effects(specification: Specification, d: Design, effects: FixedEffects) -> bool:
    """Whether the effects of a model with a spatial error leave by generalised least squares at every lambda.

    With a lag beside the error also where W's rows do not sum to one: period effects are then in W y; likewise ways of
    effects that W takes to others. Without one the dummies of a few effects stay among the regressors (``dummies``), to
    the same numbers.
    """
    if not (specification.error and effects.fixed) or d.lags:
        return False
    W, M = d.weights, d.weights_of_error
    if effects.ways is not None:
        return specification.lag and not all(carries(w, effects.ways) for w in (W, M))
    sums = M.rows_sum_to_one and (W.rows_sum_to_one or not specification.lag)
    if not M.varies and not (specification.lag and W.varies):
        return effects.time and not sums
    turns = bool((effects.entity and M.varies) or (effects.time and not sums))
    return turns and (specification.lag or _many(d, effects))


def _many(d: Design, effects: FixedEffects) -> bool:
    """Whether dense matrices of all effects would be too large."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    return max(effects.entity * d.n_units, effects.time * d.n_periods) > DUMMIES_MAX // 2 and (
        Gaps(there, effects).rank > DUMMIES_MAX)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Effects:
    """Columns of the effects, of full rank, and their lags.

    Attributes
    ----------
    D, MD : csr_array, shape (m, r)
        Dummies and M times them.
    units : int
        The first columns, those of units; the others are few.
    starts : (T + 1,) of int
        Where the rows of each period begin.
    """

    D: sparse.csr_array = field(repr=False)
    MD: sparse.csr_array = field(repr=False)
    units: int
    starts: np.ndarray = field(repr=False)

    @property
    def rank(self) -> int:
        return self.D.shape[1]

    def BD(self, lam: float) -> sparse.csr_array:
        """B D."""
        return sparse.csr_array(self.D - lam * self.MD)

    def factor(self, lam: float) -> Factor:
        """F(lambda), factorised."""
        F0, F1, F2 = self.products
        F = F0 - lam * F1 + lam**2 * F2
        return DenseFactor(F) if self.rank <= DENSE_MAX else SparseFactor(F, self.units)

    @cached_property
    def products(self):
        """F = F0 - lambda F1 + lambda^2 F2."""
        mixed = self.D.T @ self.MD
        parts = self.D.T @ self.D, mixed + mixed.T, self.MD.T @ self.MD
        if self.rank <= DENSE_MAX:
            return tuple(part.toarray() for part in parts)
        return tuple(sparse.csc_array(part) for part in parts)

    @cached_property
    def by_period(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of every period the columns that are not zero in it, and its rows of D and M D there."""
        parts = []
        for start, end in zip(self.starts, self.starts[1:]):
            D = self.D[start:end]
            columns = np.unique(D.indices)
            parts.append((columns, D[:, columns].toarray(), self.MD[start:end][:, columns].toarray()))
        return parts

    @cached_property
    def log_size(self) -> float:
        """log|D'D|: what makes -log|F| / 2 that of an orthonormal basis."""
        return self.factor(0.0).logdet


class DenseFactor:
    """F = L L'."""

    def __init__(self, F: np.ndarray):
        from scipy.linalg import LinAlgError, cho_factor

        try:
            self._factor = cho_factor(F, lower=True, check_finite=False)
        except LinAlgError as error:
            raise np.linalg.LinAlgError(str(error)) from error

    def solve(self, right: np.ndarray) -> np.ndarray:
        from scipy.linalg import cho_solve

        return cho_solve(self._factor, right, check_finite=False)

    @property
    def logdet(self) -> float:
        return 2 * float(np.log(np.diag(self._factor[0])).sum())


class SparseFactor:
    """The same for many units: their block is sparse, the few columns of periods leave by its Schur complement."""

    def __init__(self, F: sparse.csc_array, units: int):
        from scipy.sparse.linalg import splu

        self.units = units
        self._side = F[:units, units:].toarray()
        self._lu = splu(F[:units, :units].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.001,
                        options={"SymmetricMode": True})  # fmt: skip
        self._carried = self._lu.solve(self._side) if self._side.shape[1] else self._side
        self._rest = DenseFactor(F[units:, units:].toarray() - self._side.T @ self._carried)

    def solve(self, right: np.ndarray) -> np.ndarray:
        first = self._lu.solve(np.ascontiguousarray(right[: self.units]))
        last = self._rest.solve(right[self.units :] - self._side.T @ first)
        return np.concatenate([first - self._carried @ last, last])

    @property
    def logdet(self) -> float:
        return float(np.log(np.abs(self._lu.U.diagonal())).sum()) + self._rest.logdet


Factor = DenseFactor | SparseFactor


def effects_of(d: Design, effects: FixedEffects) -> Effects:
    """The columns of a design's effects: dummies, or contrasts of periods where unit effects were taken out before.

    Raises
    ------
    SpatialInputError
        E309 above 50,000 units.
    """
    if d.n_units > UNITS_MAX:
        raise SpatialInputError("E309", f"effects beside this error need a system of all {d.n_units:,} units, "
                                f"{UNITS_MAX:,} at most", n=d.n_units,
                                hint="w_error= whose rows sum to one, or a model without a spatial error")  # fmt: skip
    D, units, starts = effect_dummies(d, NO_EFFECTS if demeans_units(d, effects) else effects)
    if effects.ways is not None:
        D = _of_ways(effects.ways)
    elif demeans_units(d, effects):
        from scipy.linalg import helmert

        D = sparse.csr_array(period_dummies(d) @ sparse.csr_array(helmert(d.n_periods).T))
    MD = _lagged(d, D, starts)
    if d.obs_weights is None:
        return Effects(D, MD, units, starts)
    roots = sparse.diags_array(d.root)
    return Effects(sparse.csr_array(roots @ D), sparse.csr_array(roots @ MD), units, starts)


def turned_effects(d: Design, effects: FixedEffects) -> tuple[Effects, int, np.ndarray | None]:
    """The columns that a spatial error turns; how many functions of time left beforehand, each with a coefficient for
    every unit; and these functions (T, a) of effects behind |."""
    parts = parts_of(d, effects, d.weights, d.weights_of_error)
    if parts is None:
        return effects_of(d, effects), int(demeans_units(d, effects)), None
    A, R = parts
    starts = d.n_units * np.arange(d.n_periods + 1)
    D = sparse.csr_array(R)
    return Effects(D, _lagged(d, D, starts), 0, starts), A.shape[1], A


def effect_dummies(d: Design, effects: FixedEffects) -> tuple[sparse.csr_array, int, np.ndarray]:
    """Dummies of full rank (m, r), how many of the first are of units, and where the rows of each period begin."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    unit = np.nonzero(there)[1]
    m, parts, units = len(unit), [sparse.csr_array((len(unit), 0))], 0
    if effects.entity and effects.ways is None:
        units = d.n_units
        parts.append(sparse.csr_array((np.ones(m), (np.arange(m), unit)), shape=(m, units)))
    if effects.time and effects.ways is None:
        parts.append(period_dummies(d)[:, _identified(there)] if effects.entity else period_dummies(d))
    return sparse.csr_array(sparse.hstack(parts)), units, np.concatenate([[0], np.cumsum(there.sum(axis=1))])


def period_dummies(d: Design) -> sparse.csr_array:
    """(m, T)."""
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    period = np.nonzero(there)[0]
    return sparse.csr_array((np.ones(len(period)), (np.arange(len(period)), period)), shape=(len(period), len(there)))


def demeans_units(d: Design, effects: FixedEffects) -> bool:
    """Whether unit effects leave by demeaning whatever lambda is: a balanced panel under one M, each unit with one
    weight."""
    one = d.obs_weights is None or d.obs_weights.fixed
    return effects.entity and effects.ways is None and d.observed is None and not d.varies and one


def _of_ways(ways: Absorbed) -> sparse.csr_array:
    """As many independent columns of the ways as they have."""
    if ways.rank > DENSE_MAX:
        raise SpatialInputError("E309", "a spatial error beside a lag, or by moments, needs dense matrices of all "
                                f"{ways.rank:,} effects, {DENSE_MAX:,} at most, where links leave their groups",
                                n=ways.rank, hint="sdm(), whose effects leave in any number")  # fmt: skip
    return ways.independent


def _identified(there: np.ndarray) -> np.ndarray:
    """Periods less the first of every connected part of the panel: what unit effects leave of period effects."""
    from scipy.sparse.csgraph import connected_components

    T, N = there.shape
    graph = sparse.coo_array((np.ones(int(there.sum())), np.nonzero(there)), shape=(T, N))
    joined = sparse.block_array([[None, graph], [graph.T, None]])
    _, part = connected_components(joined, directed=False)
    first = np.unique(part[:T], return_index=True)[1]
    return np.setdiff1d(np.arange(T), first)


def _lagged(d: Design, D: sparse.csr_array, starts: np.ndarray) -> sparse.csr_array:
    """M D, period by period; W among those who are there has no links of others."""
    M = d.weights_of_error
    blocks = []
    for t, w in enumerate(M.each(d.n_periods)):
        at = None if d.observed is None else np.flatnonzero(d.observed[t])
        csr = w.csr if at is None else w.csr[at][:, at]
        blocks.append(csr @ D[starts[t] : starts[t + 1]])
    return sparse.csr_array(sparse.vstack(blocks))


@dataclass(frozen=True, eq=False)
class Carried:
    """Columns Z of a likelihood with such effects, and their cross-products at every lambda.

    Attributes
    ----------
    effects : Effects
    Z, MZ : (m, c)
        y, W y (zeros without a lag) and an orthonormal basis of X, y and W y as residuals from it; and their lags.
    """

    effects: Effects = field(repr=False)
    Z: np.ndarray = field(repr=False)
    MZ: np.ndarray = field(repr=False)

    @cached_property
    def _products(self):
        """Z'B'B Z and D'B'B Z, in powers of lambda."""
        Z, MZ, D, MD = self.Z, self.MZ, self.effects.D, self.effects.MD
        mixed = Z.T @ MZ
        return (Z.T @ Z, mixed + mixed.T, MZ.T @ MZ), (D.T @ Z, D.T @ MZ + MD.T @ Z, MD.T @ MZ)

    def at(self, lam: float) -> tuple[np.ndarray, float]:
        """(S, h): S (2, 2) the cross-products of B [y, W y] less what B X and B D take, h = log|F| / 2."""
        (z0, z1, z2), side = self._products
        factor = self.effects.factor(lam)
        right = side[0] - lam * side[1] + lam**2 * side[2]
        C = z0 - lam * z1 + lam**2 * z2 - right.T @ factor.solve(right)
        S = C[:2, :2] - C[:2, 2:] @ np.linalg.solve(C[2:, 2:], C[2:, :2]) if len(C) > 2 else C
        return S, (factor.logdet - self.effects.log_size) / 2
