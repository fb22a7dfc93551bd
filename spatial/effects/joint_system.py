"""Dynamic models with several W or regimes: A and C at given parameters, and the largest root of A^-1 C.

See ``joint_dynamic`` for what they are. y_t is stationary where all roots of A^-1 C are below one in size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.past import past_columns
from ..records.regimes import RegimesRecord
from ..records.tests import TestResult
from .operators import Several, lags_of, passages
from .stationarity import REAL, Roots, Stationarity

BLOCK = 4_000_000  # numbers in the inverses that are computed at a time
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Dynamics:
    """A and C as functions of (rho, a), and averages of responses.

    Attributes
    ----------
    places : of rho and a among the parameters
    lags, past, passages : tuples of csr_array, (N, N)
    codes : (N,), the regime of every unit, or None
    """

    places: np.ndarray
    lags: tuple[sparse.csr_array, ...]
    past: tuple[sparse.csr_array, ...]
    passages: tuple[sparse.csr_array, ...]
    codes: np.ndarray | None

    @property
    def n(self) -> int:
        return self.passages[0].shape[0]

    def matrices(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A and C at points (Q, J + P): (Q, N, N) each."""
        A, C = np.broadcast_to(np.eye(self.n), (len(points), self.n, self.n)).copy(), np.zeros(())
        for values, L in zip(points.T, self.lags):
            A -= values[:, None, None] * L.toarray()
        C = sum(values[:, None, None] * Q.toarray() for values, Q in zip(points[:, len(self.lags) :].T, self.past))
        return A, C

    def largest_roots(self, points: np.ndarray) -> np.ndarray:
        """The size of the largest root of A^-1 C at every point, (Q,)."""
        sizes = [np.abs(np.linalg.eigvals(np.linalg.solve(*self.matrices(part)))).max(axis=1)
                 for part in self._blocks(points)]  # fmt: skip
        return np.concatenate(sizes)

    def long_run(self, points: np.ndarray) -> np.ndarray:
        """(Q, K, 3 (G + 1)): coefficients of c in the average effects of the long run."""
        return np.concatenate([self.averages(np.linalg.inv(np.subtract(*self.matrices(part))))
                               for part in self._blocks(points)])  # fmt: skip

    def path(self, points: np.ndarray, horizon: int) -> np.ndarray:
        """(Q, K, 2 (horizon + 1) 3 (G + 1)): of a change of one period, then of one that stays."""
        parts = []
        for part in self._blocks(points):
            A, C = self.matrices(part)
            step = np.linalg.inv(A)
            M, steps = step @ C, []
            for _ in range(horizon + 1):
                steps.append(self.averages(step))
                step = M @ step
            each = np.stack(steps, axis=2)
            parts.append(np.stack([each, each.cumsum(axis=2)], axis=2).reshape(*each.shape[:2], -1))
        return np.concatenate(parts)

    def averages(self, Z: np.ndarray) -> np.ndarray:
        """Of Z P_k, Z (Q, N, N): direct, indirect, total, by the regime where x changes and over all units."""
        members = np.ones((self.n, 1))
        if self.codes is not None:
            members = np.column_stack([self.codes[:, None] == np.arange(self.codes.max() + 1), members]).astype(float)
        sizes, sums, out = np.maximum(members.sum(axis=0), 1), Z.sum(axis=1), []
        for P in self.passages:
            at = P.tocoo()
            pick = sparse.csr_array((at.data, (np.arange(at.nnz), at.col)), shape=(at.nnz, self.n)) @ members
            direct = Z[:, at.col, at.row] @ pick / sizes  # (Z P)_jj = sum_i Z_ji P_ij
            total = (sums @ P) @ members / sizes
            out.append(np.concatenate([direct, total - direct, total], axis=1))
        return np.stack(out, axis=1)

    def _blocks(self, points: np.ndarray) -> list[np.ndarray]:
        size = max(1, BLOCK // self.n**2)
        return [points[start : start + size] for start in range(0, len(points), size)]


def dynamics_of(fit: Several) -> Dynamics:
    """Of a fit with several W or regimes.

    Raises
    ------
    SpatialInputError
        E322 where W varies.
    """
    d = fit._design
    if d.weights.varies:
        raise SpatialInputError("E322", "W varies over time: what follows later depends on W to come",
                                hint="the short run; or a fit with w.mean()")  # fmt: skip
    at, columns = {name: i for i, name in enumerate(fit.params.index)}, past_columns(d)
    first = len(fit._sample.names)
    lags = lags_of(fit) if fit.specification.lag else ()
    places = [*range(first, first + len(lags)), *(at[one.name] for one in columns)]
    eye, past = sparse.eye_array(d.n_units, format="csr"), []
    for one in columns:
        whole = eye if one.weights is None else one.weights.csr
        past.append(whole if one.members is None else sparse.csr_array(sparse.diags_array(one.members * 1.0) @ whole))
    codes = fit.split.codes if isinstance(fit, RegimesRecord) else None
    return Dynamics(np.array(places), lags, tuple(past), passages(fit), codes)


@dataclass(frozen=True)
class JointStationarity(Stationarity):
    """Of a model with several W or regimes: ``rho``, ``tau``, ``eta`` and ``total`` are of one W, and NaN here."""

    @property
    def line(self) -> str:
        verdict = "stationary" if self.holds else "not stationary"
        return f"{verdict}: largest root {self.largest_root:.4g}"


def joint_stationarity(fit: Several) -> JointStationarity:
    """The largest root of A^-1 C, its interval and test.

    With vectors u, v of a root, u'C = root u'A and C v = root A v, the root is u'C v / u'A v: a ratio of two numbers
    that are linear in (rho, a), given u and v, as (tau + eta w) / (1 - rho w) of one W (``stationarity``).

    Raises
    ------
    SpatialInputError
        E322 where W varies, E501 for a fit without ``lags=``.
    """
    if not fit._design.lags:
        raise SpatialInputError("E501", "stationarity is a matter of dynamic models", hint="fit with lags='both'")
    system, V = dynamics_of(fit), fit.vcov.to_numpy()
    own = _ratios(system, fit.params.to_numpy()[system.places], V[np.ix_(system.places, system.places)], fit.df_resid)
    largest = int(np.argmax(own.b / own.a))
    difference, variance = own.a - own.b, own.Vaa - 2 * own.Vab + own.Vbb
    wald = difference[largest] ** 2 / variance[largest] if variance[largest] > 0 else float("nan")
    test = TestResult("Wald", float(wald), 1, "largest root = 1")
    nan = float("nan")
    return JointStationarity(nan, nan, nan, nan, float(own.b[largest] / own.a[largest]), test, "largest root", own)


def _ratios(system: Dynamics, at: np.ndarray, V: np.ndarray, df: int | None) -> Roots:
    """u'A v and u'C v of every root, in size, with their variances; of a real root also with its negative."""
    from scipy.linalg import eig

    (A,), (C,) = system.matrices(at[None])
    roots, u, v = eig(C, A, left=True)
    a, b = (np.einsum("ik,ij,jk->k", u.conj(), M, v) for M in (A, C))
    slopes = np.array([np.einsum("ik,ik->k", u.conj(), P @ v) for P in (*system.lags, *system.past)]).T
    J = len(system.lags)
    Da, Db = slopes.copy(), slopes.copy()
    Da[:, :J], Da[:, J:], Db[:, :J] = -slopes[:, :J], 0, 0
    (a, Da), (b, Db) = ((np.abs(x), (np.conj(x)[:, None] * D).real / np.maximum(np.abs(x), TINY)[:, None])
                        for x, D in ((a, Da), (b, Db)))  # fmt: skip
    real = np.abs(roots.imag) <= REAL * np.maximum(np.abs(roots), REAL)
    a, Da = np.append(a, a[real]), np.vstack([Da, Da[real]])
    b, Db = np.append(b, -b[real]), np.vstack([Db, -Db[real]])
    Vaa, Vab, Vbb = (np.einsum("ci,ij,cj->c", left, V, right) for left, right in ((Da, Da), (Da, Db), (Db, Db)))
    return Roots(a, b, Vaa, Vab, Vbb, df)
