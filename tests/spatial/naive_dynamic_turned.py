"""Slow, dense twin of dynamic panels whose effects a spatial error turns: W, M and rows of every period their own.

The score of e = (I - P) B (A y - Z b) over the rows that have a past, P the projection on B D, less its exact mean;
every matrix is (T N, T N)."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import root


@dataclass
class Turned:
    """y (T + 1, N), the first period the starting value; X (T, N, k) regressors without a past; W (T + 1, N, N) of y,
    M (T, N, N) of the error; rows (T, N) of bool; D (T N, q) dummies; past among "y", "Wy"."""

    y: np.ndarray
    X: np.ndarray
    W: np.ndarray
    M: np.ndarray
    rows: np.ndarray
    D: np.ndarray
    past: tuple
    lag: bool

    def __post_init__(self):
        T, N = self.rows.shape
        eye = np.eye(N)
        self.keep, self.n = self.rows.ravel(), T * N
        shift = np.kron(np.eye(T, k=-1), eye)
        # 1. Matrices on y of all periods but the first, and what the first period adds.
        W_before = np.zeros((T * N, T * N))
        for t in range(1, T):
            W_before[t * N : (t + 1) * N, (t - 1) * N : t * N] = self.W[t]
        self.P = [{"y": shift, "Wy": W_before}[name] for name in self.past]
        first = {"y": self.y[0], "Wy": self.W[0] @ self.y[0]}
        start = [np.concatenate([first[name], np.zeros((T - 1) * N)]) for name in self.past]
        self.now, self.Ws, self.Ms = self.y[1:].ravel(), block_diag(*self.W[1:]), block_diag(*self.M)
        own = [P @ self.now + s for P, s in zip(self.P, start)]
        self.Z = np.column_stack([*own, self.X.reshape(T * N, -1)])
        self.k = self.Z.shape[1]

    def parts(self, theta):
        """b, rho, lambda, sigma2; A and, over the rows, B and I - P."""
        b, rho = theta[: self.k], theta[self.k] if self.lag else 0.0
        lam, s2 = theta[-2:]
        cut = np.ix_(self.keep, self.keep)
        B = (np.eye(self.n) - lam * self.Ms)[cut]
        BD = B @ self.D[self.keep]
        Q = np.eye(len(B)) - BD @ np.linalg.pinv(BD)
        return b, rho, lam, s2, np.eye(self.n) - rho * self.Ws, B, Q

    def score(self, theta):
        """Of (b, rho, lambda, sigma2), less its mean."""
        b, _, _, s2, A, B, Q = self.parts(theta)
        keep = self.keep
        e = Q @ B @ (A @ self.now - self.Z @ b)[keep]
        M = self.Ms[np.ix_(keep, keep)]
        of_error = M @ np.linalg.inv(B)
        columns = [*(B @ self.Z[keep]).T, *[B @ (self.Ws @ self.now)[keep]] * self.lag, of_error @ e]
        score = np.array([c @ e / s2 for c in columns])
        # The mean: tr (I - P) B times what lags the response of y to the errors of the rows.
        system = A - sum((v * P for v, P in zip(b, self.P)), np.zeros((self.n, self.n)))
        inverse = np.zeros((self.n, len(B)))
        inverse[keep] = np.linalg.inv(B)
        y = np.linalg.solve(system, inverse)
        mean = np.zeros(len(score))
        mean[: len(self.P)] = [np.trace(Q @ B @ (P @ y)[keep]) for P in self.P]
        if self.lag:
            mean[self.k] = np.trace(Q @ B @ (self.Ws @ y)[keep])
        mean[-1] = np.trace(Q @ of_error)
        return np.append(score - mean, (e @ e / s2 - np.trace(Q)) / (2 * s2))

    def loglik(self, theta):
        """What the score less its mean starts from: of what is orthogonal to B D, log|A| with the share of rows that is
        left. All units have rows."""
        b, _, _, s2, A, B, Q = self.parts(theta)
        D = np.linalg.qr(self.D)[0][:, : len(B) - round(np.trace(Q))]
        n, BD = np.trace(Q), B @ D
        e = Q @ B @ (A @ self.now - self.Z @ b)
        size = np.linalg.slogdet(B)[1] - np.linalg.slogdet(BD.T @ BD)[1] / 2
        return -n / 2 * np.log(s2) - e @ e / (2 * s2) + size + n / len(B) * np.linalg.slogdet(A)[1]

    def estimates(self, start):
        at = root(self.score, start, tol=1e-13)
        assert at.success, at.message
        return at.x


def mean_by_draws(twin, theta, draws, seed):
    """Averages and standard errors of the score less its mean, where y is drawn from the model at theta."""
    rng, b = np.random.default_rng(seed), theta[: twin.k]
    scores = []
    for _ in range(draws):
        scores.append(drawn(twin, theta, rng, b).score(theta))
    scores = np.array(scores)
    return scores.mean(axis=0), scores.std(axis=0) / np.sqrt(draws)


def drawn(twin, theta, rng, b):
    """The twin with other y from the second period on."""
    _, _, _, s2, A, B, _ = twin.parts(theta)
    T, N = twin.rows.shape
    u = np.zeros(T * N)
    u[twin.keep] = np.linalg.solve(B, rng.standard_normal(len(B)) * np.sqrt(s2))
    fixed = twin.Z @ b - sum(v * (P @ twin.now) for v, P in zip(b, twin.P))  # X b and the first period's part
    system = A - sum(v * P for v, P in zip(b, twin.P))
    y = np.vstack([twin.y[0], np.linalg.solve(system, fixed + u).reshape(T, N)])
    return Turned(y, twin.X, twin.W, twin.M, twin.rows, twin.D, twin.past, twin.lag)
