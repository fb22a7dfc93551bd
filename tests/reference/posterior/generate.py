"""Marginal likelihoods of small cross-sections by mpmath, 25 digits: python generate.py > results.json

Another road than the package's: y* = B A y given sigma is normal with covariance sigma^2 (I + g P), P the projection
on the slopes after the intercept; the flat intercept is integrated by its normal integral, rho and lambda by
tanh-sinh and Gauss-Legendre quadrature, sigma by its gamma integral, which is checked by quadrature.
"""

import json

import mpmath as mp
import numpy as np

mp.mp.dps = 25
N = 7


def data():
    rng = np.random.default_rng(11)
    W = rng.random((N, N)) * (rng.random((N, N)) < 0.5)
    np.fill_diagonal(W, 0)
    W[W.sum(1) == 0, 0] = 1
    W = W / W.sum(1, keepdims=True)
    x = rng.standard_normal(N).round(3)
    y = (1 + x + rng.standard_normal(N)).round(3)
    return y, x, W


def ends(W):
    values = np.linalg.eigvals(W)
    real = values.real[abs(values.imag) < 1e-9]
    return 1 / real.min(), 1 / real.max()


def conditional(y, x, W, rho, lam, g, by_quadrature=False):
    """p(y | rho, lambda): |A| |B| times the density of y* integrated over the intercept and sigma."""
    eye = mp.eye(N)
    Wm = mp.matrix(W.tolist())
    A, B = eye - rho * Wm, eye - lam * Wm
    ystar = B * (A * mp.matrix(y.tolist()))
    one, xs = B * mp.matrix([1] * N), B * mp.matrix(x.tolist())
    xs = xs - one * ((one.T * xs)[0] / (one.T * one)[0])
    V = eye + g * xs * xs.T / (xs.T * xs)[0]
    Vi = V**-1
    a, b, c = (one.T * Vi * one)[0], (one.T * Vi * ystar)[0], (ystar.T * Vi * ystar)[0]
    q = c - b**2 / a  # what is left after the best intercept
    scale = mp.fabs(mp.det(A)) * mp.fabs(mp.det(B)) / mp.sqrt(mp.det(V) * a)

    d = mp.mpf(N - 1) / 2
    if by_quadrature:

        def f(t):  # t = log sigma^2, so that 1 / sigma^2 d sigma^2 = dt
            s2 = mp.e**t
            return (2 * mp.pi * s2) ** -d * mp.e ** (-q / (2 * s2))

        middle = mp.log(q / (N - 1))
        return scale * mp.quad(f, [middle - 12, middle - 4, middle, middle + 4, middle + 12, middle + 60])
    return scale * mp.gamma(d) * (mp.pi * q) ** -d


def main():
    y, x, W = data()
    lo, hi = map(mp.mpf, ends(W))
    g, width = mp.mpf(N), mp.mpf(hi) - mp.mpf(lo)
    check = [conditional(y, x, W, mp.mpf("0.3"), mp.mpf("-0.2"), g, by) for by in (True, False)]
    assert abs(check[0] / check[1] - 1) < 1e-15
    cuts = [lo, lo / 2, 0, hi / 2, hi * mp.mpf("0.9"), hi]
    sar = mp.quad(lambda r: conditional(y, x, W, r, 0, g) / width, cuts)
    sem = mp.quad(lambda r: conditional(y, x, W, 0, r, g) / width, cuts)
    mp.mp.dps = 15
    z, steps = np.polynomial.legendre.leggauss(16)
    nodes = np.concatenate([-1 + (z + 2 * panel + 1) / 3 for panel in range(3)])
    weights = np.tile(steps / 3, 3)
    total = mp.mpf(0)
    points = [(hi + lo) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (1 + n) / 2) for n in nodes]
    steps = [w * mp.pi / 2 * mp.sin(mp.pi * (1 + n) / 2) / 2 for n, w in zip(nodes, weights)]
    for r, dr in zip(points, steps):
        for m, dm in zip(points, steps):
            total += conditional(y, x, W, r, m, g) * dr * dm
    out = {
        "versions": {"mpmath": mp.__version__}, "y": y.tolist(), "x": x.tolist(), "W": W.tolist(),
        "log_marginal": {"SAR": float(mp.log(sar)), "SEM": float(mp.log(sem)), "SAC": float(mp.log(total))},
    }  # fmt: skip
    print(json.dumps(out, indent=1))


main()
