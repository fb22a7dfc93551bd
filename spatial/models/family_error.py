"""Models with a spatial error: sem, sdem, sac and gns. ``spatial.models.family`` tells what they share."""

from __future__ import annotations

import pandas as pd

from ..design.specification import Specification
from .estimate import estimate
from .fit import Fit

SEM = Specification("SEM", lag=False, error=True, durbin=False)
SDEM = Specification("SDEM", lag=False, error=True, durbin=True)
SAC = Specification("SAC", lag=True, error=True, durbin=False)
GNS = Specification("GNS", lag=True, error=True, durbin=True)


def sem(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, method: str = "ml",
    w_error=None, random_error: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """Spatial error model: y = X beta + u, u = lambda M u + e.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    w_error : weights, optional
        M, the weights of the error process; W by default.
    random_error : {"kkp", "baltagi"}
        Random unit effects inside the error process (the default) or beside it.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values, E3xx weights,
        E5xx formula or options, E701 lambda on the edge of its interval, E702 information not
        positive definite, E704 not identified by the instruments.

    References
    ----------
    Ord (1975), JASA 70:120-126; Anselin (1988), Spatial Econometrics, ch. 6; by moments Kelejian & Prucha
    (1999), International Economic Review 40:509-533, and (2010), J. Econometrics 157:53-67.
    """
    return estimate(SEM, **locals())


def sdem(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, wx_order: int = 1,
    method: str = "ml",
    w_error=None, random_error: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """Spatial Durbin error model: y = X beta + W X theta + u, u = lambda M u + e.

    Local spillovers only: effects are beta and theta.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    w_error : weights, optional
        M, the weights of the error process; W by default.
    random_error : {"kkp", "baltagi"}
        Random unit effects inside the error process (the default) or beside it.
    wx_order : {1, 2}
        2 adds W^2 X, named ``W2:x``.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        As ``sdm``, E701 for lambda.

    References
    ----------
    LeSage (2014), What regional scientists need to know about spatial econometrics.
    """
    return estimate(SDEM, **locals())


def sac(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, method: str = "ml",
    w_error=None, random_error: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """Spatial lag and spatial error together (SARAR): y = rho W y + X beta + u, u = lambda M u + e.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    w_error : weights, optional
        M, the weights of the error process; W by default.
    random_error : {"kkp", "baltagi"}
        Random unit effects inside the error process (the default) or beside it.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        As ``sdm``, E701 for rho or lambda.

    References
    ----------
    Anselin (1988), ch. 6; LeSage & Pace (2009), section 2.7; by moments Kelejian & Prucha (1998) and (2010),
    Arraiz, Drukker, Kelejian & Prucha (2010), J. Regional Science 50:592-614.
    """
    return estimate(SAC, **locals())


def gns(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, method: str = "ml",
    w_error=None, random_error: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """General nesting model: y = rho W y + X beta + W X theta + u, u = lambda M u + e.

    It nests all others; with W and M the same it is weakly identified: a model to test from.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    w_error : weights, optional
        M, the weights of the error process; W by default.
    random_error : {"kkp", "baltagi"}
        Random unit effects inside the error process (the default) or beside it.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        As ``sdm``, E701 for rho or lambda.

    References
    ----------
    Elhorst (2014), Spatial Econometrics, section 2.2; Burridge, Elhorst & Zigova (2017).
    """
    return estimate(GNS, **locals())
