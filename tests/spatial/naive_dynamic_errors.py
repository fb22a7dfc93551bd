"""Dynamic panels with a spatial lag, a spatial error or both: one explicit (N T) x (N T) likelihood, the mean and the
variance of its score from explicit matrices of the whole sample."""

import numpy as np
from scipy.linalg import helmert
from scipy.optimize import minimize


class Twin:
    """The demeaned data stacked by period, and matrices over them as functions of theta = (beta, rho, lambda, sigma2).

    Parameters
    ----------
    y : (T + 1, N);  X : (T, N, k), W X included
    lags : {"y", "Wy", "both"}
    lag, error, twoway : bool
    """

    def __init__(self, y, X, W, M, *, lags, lag, error, twoway):
        F = helmert(len(W)).T if twoway else np.eye(len(W))
        self.T, self.lag, self.error = len(X), lag, error
        self.W, self.M = F.T @ W @ F, F.T @ M @ F
        self.N = self.W.shape[0]
        past = [y[:-1]] * (lags != "Wy") + [y[:-1] @ W.T] * (lags != "y")
        self.own_past = [np.eye(self.N)] * (lags != "Wy") + [self.W] * (lags != "y")
        Z = np.concatenate([np.stack(past, axis=2), X], axis=2)
        self.y = (y[1:] @ F).ravel()
        self.Z = np.einsum("tnk,nm->tmk", Z, F).reshape(self.T * self.N, -1)
        self.k, self.K = len(past), self.Z.shape[1]
        self.Q = np.kron(np.eye(self.T) - 1 / self.T, np.eye(self.N))

    def parts(self, theta):
        """beta, S, B over units, sigma2."""
        b, eye = theta[: self.K], np.eye(self.N)
        rho = theta[self.K] if self.lag else 0.0
        lam = theta[-2] if self.error else 0.0
        return b, eye - rho * self.W, eye - lam * self.M, theta[-1]

    def over_time(self, A):
        return np.kron(np.eye(self.T), A)

    def loglik(self, theta):
        b, S, B, s2 = self.parts(theta)
        dets = [np.linalg.slogdet(V) for V in (S, B)]
        if s2 <= 0 or any(sign <= 0 for sign, _ in dets):
            return -1e10
        e = self.Q @ self.over_time(B) @ (self.over_time(S) @ self.y - self.Z @ b)
        n = self.T * self.N
        return -n / 2 * np.log(2 * np.pi * s2) + self.T * sum(value for _, value in dets) - e @ e / (2 * s2)

    def maximum(self, start):
        """From ``start``, by gradients."""
        scale = np.maximum(np.abs(start), 0.05)
        minus = lambda x: -self.loglik(x * scale)  # noqa: E731
        best = minimize(minus, start / scale, jac=lambda x: _slopes(minus, x), method="BFGS", options={"gtol": 1e-9})
        return best.x * scale

    def score(self, theta):
        return np.array([_slopes(lambda v, j=j: self.loglik(np.r_[theta[:j], v, theta[j + 1 :]]), theta[j : j + 1])[0]
                         for j in range(len(theta))])  # fmt: skip

    def responses(self, theta):
        """Psi: what e of all periods does to y of all periods, and the derivatives of -e by the parameters as matrices
        on y (None of regressors that are not of the past)."""
        b, S, B, s2 = self.parts(theta)
        T, N, eye = self.T, self.N, np.eye(self.N)
        A = np.linalg.solve(S, sum(b[j] * self.own_past[j] for j in range(self.k)))
        start = np.linalg.solve(S, np.linalg.inv(B))
        Psi = np.zeros((T * N, T * N))
        for t in range(T):
            for s in range(t + 1):
                Psi[t * N : (t + 1) * N, s * N : (s + 1) * N] = np.linalg.matrix_power(A, t - s) @ start
        L = np.kron(np.eye(T, k=-1), eye)
        on_y = [self.over_time(B @ P) @ L for P in self.own_past] + [None] * (self.K - self.k)
        if self.lag:
            on_y.append(self.over_time(B @ self.W))
        return Psi, on_y, B, s2

    def forms(self, theta):
        """C_q of the quadratic forms e'Q C_q Q e / sigma2 in the score, and their linear parts b_q."""
        Psi, on_y, B, s2 = self.responses(theta)
        b, S, _, _ = self.parts(theta)
        n, Q = self.T * self.N, self.Q
        e = Q @ self.over_time(B) @ (self.over_time(S) @ self.y - self.Z @ b)
        BZ = Q @ self.over_time(B) @ self.Z
        C = [np.zeros((n, n)) if D is None else Q @ D @ Psi @ Q for D in on_y]
        linear = [BZ[:, j] - C[j] @ e for j in range(self.K)]
        if self.lag:
            linear.append(Q @ self.over_time(B @ self.W) @ self.y - C[-1] @ e)
        if self.error:
            C.append(Q @ self.over_time(self.M @ np.linalg.inv(B)) @ Q)
            linear.append(np.zeros(n))
        return [*C, Q / (2 * s2)], [*linear, np.zeros(n)], s2

    def mean(self, theta):
        """E[score]: tr(Q C_q), less the determinants."""
        C, _, s2 = self.forms(theta)
        _, S, B, _ = self.parts(theta)
        out = np.array([np.trace(c) for c in C])
        if self.lag:
            out[self.K] -= self.T * np.trace(self.W @ np.linalg.inv(S))
        if self.error:
            out[-2] -= self.T * np.trace(self.M @ np.linalg.inv(B))
        out[-1] -= self.T * self.N / (2 * s2)
        return out

    def variance(self, theta):
        C, linear, s2 = self.forms(theta)
        return np.array([[b @ d / s2 + np.sum(c * g.T) + np.sum(c * g) for g, d in zip(C, linear)]
                         for c, b in zip(C, linear)])  # fmt: skip

    def mean_for_ever(self, theta):
        """The same with the sums of a process without end: Yu, de Jong & Lee (2008), eq. 15."""
        b, S, B, s2 = self.parts(theta)
        past = sum(b[j] * self.own_past[j] for j in range(self.k))
        K = np.linalg.inv(S - past)
        out = np.zeros(len(theta))
        out[: self.k] = [-np.trace(P @ K) for P in self.own_past]
        if self.lag:
            G = self.W @ np.linalg.inv(S)
            out[self.K] = -np.trace(G @ past @ K) - np.trace(G)
        if self.error:
            out[-2] = -np.trace(self.M @ np.linalg.inv(B))
        out[-1] = -self.N / (2 * s2)
        return out

    def expected_information(self, theta):
        """E[-d2 L] with regressors as they are: the score's variance without the effects' estimation."""
        b, S, B, s2 = self.parts(theta)
        BZ, T, N = self.Q @ self.over_time(B) @ self.Z, self.T, self.N
        columns, roots = [BZ], []
        if self.lag:
            G = B @ self.W @ np.linalg.inv(S) @ np.linalg.inv(B)
            columns.append((self.over_time(G) @ BZ @ b)[:, None])
            roots.append(G)
        if self.error:
            columns.append(np.zeros((T * N, 1)))
            roots.append(self.M @ np.linalg.inv(B))
        roots.append(np.eye(N) / (2 * s2))
        J = np.column_stack([*columns, np.zeros(T * N)])
        info = J.T @ J / s2
        for i, left in enumerate(roots):
            for j, right in enumerate(roots):
                info[self.K + i, self.K + j] += T * (np.sum(left * right.T) + np.sum(left * right))
        return info

    def root(self, start):
        """Where score and mean agree, by Newton with numerical derivatives; and its covariance."""
        theta = np.array(start, dtype=float)
        for _ in range(30):
            H = -_jacobian(lambda x: self.score(x) - self.mean(x), theta)
            step = np.linalg.solve(H, self.score(theta) - self.mean(theta))
            theta = theta + step
            if np.abs(step).max() < 1e-9:
                break
        inverse = np.linalg.inv(-_jacobian(lambda x: self.score(x) - self.mean(x), theta))
        return theta, inverse @ self.variance(theta) @ inverse.T


def _slopes(f, x, h=1e-5):
    """Five points."""
    out = np.zeros(len(x))
    for j in range(len(x)):
        step = np.zeros(len(x))
        step[j] = h
        out[j] = (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * h)
    return out


def _jacobian(f, x, h=1e-4):
    columns = []
    for j in range(len(x)):
        step = np.zeros(len(x))
        step[j] = h
        columns.append((f(x + step) - f(x - step)) / (2 * h))
    return np.column_stack(columns)
