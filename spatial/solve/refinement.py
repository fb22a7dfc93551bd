"""Least squares of ill-conditioned regressors: iterative refinement, residuals in twice the working precision.

With X = Q R and the augmented system  r + X beta = y,  X'r = 0, each step solves

    f = y - r - X beta,   g = -X'r      (in about 32 digits, then rounded)
    step = Q'f - R'^-1 g,   beta += R^-1 step,   r += f - Q step

and takes away errors of order cond(X) times machine precision (Bjorck 1967, BIT 7:257-278; 1996, Numerical Methods for
Least Squares Problems, section 2.9.3). What is left is the rounding of the regressors themselves. Products and sums
without error: Dekker (1971); Knuth; dot products as in Ogita, Rump & Oishi (2005, SIAM J. Sci. Comput. 26:1955-1988).
"""

from __future__ import annotations

import numpy as np

from ..design.arrays import solve_triangular

DIGITS_LOST = 1e-10  # relative error of a coefficient that plain arithmetic may leave: papers print fewer digits
MAX_STEPS = 4
SPLITTER = 2.0**27 + 1
EPSILON = float(np.finfo(float).eps)


def loses_digits(R: np.ndarray, y: np.ndarray, beta: np.ndarray) -> bool:
    """Whether rounding y and X in their last place moves a coefficient by more than DIGITS_LOST of itself.

    Relative changes eps of y and of the columns x_k move beta_j by up to eps (|y| + sum |x_k| |beta_k|) times the
    length of row j of R^-1, R (k, k).
    """
    if not len(beta):
        return False
    inverse = solve_triangular(R, np.eye(len(R)))
    size = EPSILON * (np.sqrt(y @ y) + np.sqrt((R * R).sum(axis=0)) @ np.abs(beta))
    return bool((size * np.sqrt((inverse * inverse).sum(axis=1)) > DIGITS_LOST * np.abs(beta)).any())


def refined(X: np.ndarray, y: np.ndarray, Q: np.ndarray, R: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """beta (k,) of least squares of y (m,) on X (m, k), from beta as plain arithmetic has it."""
    r = y - X @ beta
    for _ in range(MAX_STEPS):
        f = _residuals(X, y, r, beta)
        step = Q.T @ f + solve_triangular(R, _crossproduct(X, r), transposed=True)
        change = solve_triangular(R, step)
        beta, r = beta + change, r + f - Q @ step
        if np.all(np.abs(change) <= EPSILON * np.abs(beta)):
            break
    return beta


def _residuals(X, y, r, beta):
    """y - r - X beta."""
    total, lost = _sum(y, -r)
    for column, b in zip(X.T, beta):
        product, error = _product(column, -b)
        total, rounding = _sum(total, product)
        lost = lost + (rounding + error)
    return total + lost


def _crossproduct(X, r):
    """X'r; half of the rows is added to the other half until one is left."""
    total, lost = _product(X, r[:, None])
    lost = lost.sum(axis=0)
    while len(total) > 1:
        half = len(total) // 2
        pairs, rounding = _sum(total[:half], total[half : 2 * half])
        lost = lost + rounding.sum(axis=0)
        total = np.concatenate([pairs, total[2 * half :]])
    return total[0] + lost


def _sum(a, b):
    """a + b and what its rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _product(a, b):
    """a b and what its rounding lost (Dekker)."""
    product = a * b
    a1, a2 = _halves(a)
    b1, b2 = _halves(b)
    return product, a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a):
    """The leading 26 bits of a, and the rest."""
    scaled = SPLITTER * a
    head = scaled - (scaled - a)
    return head, a - head
