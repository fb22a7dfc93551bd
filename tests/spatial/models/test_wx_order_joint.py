"""W^2 X as a fifth term of a GNS, and split by regime: against dense likelihoods."""

import numpy as np
import pytest

import spatial as sp
import weights as wt

from .. import naive_regimes as twin
from .. import naive_several
from .test_regimes import drawn

KEYS = {"entity": "id", "correction": False}


def powers(W, x, order):
    """[x, W x, W^2 x ...] of (T, n, k)."""
    out = [x]
    for _ in range(order):
        out.append(np.einsum("ij,tjk->tik", W, out[-1]))
    return np.concatenate(out, axis=2)


@pytest.mark.parametrize("other", [False, True])
def test_gns_with_the_second_lag_is_at_the_maximum_of_the_dense_likelihood(other):
    frame, w, W, _, y, x = drawn(4, n=45, lam=0.2)
    M = np.roll(W, 7, axis=(0, 1)) if other else W
    fit = sp.gns("y ~ a + b", frame, w, wx_order=2, w_error=wt.from_dense(M, w.ids) if other else None, **KEYS)
    X = np.concatenate([np.ones((1, 45, 1)), powers(W, x, 2)], axis=2)
    theta = np.append(fit.params, np.log(fit.sigma2))

    def f(at):
        return naive_several.loglik(at, y, X, [W], [M])

    assert fit.loglik == pytest.approx(f(theta), abs=1e-9)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=1e-4)
    V = np.linalg.inv(-twin.hessian(f, theta))
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V))[:-1], rel=1e-4)
