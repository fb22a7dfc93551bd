"""Scores of a spatial lag and a spatial error when the errors' variances differ in an unknown way.

With M off X and the effects, C = M W M, s_i = e_i^2 / M_ii and v = M W X b the scores and their variances are

    d_lambda = e'C e - sum_i C_ii s_i            T = 1/2 sum_{i != j} (C_ij + C_ji)^2 s_i s_j
    d_rho    = v'e + d_lambda                    J = sum_i v_i^2 s_i + T

Source: Kelejian & Prucha (2001, J. Econometrics 104:219-257), on quadratic forms; Born & Breitung (2011, Econometrics
Journal 14:330-342), on tests that are robust to heteroskedasticity.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.checks import refuse_psi, refuse_without_residuals
from ..records.fit import FitRecord
from .lm import among_rows, lagger, transformed, without

ROWS_MAX = 3_000  # M is dense


def uneven_scores(fit: FitRecord) -> tuple[float, float, float, float]:
    """d_rho, d_lambda, T and J.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 rows.
    """
    refuse_psi(fit, "an LM test", "compare fits by sp.lr_test(small, large)")
    refuse_without_residuals(fit)
    fit, of_starts = among_rows(fit)
    d, e = fit._design, fit._solution.resid
    m = len(e)
    if m > ROWS_MAX:
        raise SpatialInputError("E309", f"errors='unequal' needs a dense {m:,} x {m:,} matrix", n=m,
                                hint="errors='equal', or fewer periods")  # fmt: skip
    M = d.rows(d.within(d.panel(np.eye(m)), transformed(fit)))
    Q = np.linalg.qr(fit._sample.X)[0]
    M = M - Q @ Q.T
    C = M @ (_stacked(fit) @ M)
    s = np.divide(e**2, M.diagonal(), out=np.zeros(m), where=M.diagonal() > 1e-10)
    y = d.rows(d.y) if transformed(fit) else fit._sample.y
    v = without(fit, lagger(fit)(y - e) + of_starts)
    both = C + C.T
    np.fill_diagonal(both, 0.0)
    T = float(s @ both**2 @ s) / 2
    error = float(e @ C @ e - C.diagonal() @ s)
    return float(v @ e) + error, error, T, float(v**2 @ s) + T


def _stacked(fit: FitRecord) -> sparse.csr_array:
    """W of all rows, block by block."""
    d = fit._design
    if d.weights.varies:
        return d.weights.stacked.csr
    return sparse.csr_array(sparse.block_diag([d.weights.csr] * d.n_periods, format="csr"))
