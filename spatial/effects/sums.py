"""Functions of parameters that are linear in the coefficients given rho, by ratios of likelihoods."""

from __future__ import annotations

import numpy as np

from ..records.fit import FitRecord
from ..records.schema import two_sided
from .likelihood import inference, intervals, ratios_of, statistics
from .mixture import Inference


def inference_of_sums(fit: FitRecord, G: np.ndarray, values: np.ndarray, level: float) -> Inference:
    """Of q sums of parameters, G (q, p): those of rho or lambda alone have the ends of its own interval."""
    ratios, k = ratios_of(fit), fit._sample.k
    result = inference(fit, ratios.sums(G, values - G @ fit.params.to_numpy()), values, level)
    own, table = statistics(fit), intervals(fit, level)
    for row, g in enumerate(G):
        at = np.flatnonzero(g)
        if len(at) == 1 and at[0] >= k and values[row] == g[at[0]] * fit.params.iloc[at[0]]:
            ends = np.sort(g[at[0]] * table.iloc[at[0]].to_numpy())
            result.low[row], result.high[row] = ends
            result.statistic[row] = np.sign(g[at[0]]) * own.iloc[at[0]]
            result.p_value[row] = two_sided(result.statistic[row], fit.df_resid)
    return result


def inference_given_rho(fit: FitRecord, slopes, values: np.ndarray, level: float) -> Inference:
    """Of q functions c(rho)'beta + c_0(rho).

    Parameters
    ----------
    slopes : function of one rho to (q, k + 1)
        c and c_0, smooth between the ends of rho's interval.
    """
    ratios, k, p = ratios_of(fit), fit._sample.k, len(fit.params)
    curves = np.array([slopes(float(rho)) for rho in ratios.rho]).transpose(0, 2, 1)
    picks = np.zeros((k + 1, 1, p + 1))
    picks[range(k), 0, range(k)] = 1
    picks[k, 0, p] = 1
    return inference(fit, ratios.linear(curves, picks), values, level)
