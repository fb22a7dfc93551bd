"""Slow, dense twin of dynamic panels under any effects, weights and regimes: one system of all rows, no shortcut.

The score of e = (I - P) R B (A y - Z b), P the projection on R B D, less its exact mean; every matrix is (T N, T N)."""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import root


@dataclass
class Panel:
    """y (T + 1, N), the first period the starting value; ``past`` matrices (N, N) that lag y_{t-1}; ``lags`` those that
    lag y_t; ``errors`` M; Z (T, N, k) the regressors without a past; D (T N, q) dummies; w (T, N) weights."""

    y: np.ndarray
    Z: np.ndarray
    past: list
    lags: list
    errors: list
    D: np.ndarray
    w: np.ndarray
    groups: np.ndarray = field(default=None)

    def __post_init__(self):
        self.T, self.N = self.Z.shape[:2]
        before, self.now = self.y[:-1], self.y[1:].ravel()
        own = [(before @ P.T).ravel() for P in self.past]
        self.X = np.column_stack([*own, self.Z.reshape(self.T * self.N, -1)])
        self.groups = np.zeros(self.N, dtype=int) if self.groups is None else self.groups
        self.S = self.groups.max() + 1

    def split(self, theta):
        """b (those of the past first), rho, lambda, sigma2 of every group."""
        k, J, L = self.X.shape[1], len(self.lags), len(self.errors)
        return theta[:k], theta[k : k + J], theta[k + J : k + J + L], theta[k + J + L :]

    def whole(self, values, matrices):
        """I - sum of values times matrices, of all periods."""
        one = np.eye(self.N) - sum((v * M for v, M in zip(values, matrices)), np.zeros((self.N, self.N)))
        return block_diag(*[one] * self.T)

    def parts(self, theta):
        """e, I - P, R, B and the score without means, b and rho and lambda first, variances last."""
        b, rho, lam, s2 = self.split(theta)
        R = np.diag(np.sqrt(self.w / s2[self.groups]).ravel())
        A, B = self.whole(rho, self.lags), self.whole(lam, self.errors)
        E = R @ B @ self.D
        Q = np.eye(len(R)) - E @ np.linalg.pinv(E)
        u = A @ self.now - self.X @ b
        e = Q @ R @ B @ u
        columns = [*(R @ B @ self.X).T]
        columns += [R @ B @ block_diag(*[W] * self.T) @ self.now for W in self.lags]
        left = np.linalg.solve(R @ B, e)  # u without its effects
        columns += [R @ block_diag(*[M] * self.T) @ left for M in self.errors]
        return e, Q, R, B, np.array([c @ e for c in columns])

    def means(self, theta):
        """E of the score of the past, of rho and of lambda; tr (I - P) of every group."""
        b, rho, _, _ = self.split(theta)
        _, Q, R, B, _ = self.parts(theta)
        step = sum((a * P for a, P in zip(b, self.past)), np.zeros((self.N, self.N)))
        system = self.whole(rho, self.lags) - np.kron(np.eye(self.T, k=-1), step)
        inverse = np.linalg.inv(R @ B)
        y = np.linalg.solve(system, inverse)
        shift = np.kron(np.eye(self.T, k=-1), np.eye(self.N))
        past = [np.trace(Q @ R @ B @ block_diag(*[P] * self.T) @ shift @ y) for P in self.past]
        now = [np.trace(Q @ R @ B @ block_diag(*[W] * self.T) @ y) for W in self.lags]
        error = [np.trace(Q @ R @ block_diag(*[M] * self.T) @ inverse) for M in self.errors]
        left = np.bincount(np.tile(self.groups, self.T), np.diag(Q))
        return np.array(past), np.array(now), np.array(error), left

    def score(self, theta):
        """Less its mean."""
        e, *_, score = self.parts(theta)
        past, now, error, left = self.means(theta)
        k, s2 = self.X.shape[1], self.split(theta)[3]
        means = np.concatenate([past, np.zeros(k - len(past)), now, error])
        squares = np.bincount(np.tile(self.groups, self.T), e**2)
        return np.concatenate([score - means, (squares - left) / (2 * s2)])

    def loglik(self, theta, periods, lost=0.0):
        """The likelihood whose maximum is corrected: ``periods`` log|A| and log|B|, ``lost`` more rows than these do
        not count; of one variance."""
        _, rho, lam, s2 = self.split(theta)
        e = self.parts(theta)[0]
        determinants = sum(np.linalg.slogdet(self.whole(v, M))[1] for v, M in ((rho, self.lags), (lam, self.errors)))
        n = self.T * self.N - lost
        return periods / self.T * determinants - n / 2 * np.log(s2[0]) - e @ e / 2

    def estimates(self, start):
        at = root(self.score, start, tol=1e-13)
        assert at.success, at.message
        return at.x


def dummies(T, N, unit=True, time=False, groups=None):
    """Of units, periods, and groups of units in every period."""
    columns = [np.zeros((T * N, 0))]
    if unit:
        columns.append(np.kron(np.ones((T, 1)), np.eye(N)))
    if time:
        columns.append(np.kron(np.eye(T), np.ones((N, 1))))
    if groups is not None:
        columns.append(np.kron(np.eye(T), np.eye(groups.max() + 1)[groups]))
    return np.hstack(columns)


def slopes(function, at, step=1e-5):
    """Derivatives by central differences, one column for each parameter."""
    columns = []
    for j in range(len(at)):
        move = np.zeros(len(at))
        move[j] = step * max(abs(at[j]), 0.1)
        columns.append((np.asarray(function(at + move)) - np.asarray(function(at - move))) / (2 * move[j]))
    return np.stack(columns, axis=-1)
