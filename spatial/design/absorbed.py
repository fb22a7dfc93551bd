"""The ways of effects of one sample: which rows they group, what they leave of (T, N) arrays, how many they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy import sparse

from .projection import Projection
from .ways import Way, nested

NULL = 1e-9  # eigenvalue of the cross-products of orthonormal columns that is zero

class Absorbed:
    """Ways of effects over the cells of a panel, or the units of a cross-section.

    Parameters
    ----------
    ways : sequence of Way
        As written behind ``|``, over the m observed cells, period by period.
    shape : (T, N)
    observed : (T, N) of bool, optional
        Which cells these rows are.
    own : sequence of Way
        Those of the ways that are units and periods themselves.

    Attributes
    ----------
    projection : Projection
    parts : (A, R) or None
        Where a filter over time has made them: see ``time_and_rest``.
    """

    parts: tuple[np.ndarray, np.ndarray] | None = None

    def __init__(self, ways: Sequence[Way], shape: tuple[int, int], observed: np.ndarray | None = None,
                 own: Sequence[Way] = ()):  # fmt: skip
        self.own = tuple(own)
        self.ways, self.shape, self.observed = tuple(ways), shape, observed
        self.projection = Projection(self.ways)

    @property
    def name(self) -> str:
        """As the formula has it."""
        return " + ".join(map(str, self.ways))

    @property
    def constant(self) -> bool:
        """Whether they span the intercept."""
        return any(way.term.level for way in self.ways)

    @property
    def rank(self) -> int:
        """How many observations they take."""
        return self.projection.rank

    @property
    def rows(self) -> int:
        return len(self.ways[0].codes)

    def demean(self, values: np.ndarray, first: int = 0) -> np.ndarray:
        """M x of a (T, N, ...) array; ``first`` axes before these number the arrays. Unobserved cells stay NaN."""
        last = range(values.ndim - first, values.ndim)
        x = np.moveaxis(values, range(first), last)
        if not x.size:
            return np.ascontiguousarray(values)
        inside = x.reshape(*self.shape, -1)
        within = self.projection(inside.reshape(-1, inside.shape[2]) if self.observed is None else
                                 inside[self.observed])  # fmt: skip
        if self.observed is None:
            out = within.reshape(x.shape)
        else:
            out = np.full(inside.shape, np.nan)
            out[self.observed] = within
            out = out.reshape(x.shape)
        return np.ascontiguousarray(np.moveaxis(out, last, range(first)))

    def absorbing(self, column: np.ndarray) -> str:
        """The way that leaves nothing of a column (m,), or all together."""
        for way in self.ways:
            left = Projection([way])(column[:, None] - column.mean())
            if np.linalg.norm(left) <= 1e-9 * np.linalg.norm(column - column.mean()):
                return str(way)
        return self.name

    def of_rows(self, kept: np.ndarray) -> Absorbed:
        """The same ways over some of the cells: of all periods but the first those in ``kept`` (T - 1, N)."""
        T, N = self.shape
        before = np.ones((T, N), dtype=bool) if self.observed is None else self.observed
        cells = np.concatenate([np.zeros((1, N), dtype=bool), kept])[before]
        ways = {id(way): way.of_rows(cells) for way in (*self.ways, *self.own)}
        return Absorbed([ways[id(way)] for way in self.ways], (T - 1, N), None if kept.all() else kept,
                        [ways[id(way)] for way in self.own])  # fmt: skip

    def besides(self, codes: np.ndarray) -> int:
        """Rank of the effects where those of ways within other groups, codes of every row (m,), count as one."""
        inside = [way for way in self.ways if nested(way.codes, codes)]
        return self.rank - (Projection(inside).rank - 1 if inside else 0)

    # -- of weighted rows ----------------------------------------------------------------------------------

    def weighted(self, root: np.ndarray) -> Absorbed:
        """The ways of rows that are multiplied with ``root`` (m,)."""
        return Absorbed([replace(way, root=root) for way in self.ways], self.shape, self.observed)

    def log_determinant(self, w: np.ndarray) -> float:
        """ln|U'diag(w) U|, U an orthonormal basis of the dummies, for weights w (m,) of the rows.

        With D_1 the columns of the largest way and D those of the others, ln|D_1'w D_1| and the pseudo-determinants of
        what D_1 leaves of D, weighted over unweighted.
        """
        from scipy.sparse.linalg import splu

        first, others = self.projection.first, self.projection.others if len(self.projection.ways) > 1 else None
        scaled = sparse.diags_array(w) @ first
        A = sparse.csc_array(first.T @ scaled)
        empty = A.diagonal() == 0  # slopes that a group does not have
        lu = splu(sparse.csc_array(A + sparse.diags_array(empty.astype(float))))
        total = float(np.log(np.abs(lu.U.diagonal())).sum())
        if others is None:
            return total
        S, B = self.projection.S.toarray(), (scaled.T @ others).toarray()
        weighted = (others.T @ (sparse.diags_array(w) @ others)).toarray() - B.T @ lu.solve(B)
        size, vectors = np.linalg.eigh(S)
        null = vectors[:, size <= NULL]
        filled = null @ null.T
        return total + float(np.linalg.slogdet(weighted + filled)[1] - np.linalg.slogdet(S + filled)[1])

    # -- for determinants ----------------------------------------------------------------------------------

    def dummies(self) -> np.ndarray:
        """U (m, rank), orthonormal, with M = I - U U'."""
        columns, rest = self.projection.basis
        U = np.concatenate([columns.toarray(), rest], axis=1)
        return U[:, np.einsum("ij,ij->j", U, U) > 0.5]  # columns of length one, or zero

    def block(self, t: int) -> np.ndarray:
        """M's diagonal block of period t, (N, N); zero where not observed."""
        here = np.ones(self.shape[1], dtype=bool) if self.observed is None else self.observed[t]
        at = np.flatnonzero(here)
        columns, rest = self.projection.basis
        rows = slice(self._starts[t], self._starts[t + 1])
        out = np.zeros((self.shape[1],) * 2)
        own = columns[rows]
        out[np.ix_(at, at)] = np.eye(len(at)) - (own @ own.T).toarray() - rest[rows] @ rest[rows].T
        return out

    @cached_property
    def _starts(self) -> np.ndarray:
        T, N = self.shape
        sizes = np.full(T, N) if self.observed is None else self.observed.sum(axis=1)
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def product(self) -> tuple[int, np.ndarray] | None:
        """(a, B) where M = (I_T - A A') kron (I_N - B B') in a balanced panel, None for other effects.

        A has a functions of time that every unit has an effect of, B (N, b) the groups of units that every period has
        effects of.
        """
        if self.observed is not None or self.ways[0].root is not None:
            return None
        A, others = time_functions(self)
        (T, N), of_units = self.shape, []
        period = np.repeat(np.arange(T), N)
        for way in others:
            if not (nested(way.codes, period) and _alike(way.codes.reshape(T, N), way.basis.reshape(T, N, -1))):
                return None
            of_units.append(_columns_of(way, period == 0))
        return A.shape[1], _orthonormal(of_units, N)

    # -- of errors that are correlated over time -------------------------------------------------------------

    @property
    def unfiltered(self) -> Absorbed:
        """Themselves: see ``filtered_ways``."""
        return self

    @property
    def independent(self) -> sparse.csr_array:
        """As many independent columns as they have, (m, rank)."""
        from scipy.linalg import qr

        D = sparse.csr_array(sparse.hstack([way.columns for way in self.projection.ways]))
        *_, order = qr((D.T @ D).toarray(), mode="economic", pivoting=True)
        return sparse.csr_array(D[:, np.sort(order[: self.rank])])


def time_functions(ways: Absorbed) -> tuple[np.ndarray, list[Way]]:
    """A (T, a), orthonormal, the functions of time that every unit of a balanced panel has effects of; and the other
    ways."""
    (T, N), of_time, others = ways.shape, [], []
    unit = np.tile(np.arange(N), T)
    for way in ways.projection.ways:
        basis = way.basis.reshape(T, N, -1)
        if nested(way.codes, unit) and _alike(way.codes.reshape(T, N).T, basis.swapaxes(0, 1)):
            of_time.append(_columns_of(way, unit == 0))
        else:
            others.append(way)
    return _orthonormal(of_time, T), others


def _alike(codes: np.ndarray, basis: np.ndarray) -> bool:
    """Whether every line of (L, n) codes makes the same groups, with the same columns (L, n, q)."""
    first = codes[0]
    same = all(nested(first, line) and nested(line, first) for line in codes[1:])
    return bool(same and np.allclose(basis, basis[:1], rtol=0, atol=1e-9))


def _columns_of(way: Way, rows: np.ndarray) -> np.ndarray:
    """Dense columns of some rows, those that are zero left out."""
    part = way.columns[np.flatnonzero(rows)]
    return part[:, np.unique(part.indices)].toarray()


def _orthonormal(parts: list[np.ndarray], n: int) -> np.ndarray:
    if not parts:
        return np.zeros((n, 0))
    U, size, _ = np.linalg.svd(np.concatenate(parts, axis=1), full_matrices=False)
    return U[:, size > 1e-9 * size.max()]
