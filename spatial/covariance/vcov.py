"""Covariances of a fit's parameters: at the door as ``vcov=``, afterwards through ``fit.with_vcov``.

Short names need no settings: ``"classical"`` (errors of one variance; of a likelihood the same as ``"oim"``),
``"oim"``, ``"eim"``, ``"robust"``, ``"hc0"`` and ``"hc1"`` of least squares and two-stage least squares, ``"cluster"``
(by unit), ``"jackknife"`` (likewise, for few units), ``"driscoll_kraay"``, ``"bootstrap"``; objects carry the rest:
``sp.Cluster("region")``, ``sp.Conley(cutoff=300, coords=towns)``, ``sp.Robust(pairs=False)``. After a fit settings
may stand beside the name: ``fit.with_vcov("cluster", by="region")``.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from spillover.errors import SpatialInputError, check_option

from ..design.checks import fits_exactly
from ..design.obs_weights import refuse_weighted
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from .adjusted import ADJUSTED, OfAdjustedScore
from .clustered import Cluster, Robust
from .hac import Conley, DriscollKraay
from .jackknife import Jackknife
from .joint import wald
from .kinds import Bootstrap, Information
from .missing import as_named, of_missing, refuse_beside_reml
from .moments import (
    DynamicMomentCovariance,
    MomentCovariance,
    is_correlated,
    refuse_for_moments,
    refuse_other_estimates,
)
from .random import by_random_ml, refuse_for_random
from .scpc import SCPC
from .serial import refuse_for_serial
from .white import White

F = TypeVar("F", bound=FitRecord)
MODEL_BASED = ("classical", "oim", "eim")

KINDS: dict[str, type] = {
    "classical": Information, "oim": Information, "eim": Information, "robust": Robust, "hc0": White, "hc1": White,
    "cluster": Cluster, "jackknife": Jackknife,
    "conley": Conley, "driscoll_kraay": DriscollKraay, "scpc": SCPC, "bootstrap": Bootstrap,
}  # fmt: skip


def as_vcov(vcov, **settings):
    """A short name with its settings as an object; objects stay as they are.

    Raises
    ------
    SpatialInputError
        E501 unknown name or setting.

    Examples
    --------
    >>> as_vcov("cluster", by="region")
    Cluster(by='region', pairs=True)
    """
    if isinstance(vcov, tuple(KINDS.values())):
        if settings:
            raise SpatialInputError("E501", f"{type(vcov).__name__} carries its own settings; got {list(settings)} too",
                                    hint="set them in the object: sp.Cluster('region')")
        return vcov
    if not isinstance(vcov, str) or vcov not in KINDS:
        check_option("vcov", vcov, KINDS)
    allowed = {one.name for one in fields(KINDS[vcov])} - {"kind"}
    if unknown := sorted(set(settings) - allowed):
        choices = ", ".join(sorted(allowed)) or "none"
        raise SpatialInputError("E501", f"vcov={vcov!r} has no setting {unknown[0]!r}", hint=f"its settings: {choices}")
    if vcov == "classical":
        return Information("oim")
    return KINDS[vcov](vcov) if vcov in ("oim", "eim", "hc0", "hc1") else KINDS[vcov](**settings)


def with_vcov(fit: F, vcov, **settings) -> F:
    """The same estimates with another covariance; ``settings.vcov`` gives it back to any model.

    Raises
    ------
    SpatialInputError
        E501 unknown or impossible for this fit, E1xx ids, E4xx places, E702 not positive definite.
    """
    chosen = _of_method(fit, vcov, settings)
    # least squares whose standard errors would be rounding errors
    exact = not isinstance(fit, MissingRecord) and fits_exactly(fit._sample, fit._solution)
    V, df = np.full(2 * (len(fit._estimates),), np.nan) if exact else chosen.covariance(fit), chosen.df(fit)
    kept = vcov if isinstance(vcov, str) and not settings else as_named(chosen)
    same = kept is fit._settings.vcov
    return replace(fit, _covariance=V, df_resid=df, _settings=fit._settings if same else fit._settings.with_(vcov=kept))


def covariance_of(fit: FitRecord):
    """The covariance that a fit has, as an object."""
    return _of_method(fit, fit._settings.vcov, {})


def describe(fit: FitRecord) -> str:
    """A fit's covariance in words, for headers and notes."""
    return covariance_of(fit).describe(fit)


def _of_method(fit: FitRecord, vcov, settings: dict):
    """The covariance as an object; estimates by moments have their own kinds."""
    of_one_variance = vcov in MODEL_BASED if isinstance(vcov, str) else isinstance(vcov, Information)
    if of_one_variance and fit._design.obs_weights is not None and fit._design.obs_weights.sampling:
        what = f"vcov={vcov!r} with sampling weights, which say nothing of variances,"
        refuse_weighted(fit._design.obs_weights, what, "vcov='robust', or sp.Cluster('region')")
    if fit._settings.method in ADJUSTED:
        if isinstance(fit, MissingRecord):
            refuse_beside_reml(vcov)
        own = OfAdjustedScore(vcov, fit._settings.method)
        if settings:
            raise SpatialInputError("E501", f"vcov={vcov!r} takes no settings, got {sorted(settings)}",
                                    hint="leave the settings out")
        return own
    if isinstance(fit, MissingRecord):
        return of_missing(vcov, as_vcov(vcov, **settings))
    if fit._settings.method != "gmm":
        chosen = as_vcov(vcov, **settings)
        if fit._settings.random is not None and by_random_ml(fit):
            refuse_for_random(fit._settings.random.error, chosen, fit)
        if fit._settings.serial is not None:
            refuse_for_serial(chosen, fit)
        return chosen
    if isinstance(vcov, SCPC) or vcov == "scpc":
        return as_vcov(vcov, **settings)
    if is_correlated(vcov, settings) and not fit._design.lags:
        chosen = as_vcov(vcov, **settings)
        refuse_for_moments(chosen, fit.specification, fit._settings.effects)
        if fit.specification.error:
            refuse_other_estimates(fit, "driscoll_kraay")
        if fit._settings.effects.random:
            refuse_for_random(None, chosen, fit)
        return chosen
    by_gmm = DynamicMomentCovariance(vcov) if fit._design.lags else MomentCovariance(vcov)
    if settings:
        raise SpatialInputError("E501", f"vcov={vcov!r} of method='gmm' takes no settings, got {sorted(settings)}",
                                hint="leave the settings out")
    return by_gmm


def wald_of(fit: FitRecord, value: np.ndarray, slopes: np.ndarray) -> tuple[float, int | tuple[int, float]]:
    """The Wald statistic of g = 0, and the law that the fit's covariance allows.

    ``slopes`` (q, p) are the derivatives of g by the parameters.

    After the information matrix and adjusted scores F(q, n - p), or chi2 where the fit has normal statistics.
    """
    V, chosen = slopes @ fit.vcov.to_numpy() @ slopes.T, covariance_of(fit)
    if fit.df_resid is None:
        return wald(value, V)
    if not isinstance(chosen, Information | OfAdjustedScore):
        return wald(value, V, fit.df_resid)
    statistic, q = wald(value, V)
    return statistic / q, (q, fit.df_resid)
