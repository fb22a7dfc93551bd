"""ln L over (rho, lambda), beta and sigma2 concentrated out: values and derivatives from cross-products.

    q = e'e = a'S(lambda) a,    a = (1, -rho)',    ln L = -n/2 (ln(2 pi q / n) + 1) + ln|A| + ln|B|

Arrays have the samples on one axis.
"""

from __future__ import annotations

import numpy as np


def concentrated(points, products, sample) -> tuple[list, list, list, list, np.ndarray]:
    """rho, lambda, ln L, q and G of R samples at their points (p, R), beta and sigma2 concentrated out.

    X takes Q'(y - rho W y) + G a.
    """
    none = np.zeros(len(products[0]))
    rho, lam = none if sample.lag is None else points[0], none if sample.error is None else points[-1]
    S, inverses = form_of(products, lam)
    q = value_of(S, rho)
    loglik = -sample.n / 2 * (np.log(2 * np.pi * q / sample.n) + 1)
    for part, at in ((sample.lag, rho), (sample.error, lam)):
        loglik = loglik if part is None else loglik + part.value(at)
    G = np.zeros((len(none), 1, 2)) if inverses is None else inverses[1]
    return rho.tolist(), lam.tolist(), loglik.tolist(), q.tolist(), G


def expansion(point, products, sample):
    """(ln L, score (p, R), Hessian and K (p, p, R)) of the concentrated likelihood at the points (p, R).

    The Hessian is K + n/2 q_a q_b / q^2; K, that of -n/2 q / q(point) + L, is negative definite on a larger region.
    """
    rho, lam = 0.0 if sample.lag is None else point[0], 0.0 if sample.error is None else point[-1]
    S, inverses = form_of(products, lam)
    q = value_of(S, rho)
    if sample.error is None:
        q_a, q_ab = [2 * (rho * S[2] - S[1])], [[2 * S[2]]]
    else:
        S1, S2 = _derivatives_of(products, lam, inverses)
        q_a, q_ab = [value_of(S1, rho)], [[value_of(S2, rho)]]
        if sample.lag is not None:
            mixed = 2 * (rho * S1[2] - S1[1])
            q_a, q_ab = [2 * (rho * S[2] - S[1]), *q_a], [[2 * S[2], mixed], [mixed, *q_ab[0]]]
    half = sample.n / 2
    g = np.array(q_a) / q
    K = -half * (np.array(q_ab) / q)
    score = -half * g
    value = -half * (np.log(2 * np.pi * q / sample.n) + 1)
    for i, part in enumerate([part for part in (sample.lag, sample.error) if part is not None]):
        L, L1, L2 = part.expansion(point[i])
        value, score[i], K[i, i] = value + L, score[i] + L1, K[i, i] + L2
    return value, score, K + half * (g[:, None] * g), K


def form_of(products, lam):
    """S(lambda) as (S_11, S_12, S_22), and the inverses that its derivatives need.

    With C = Z'Z - lambda (Z'MZ + its transpose) + lambda^2 (MZ)'MZ and D = (I, -G)', G = C_QQ^-1 C_Qa: S = D'C D.
    """
    if len(products) == 1:
        S = products[0]
        return (S[..., 0, 0], S[..., 0, 1], S[..., 1, 1]), None
    zz, mixed, mm = products
    lam = np.asarray(lam)[..., None, None]
    C = zz - lam * mixed + lam**2 * mm
    try:
        inverse = np.linalg.inv(C[..., 2:, 2:])
    except np.linalg.LinAlgError:  # B U of dummies U at the end of the interval of lambda
        inverse = np.linalg.pinv(C[..., 2:, 2:], hermitian=True)
    G = inverse @ C[..., 2:, :2]
    return _quadratic(C, G), (inverse, G)


def _derivatives_of(products, lam, inverses):
    """S' = D'C'D and S'' = D'C''D - 2 (C'D)_Q' C_QQ^-1 (C'D)_Q: the second term is the effect of G."""
    _, mixed, mm = products
    inverse, G = inverses
    C1 = 2 * lam[:, None, None] * mm - mixed
    K = C1[:, 2:, :2] - C1[:, 2:, 2:] @ G
    back = K.swapaxes(1, 2) @ (inverse @ K)
    S2 = (2 * (s - b) for s, b in zip(_quadratic(mm, G), (back[:, 0, 0], back[:, 0, 1], back[:, 1, 1])))
    return _quadratic(C1, G), tuple(S2)


def filtered(products, lam: float):
    """Of one sample C_QQ^-1 = (Q'B'B Q)^-1 and the two derivatives of C_QQ by lambda."""
    zz, mixed, mm = (p[0, 2:, 2:] for p in products)
    return np.linalg.inv(zz - lam * mixed + lam**2 * mm), 2 * lam * mm - mixed, 2 * mm


def _quadratic(C, G):
    """D'C D for D = (I, -G)', its three elements."""
    top = C[..., :2, :2] - C[..., :2, 2:] @ G
    rest = C[..., 2:, :2] - C[..., 2:, 2:] @ G
    D = top - G.swapaxes(-1, -2) @ rest
    return D[..., 0, 0], D[..., 0, 1], D[..., 1, 1]


def value_of(S, rho):
    """a'S a."""
    return S[0] + rho * (rho * S[2] - 2 * S[1])
