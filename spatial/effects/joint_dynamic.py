"""Dynamic models with several W or regimes: effects in the short and in the long run, and on the way.

    A y_t = C y_{t-1} + sum_k c_k P_k x_t + ...,    A = I - sum_j rho_j L_j,    C = sum_p a_p Q_p

with L_j = W_j or 1_r W, Q_p = I, W_m, 1_r or 1_r W_m, and P_k as in ``operators``. Responses are

    short run   A^-1 sum_k c_k P_k
    long run    (A - C)^-1 sum_k c_k P_k
    h periods   (A^-1 C)^h A^-1 sum_k c_k P_k, after a change of one period; summed from 0 to h after one that stays

linear in the coefficients c given (rho, a). Their exact distribution is a mixture over rho and a at the points of a
lattice, as that of ``horizon`` is; points that are not stationary are left out of the long run. y_t is stationary where
all roots of A^-1 C are below one in size. Source: Debarsy, Ertur & LeSage (2012, Statistical Methodology 9:158-171).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.past import past_columns
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.schema import SCHEMA
from ..records.several import SeveralRecord
from ..records.tests import TestResult
from .draws import all_draws, from_draws
from .infer import Options, expansion
from .long_run import DynamicEffects, refuse_without_long_run
from .mixture import Inference, settled, summarize
from .nodes import Given, given_lattice
from .operators import Several, lags_of, passages, selectors_of
from .propagate import KINDS
from .regimes import RegimeEffects, by_kind, regime_effects
from .several import JointEffects, SeveralEffects, _inferred, several_effects
from .stationarity import REAL, Roots, Stationarity

MOST = 8  # rho, tau, eta ... of the lattice
UNITS = 300  # up to which an inverse at each of its points is quick: beyond the delta method
BLOCK = 4_000_000  # numbers in the inverses that are computed at a time
STEP = 1e-5  # of central differences
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


@dataclass(frozen=True, eq=False)
class LongRunSource:
    """Average effects in the long run as functions of the parameters: what ``infer`` needs."""

    fit: Several
    system: Dynamics

    def estimates(self, picks: np.ndarray) -> np.ndarray:
        """(effects, V)."""
        return self._of(self.fit.params.to_numpy(), picks)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        """By the delta method: exact derivatives by the coefficients, central differences by rho and a."""
        return _delta_errors(self.fit, self.system, picks, self.system.long_run)

    def sample(self, picks: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """(kept, effects, V): draws that are stationary."""
        sample = all_draws(self.fit, draws, seed)
        kept = sample[self.system.largest_roots(sample[:, self.system.places]) < 1]
        if len(kept) < draws / 2:
            raise _not_determined(f"{draws - len(kept)} of {draws} draws are", self.fit)
        return np.einsum("dkj,kvp,dp->djv", self.system.long_run(kept[:, self.system.places]), picks, kept,
                         optimize=True)  # fmt: skip

    def exact(self, picks: np.ndarray, level: float) -> tuple[None, Inference]:
        estimates = self.estimates(picks).ravel()
        if not np.isfinite(self.fit.vcov.to_numpy()).all():
            return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
        law = self.law
        curves = self.system.long_run(law.points)
        return None, settled(lambda _: law.linear(curves, picks), estimates, level, 1, 1)[1]

    @cached_property
    def law(self) -> Given:
        """The stationary points of the lattice."""
        whole = lattice(self.fit, self.system)
        law = whole.thinned(self.system.largest_roots(whole.points) < 1)
        if not law.inside >= 0.5:
            raise _not_determined(f"{1 - law.inside:.0%} of the distribution of the estimates is", self.fit)
        return law

    def left_out(self) -> float:
        """The share of the estimates' distribution that has no long run."""
        return 1 - self.law.inside

    def likelihood(self, picks: np.ndarray, level: float) -> Inference:
        raise SpatialInputError("E501", "method='likelihood' is for static models", hint="method='quadrature'")

    def _of(self, params: np.ndarray, picks: np.ndarray) -> np.ndarray:
        return np.einsum("kj,kv->jv", self.system.long_run(params[self.system.places][None])[0], picks @ params)


def lattice(fit: Several, system: Dynamics) -> Given:
    """Coefficients given rho and a, at the points of a lattice."""
    R = np.zeros((len(system.places), len(fit.params)))
    R[np.arange(len(R)), system.places] = 1
    return given_lattice(fit.params.to_numpy(), fit.vcov.to_numpy(), R, fit.df_resid, (-np.inf, np.inf))


def _not_determined(what: str, fit: Several) -> SpatialInputError:
    return SpatialInputError("E712", f"{what} not stationary: the long run is not determined "
                             f"({joint_stationarity(fit).line})", hint="method='delta' of fit.effects()")  # fmt: skip


def _delta_errors(fit: Several, system: Dynamics, picks: np.ndarray, curves: Callable) -> np.ndarray:
    """(J, V)."""
    params, places = fit.params.to_numpy(), system.places
    at, k = params[places], len(places)
    points = np.concatenate([at[None], *(at + sign * STEP * np.eye(k) for sign in (1, -1))])
    here, ahead, behind = np.split(curves(points), [1, 1 + k])
    slopes = np.einsum("kj,kvp->jvp", here[0], picks)
    by_place = np.einsum("qkj,kv->jvq", (ahead - behind) / (2 * STEP), picks @ params)
    slopes[:, :, places] += by_place
    return np.sqrt(np.einsum("jvp,pq,jvq->jv", slopes, fit.vcov.to_numpy(), slopes))


class LongRun:
    """What the long run of several W and of regimes share: responses are (A - C)^-1 sum_k c_k P_k x."""

    run = "long-run"
    source: LongRunSource

    def _respond(self, variable: str, change: np.ndarray, period=None) -> np.ndarray:
        self._ids(period)  # type: ignore[attr-defined]
        system, fit = self.source.system, self.source.fit
        parts = zip(self._coefficients(variable), system.passages)  # type: ignore[attr-defined]
        A, C = system.matrices(fit.params.to_numpy()[system.places][None])
        return np.linalg.solve(A[0] - C[0], sum(c * (P @ change) for c, P in parts))

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        raise _not_here("orders of neighbors")

    def by_channel(self) -> pd.DataFrame:
        raise _not_here("channels")

    def by_receiver(self) -> pd.DataFrame:
        raise _not_here("effects by the regime that receives")


def _not_here(what: str) -> SpatialInputError:
    return SpatialInputError("E324", f"{what} are there in the short run", hint="short_run, or matrix(variable) here")


@dataclass(frozen=True, eq=False)
class LongRunOfSeveral(LongRun, JointEffects):
    """The long run of a model with several W."""


@dataclass(frozen=True, eq=False)
class LongRunOfRegimes(LongRun, RegimeEffects):
    """The long run of a model with regimes: terms ``east: x``, and ``x`` over all units."""


@dataclass(frozen=True, eq=False)
class JointDynamicEffects(DynamicEffects):
    """Effects of a dynamic model with several W or regimes.

    Attributes
    ----------
    short_run, convergence : SeveralEffects or RegimeEffects
    long_run : LongRunOfSeveral or LongRunOfRegimes
        By the delta method for more than 300 units, or more than eight rho, tau and eta; see ``long_run.options``.
    """

    fit: SeveralRecord | RegimesRecord = field(repr=False)

    @cached_property
    def short_run(self) -> JointEffects:  # type: ignore[override]
        return self._of_period(None, "short-run")

    @cached_property
    def convergence(self) -> JointEffects:  # type: ignore[override]
        return self._of_period((f"lag({self.fit._design.response})",), "convergence")

    @cached_property
    def stationarity(self) -> JointStationarity:
        return joint_stationarity(self.fit)

    @cached_property
    def long_run(self) -> JointEffects:  # type: ignore[override]
        fit = self.fit
        refuse_without_long_run(fit, self.stationarity)
        source = LongRunSource(fit, dynamics_of(fit))
        variables, options = fit._design.regressors, self._options(source.system)
        inferred = _inferred(source, selectors_of(fit, variables), options)  # type: ignore[arg-type]
        if isinstance(fit, RegimesRecord):
            return LongRunOfRegimes(variables, by_kind(inferred, variables), fit, options, source, "long-run")  # type: ignore[arg-type]
        return LongRunOfSeveral(variables, inferred, fit, options, source, "long-run")

    def path(self, horizon: int = 10) -> pd.DataFrame:
        """As of one W: ``change``, ``horizon``, ``effect``, then the common schema; with regimes terms ``east: x`` and,
        over all units, ``x``."""
        if not (isinstance(horizon, int | np.integer) and horizon >= 0):
            raise SpatialInputError("E501", f"horizon={horizon!r} must be a whole number of periods, 0 or more",
                                    hint="path(10)")  # fmt: skip
        fit, system = self.fit, dynamics_of(self.fit)
        variables, options = fit._design.regressors, self._options(system)
        picks, params = selectors_of(fit, variables), fit.params.to_numpy()

        def curves(points: np.ndarray) -> np.ndarray:
            return system.path(points, horizon)

        at = np.einsum("kj,kv->jv", curves(params[system.places][None])[0], picks @ params)
        if options.method == "delta":
            inference = expansion(at, _delta_errors(fit, system, picks, curves), options.level, fit.df_resid)
        elif options.method == "simulate":
            drawn = all_draws(fit, options.draws, options.seed)
            values = np.einsum("dkj,kvp,dp->djv", curves(drawn[:, system.places]), picks, drawn, optimize=True)
            inference = from_draws(values, at, options.level, fit.df_resid)
        else:
            law = lattice(fit, system)
            inference = summarize(law.linear(curves(law.points), picks), at.ravel(), options.level)
        groups = [f"{label}: " for label in fit.split.labels] if isinstance(fit, RegimesRecord) else []
        labels = [group + name for group in [*groups, ""] for name in variables]
        index = pd.MultiIndex.from_product([("transitory", "permanent"), range(horizon + 1), KINDS, labels],
                                           names=["change", "horizon", "effect", "term"])  # fmt: skip
        table = pd.DataFrame(inference.reshaped(-1).columns(), index=index).reset_index()
        return table[["change", "horizon", "effect", *SCHEMA]]

    def _of_period(self, variables: tuple[str, ...] | None, run: str) -> JointEffects:
        """Under A alone, of the regressors or of the past response."""
        keys = {"method": self.options.method, "level": self.options.level, "draws": self.options.draws,
                "seed": self.options.seed, "variables": variables}  # fmt: skip
        of: Callable = regime_effects if isinstance(self.fit, RegimesRecord) else several_effects
        effects: SeveralEffects | RegimeEffects = of(self.fit, **keys)
        return replace(effects, run=run)

    def _options(self, system: Dynamics) -> Options:
        """Those requested, or the delta method where a lattice would take too long."""
        many = len(system.places) > MOST
        if self.options.method == "quadrature" and many and system.n <= UNITS:
            return replace(self.options, method="simulate")
        if self.options.method in ("quadrature", "simulate") and system.n > UNITS:
            return replace(self.options, method="delta")
        return self.options


def joint_effects_of(fit: FitRecord, *, method: str, level: float, draws: int, seed: int) -> JointDynamicEffects:
    """Effects of a dynamic model with several W or regimes."""
    return JointDynamicEffects(fit, Options(method, level, draws, seed))  # type: ignore[arg-type]
