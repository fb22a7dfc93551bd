"""spreg's models with regimes on columbus, core against periphery: coefficients, likelihoods, Chow tests.

    python tests/reference/peers/regimes_spreg.py      (spreg, libpysal; versions are in the output)
"""

import json
import warnings
from pathlib import Path

import libpysal
import numpy as np
import spreg

import shapefiles
import weights as wt

warnings.simplefilter("ignore")
columbus = shapefiles.load("columbus")
built = wt.queen(columbus).standardize("row")
W = built.csr.toarray()
neighbors = {i: np.flatnonzero(row).tolist() for i, row in enumerate(W)}
w = libpysal.weights.W(neighbors, {i: W[i, at].tolist() for i, at in neighbors.items()}, silence_warnings=True)
y, x = columbus[["CRIME"]].to_numpy(), columbus[["INC", "HOVAL"]].to_numpy()
regimes = columbus["CP"].map({0: "out", 1: "core"}).tolist()

ols = spreg.OLS_Regimes(y, x, regimes, regime_err_sep=False)
lag = spreg.ML_Lag_Regimes(y, x, regimes, w=w, regime_lag_sep=False, method="full")
error = spreg.ML_Error_Regimes(y, x, regimes, w=w, regime_err_sep=False, method="full")
out = {"versions": {"spreg": spreg.__version__, "libpysal": libpysal.__version__},
       "ols": {"betas": ols.betas.ravel().tolist(), "chow": [row[0] for row in np.asarray(ols.chow.regi)],
               "joint": float(ols.chow.joint[0])}}  # fmt: skip
for name, fit in (("sar", lag), ("sem", error)):
    out[name] = {"betas": fit.betas.ravel().tolist(), "loglik": float(fit.logll),
                 "chow": [row[0] for row in np.asarray(fit.chow.regi)], "joint": float(fit.chow.joint[0])}  # fmt: skip
Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")
