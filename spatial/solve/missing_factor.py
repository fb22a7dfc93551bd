"""Cross-products of the columns of what is missing, factorised: dense or sparse."""

from __future__ import annotations

import numpy as np


class Factor:
    """The Cholesky factor of G'G, or the LU of a sparse one without pivoting."""

    def __init__(self, gram):
        from scipy.linalg import cho_factor, cho_solve
        from scipy.sparse.linalg import splu

        if not gram.shape[1]:
            self.logdet, self.solve = 0.0, lambda right: right
        elif isinstance(gram, np.ndarray):
            factor = cho_factor(gram, lower=True, check_finite=False)
            self.logdet = 2 * float(np.log(np.diag(factor[0])).sum())
            self.solve = lambda right: cho_solve(factor, right, check_finite=False)
        else:
            lu = splu(gram, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
            self.logdet = float(np.log(np.abs(lu.U.diagonal())).sum())
            self.solve = lu.solve
