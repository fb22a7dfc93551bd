"""Other packages on the same samples: 95 % intervals as they print them.

A peer is a function (world, data) -> {measure: (low, high)}. "spatialreg" and "xsmle, splm" are computed by
``correction=False``: their likelihood and estimates (``tests/spatial/models``), with the observed information, and
effects from 1,000 draws, as ``impacts`` does.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
from scipy import sparse

import spatial as sp

from .cross import LAGGED_X
from .maps import weights_of

NORMAL = 1.959963984540054
SLX_KEYS = {"slx_lags": 1}


def spreg_ml(world, data):
    """ML_Lag or ML_Error; Durbin models by ``slx_lags=1``. No effects' intervals."""
    import spreg

    y, X, w, keys = _arrays(world, data)
    with contextlib.redirect_stdout(io.StringIO()):
        if world.model in ("sem", "sdem"):
            fit, name = spreg.ML_Error(y, X, w, **keys), "lambda"
        else:
            fit, name = spreg.ML_Lag(y, X, w, **keys), "rho"
    return _from_spreg(fit, {"beta": 1, name: len(fit.betas) - 1})


def spreg_gmm(world, data):
    """GM_Lag with White's standard errors, or GM_Combo_Het."""
    import spreg

    y, X, w, keys = _arrays(world, data)
    with contextlib.redirect_stdout(io.StringIO()):
        if world.model == "sac":
            fit = spreg.GM_Combo_Het(y, X, w=w, w_lags=2)
            return _from_spreg(fit, {"beta": 1, "rho": len(fit.betas) - 2, "lambda": len(fit.betas) - 1})
        fit = spreg.GM_Lag(y, X, w=w, w_lags=2, robust="white", **keys)
    return _from_spreg(fit, {"beta": 1, "rho": len(fit.betas) - 1})


def spreg_panel(world, data):
    """ML_LagFE or ML_ErrorFE, which have unit effects only: period means are taken out before."""
    import spreg

    data = data.sort_values(["t", "i"])
    columns = ["y", *_names(world)]
    values = data[columns] - data.groupby("t")[columns].transform("mean")
    y, X = values[["y"]].to_numpy(), values[columns[1:]].to_numpy()
    with contextlib.redirect_stdout(io.StringIO()):
        lag = world.model in ("sar", "sdm")
        fit = (spreg.ML_LagFE if lag else spreg.ML_ErrorFE)(y, X, _w(world))
    return _from_spreg(fit, {"beta": 0, "rho" if lag else "lambda": len(fit.betas) - 1})


def uncorrected(world, data):
    """The formula of spatialreg (cross-sections) and of xsmle and splm (panels)."""
    keys = {"entity": "i", "time": "t", "effects": world.effects} if "t" in data else {}
    names = " + ".join(_names(world))
    fit = getattr(sp, world.model)(f"y ~ {names}", data, weights_of(world.w, len(world.W)), correction=False, **keys)
    ends, terms = fit.conf_int(), {"rho": "rho", "lambda": "lambda", "beta": "x1"}
    measured = {measure: tuple(ends.loc[term]) for measure, term in terms.items() if term in ends.index}
    if world.model in ("sar", "sdm"):
        effects = fit.effects(method="simulate")
        kinds = ("direct", "indirect", "total")
        measured |= dict(zip(kinds, zip(effects.conf_low[:, 0], effects.conf_high[:, 0])))
    return measured


def linearmodels_panel(world, data):
    """PanelOLS, clustered by unit, or Driscoll-Kraay where the errors have a common shock."""
    from linearmodels.panel import PanelOLS

    frame = data.set_index(["i", "t"])
    model = PanelOLS(frame["y"], frame[_names(world)], entity_effects=True, time_effects=world.effects == "twoway")
    factor = world.errors == "factor"
    fit = model.fit(cov_type="kernel") if factor else model.fit(cov_type="clustered", cluster_entity=True)
    ends = fit.conf_int().loc["x1"]
    return {"beta": (ends["lower"], ends["upper"])}


def pyfixest_panel(world, data):
    """feols with unit and period effects, clustered by unit (CRV1, t(N - 1))."""
    import pyfixest

    effects = "i + t" if world.effects == "twoway" else "i"
    fit = pyfixest.feols(f"y ~ {' + '.join(_names(world))} | {effects}", data, vcov={"CRV1": "i"})
    ends = fit.confint().loc["x1"]
    return {"beta": tuple(ends)}


def attempted(peer):
    """The peer; no intervals where it stops with an error, which counts neither for it nor against it."""

    def intervals(world, data):
        try:
            return peer(world, data)
        except ImportError:
            raise
        except Exception:  # spreg raises no other
            return {}

    return intervals


PEERS = {
    "spreg ML": attempted(spreg_ml),
    "spreg GM": attempted(spreg_gmm),
    "spreg panel": attempted(spreg_panel),
    "spatialreg": uncorrected,
    "xsmle, splm": uncorrected,
    "linearmodels": linearmodels_panel,
    "pyfixest": pyfixest_panel,
}


def _names(world) -> list[str]:
    return [f"x{j + 1}" for j in range(world.k)]


def _w(world):
    from libpysal.weights import WSP, WSP2W

    return WSP2W(WSP(sparse.csr_matrix(world.W)), silence_warnings=True)


def _arrays(world, data):
    keys = SLX_KEYS if world.model in LAGGED_X else {}
    return data[["y"]].to_numpy(), data[_names(world)].to_numpy(), _w(world), keys


def _from_spreg(fit, places: dict[str, int]) -> dict[str, tuple[float, float]]:
    """z intervals, as spreg prints z statistics."""
    values, errors = np.ravel(fit.betas), np.sqrt(np.diag(fit.vm))
    return {name: (values[j] - NORMAL * errors[j], values[j] + NORMAL * errors[j]) for name, j in places.items()}
