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

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.schema import SCHEMA
from ..records.several import SeveralRecord
from .draws import all_draws, from_draws
from .infer import Options, expansion
from .joint_system import Dynamics, JointStationarity, dynamics_of, joint_stationarity
from .long_run import DynamicEffects, refuse_without_long_run
from .mixture import Inference, settled, summarize
from .nodes import Given, given_lattice
from .operators import Several, selectors_of
from .propagate import KINDS
from .regimes import RegimeEffects, by_kind, regime_effects
from .several import JointEffects, SeveralEffects, _inferred, several_effects

MOST = 8  # rho, tau, eta ... of the lattice
UNITS = 300  # up to which an inverse at each of its points is quick: beyond the delta method
STEP = 1e-5  # of central differences


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
