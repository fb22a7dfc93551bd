"""A slow, dense twin of the law of outcomes that are observed in part: mean and covariance of all y written out.

    A y = X beta + D d + u,   B u = mu + e  or  u = mu + B^-1 e,   A = I - sum rho_j W_j,   B = I - sum lambda_l M_l

with Var(mu) = phi sigma2 for each unit and e_t = psi e_{t-1} + v_t. ``Twin`` holds the data, t = (rho ..., lambda ...,
sqrt(phi), atanh(psi)), those that there are.
"""

from dataclasses import dataclass, field

import numpy as np

from .naive_missing import contrasts


@dataclass
class Twin:
    """y (T N,), X (T N, k), seen (T, N), W and M lists of (T N, T N), effects as levels of y, D in the equation."""

    y: np.ndarray
    X: np.ndarray
    seen: np.ndarray
    W: list = field(default_factory=list)
    M: list = field(default_factory=list)
    entity: bool = False
    time: bool = False
    D: np.ndarray | None = None
    random: str | None = None
    serial: bool = False
    restricted: bool = False

    def operators(self, t):
        I = np.eye(len(self.y))
        A = I - sum((r * W for r, W in zip(t, self.W)), 0 * I)
        B = I - sum((x * M for x, M in zip(t[len(self.W) :], self.M)), 0 * I)
        return A, B

    def covariance(self, t):
        """Var(y) / sigma2, (T N, T N)."""
        T, N = self.seen.shape
        A, B = self.operators(t)
        rest = list(t[len(self.W) + len(self.M) :])
        phi = rest.pop(0) ** 2 if self.random else 0.0
        over_time = np.eye(T)
        if self.serial:
            psi = np.tanh(rest.pop(0))
            over_time = psi ** np.abs(np.subtract.outer(np.arange(T), np.arange(T))) / (1 - psi**2)
        own, units = np.kron(over_time, np.eye(N)), phi * np.kron(np.ones((T, T)), np.eye(N))
        inverse, B = np.linalg.inv(A), np.linalg.inv(B)
        errors = B @ (own + units) @ B.T if self.random != "baltagi" else B @ own @ B.T + units
        return inverse @ errors @ inverse.T

    def parts(self, t):
        """Contrasts F'y of what is observed, F'A^-1 X, F'A^-1 D, and their covariance over sigma2."""
        o = self.seen.ravel()
        F = contrasts(self.seen, self.entity, self.time)
        inverse = np.linalg.inv(self.operators(t)[0])
        D = np.zeros((len(self.y), 0)) if self.D is None else self.D
        V = F.T @ self.covariance(t)[np.ix_(o, o)] @ F
        return F.T @ self.y[o], F.T @ (inverse @ self.X)[o], F.T @ (inverse @ D)[o], V

    def loglik(self, theta):
        """At theta = (beta, t, ln sigma2); of absorbed columns their restricted likelihood."""
        k = self.X.shape[1]
        y, X, Z, V = self.parts(theta[k:-1])
        r, s2 = y - X @ theta[:k], np.exp(theta[-1])
        n, log = len(r) - Z.shape[1], np.linalg.slogdet(V)[1]
        P = np.linalg.inv(V)
        if Z.shape[1]:
            S = Z.T @ P @ Z
            log += np.linalg.slogdet(S)[1]
            P = P - P @ Z @ np.linalg.solve(S, Z.T @ P)
        return -(n * np.log(2 * np.pi * s2) + log + r @ P @ r / s2) / 2

    def profile(self, t):
        """The same with beta and sigma2 at their maximum; restricted for beta too, where asked for."""
        y, X, Z, V = self.parts(t)
        Z = np.column_stack([Z, X]) if self.restricted else Z
        H, P = np.column_stack([X, self.parts(t)[2]]), np.linalg.inv(V)
        r = y - H @ np.linalg.lstsq(H.T @ P @ H, H.T @ P @ y, rcond=None)[0]
        n, log = len(y) - Z.shape[1], np.linalg.slogdet(V)[1]
        log += np.linalg.slogdet(Z.T @ P @ Z)[1] if Z.shape[1] else 0.0
        return -(n * (np.log(2 * np.pi * (r @ P @ r) / n) + 1) + log) / 2

    def score(self, t, h=1e-4):
        """The mean-zero score by t: that of the likelihood with every coefficient at its maximum, less its mean, with
        traces of dense matrices, d / dt by central differences."""
        y, X, Z, V = self.parts(t)
        absorbed = np.column_stack([Z, X]) if self.restricted else Z
        H, P = np.column_stack([X, Z]), np.linalg.inv(V)
        gamma = np.linalg.lstsq(H.T @ P @ H, H.T @ P @ y, rcond=None)[0]
        r = P @ (y - H @ gamma)
        s2 = (y - H @ gamma) @ r / (len(y) - absorbed.shape[1])
        Q = P - P @ absorbed @ np.linalg.solve(absorbed.T @ P @ absorbed, absorbed.T @ P) if absorbed.shape[1] else P
        out = []
        for i in range(len(t)):
            ends = []
            for sign in (1, -1):
                moved = np.array(t, dtype=float)
                moved[i] += sign * h
                ends.append(self.parts(moved))
            up, down = (np.column_stack(end[1:3]) for end in ends)
            of_V = (ends[0][3] - ends[1][3]) / (2 * h)
            out.append((r @ of_V @ r / s2 - np.trace(Q @ of_V)) / 2 + r @ ((up - down) / (2 * h)) @ gamma / s2)
        return np.array(out)

    def predicted(self, t):
        """What is missing: its mean given what is observed, coefficients by generalised least squares, and the variance
        of its error over sigma2."""
        T, N = self.seen.shape
        o, m = self.seen.ravel(), ~self.seen.ravel()
        inverse = np.linalg.inv(self.operators(t)[0])
        dummies = [np.kron(np.ones((T, 1)), np.eye(N))] * self.entity
        dummies += [np.kron(np.eye(T), np.ones((N, 1)))] * self.time
        H = np.column_stack([inverse @ self.X, *dummies] + ([] if self.D is None else [inverse @ self.D]))
        V = self.covariance(t)
        P = np.linalg.inv(V[np.ix_(o, o)])
        rest = np.linalg.pinv(H[o].T @ P @ H[o], rcond=1e-10)
        gamma, K = rest @ H[o].T @ P @ self.y[o], V[np.ix_(m, o)] @ P
        left = H[m] - K @ H[o]
        spread = np.diag(V[np.ix_(m, m)] - K @ V[np.ix_(o, m)] + left @ rest @ left.T)
        return H[m] @ gamma + K @ (self.y[o] - H[o] @ gamma), spread
