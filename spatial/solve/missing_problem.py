"""The likelihood of the observed y where the process runs on all units: its columns and their spatial lags.

    A y = X beta + D d + u,    B u = mu + e,    e ~ N(0, sigma2 I)
    A = I - sum_j rho_j W_j,   B = I - sum_l lambda_l M_l,   C = B A

over all T N rows; y_o is observed, y_m is not. C'C / sigma2 is the precision of y, and that of y_o alone is the Schur
complement C_o'C_o - C_o'C_m (C_m'C_m)^-1 C_m'C_o: the quadratic form of y_o is the residual sum of squares of

    e = C_o y_o + C_m y_m - B X beta

where y_m are coefficients of the columns C_m, and log|precision of y_o| = 2 log|C| - log|C_m'C_m|. What else is not
observed or has no parameter of its own is a coefficient too, of a column of G:

* levels of units and periods, D_o d of y (which A mu and (1 - rho) 1 are of the equation): contrasts of y_o that D_o
  does not reach (Lee & Yu 2010) have the likelihood in which d are coefficients of C_o D_o;
* random effects mu = s sigma z, z ~ N(0, I): z are coefficients of -s S, S the dummies of units (of -s B S where mu is
  outside the spatial error), in rows below which z has the unit matrix, as if 0 = z + error had been observed
  (Henderson 1975, Biometrics 31:423-447).

Errors that are correlated over time, e_t = psi e_{t-1} + v_t, are v after Prais and Winsten's P, and every column is
multiplied with it. With G = [C_m, C_o D_o, -s S]

    ln L = -n/2 (ln(2 pi sigma2) + 1) + ln|C| + ln|P| - ln|G'G| / 2 + ln|D_o'D_o| / 2

with n = m - rank D_o and n sigma2 = e'e. With weights w of all rows, Var(e) = sigma2 / w, each row of e is multiplied
with its root, and ln|C| gains sum ln(w) / 2. Nothing of size T N x T N is dense: G'G is sparse, of the size of what is
missing plus the unit effects.
Sources: LeSage & Pace (2004, J. Real Estate Finance and Economics 29:233-254); Wang & Lee (2013, Econometrics Journal
16:73-102), which has the model and estimators by moments; Lee & Yu (2010, J. Econometrics 154:165-185).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .missing_levels import Levels

DENSE = 600_000  # entries of G up to which it is held dense
PRODUCTS_MAX = 4  # parts of G up to which the products of all pairs are held
ON_BOUNDARY = 1e-4  # s below which phi is zero
DENSE_SHARE = 0.1  # of the entries of A, above which it is factorised dense


@dataclass(frozen=True, eq=False)
class Point:
    """One value of the parameters.

    Attributes
    ----------
    rhos : (J,);  lams : (L,)
    s : float, sd of the unit effects over that of e
    z : float, psi = tanh z
    """

    rhos: np.ndarray
    lams: np.ndarray
    s: float = 0.0
    z: float = 0.0

    @property
    def psi(self) -> float:
        return float(np.tanh(self.z))


@dataclass(frozen=True, eq=False)
class MissingProblem:
    """Columns and their spatial lags. In the equation: themselves and M_l of them; of y also W_j, and M_l W_j, of them.

    Attributes
    ----------
    y : (T N,), zero where not observed;  X : (T N, k)
    seen : (T, N) of bool
    levels : Levels
    W, M : tuples of sparse (T N, T N)
    offset : (T N,) or None, what has the coefficient 1 in A y = z + X beta + u
    root : (T N,) or None, roots of weights of all rows: Var(e) = sigma2 / w, and every row is multiplied with its own
    absorbed : (T N, q), D of effects in the equation that are no levels of y
    random : {None, "kkp", "baltagi"}, whether there are random effects, inside or outside the spatial error
    serial : bool, whether e is correlated over time
    restricted : bool, whether beta is absorbed too: the restricted likelihood
    varies : bool, whether W differs between periods
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    seen: np.ndarray = field(repr=False)
    levels: Levels = field(repr=False)
    W: tuple[sparse.csr_array, ...] = field(default=(), repr=False)
    M: tuple[sparse.csr_array, ...] = field(default=(), repr=False)
    offset: np.ndarray | None = field(default=None, repr=False)
    root: np.ndarray | None = field(default=None, repr=False)
    absorbed: np.ndarray | None = field(default=None, repr=False)
    random: str | None = None
    serial: bool = False
    restricted: bool = False
    varies: bool = False

    @cached_property
    def n(self) -> int:
        """Observations that are left after the effects."""
        rank = self.levels.rank + (0 if self.absorbed is None else self.absorbed.shape[1])
        return int(self.seen.sum()) - rank - self.restricted * self.X.shape[1]

    @cached_property
    def absent(self) -> np.ndarray:
        """Rows that are not observed."""
        return np.flatnonzero(~self.seen.ravel())

    @property
    def mean_of_score(self) -> bool:
        """Whether columns that rho turns are estimated: the score of rho has a mean then."""
        return bool(self.W) and (self.absorbed is not None or self.restricted)

    @property
    def plain(self) -> bool:
        """Whether the parameters are rho and lambda alone, one of each at most, and the estimate is a maximum."""
        return max(len(self.W), len(self.M)) <= 1 and not (self.random or self.serial or self.mean_of_score)

    # -- parameters --------------------------------------------------------------------------------------

    def split(self, t: np.ndarray) -> Point:
        """The parameters t = (rho, lambda, s, z), those that the model has."""
        J, L = len(self.W), len(self.M)
        rest = list(map(float, t[J + L :]))
        return Point(t[:J], t[J : J + L], rest.pop(0) if self.random else 0.0, rest.pop(0) if self.serial else 0.0)

    def shares(self, at: Point) -> tuple[np.ndarray, np.ndarray]:
        """Of the parts of what is lagged as y, and of the equation."""
        over_time = np.array([np.sqrt(1 - at.psi**2), 1.0, -at.psi]) if self.serial else np.ones(1)
        equation = np.kron(over_time, np.concatenate([[1.0], -at.lams]))
        return np.kron(equation, np.concatenate([[1.0], -at.rhos])), equation

    def shares_of_G(self, at: Point) -> np.ndarray:
        """Of the parts of G: as y, those of the random effects, and the unit matrix below."""
        lagged, equation = self.shares(at)
        if self.random is None:
            return lagged
        inside = equation[:: 1 + len(self.M)] if self.random == "kkp" else equation
        return np.concatenate([lagged, -at.s * inside, [1.0]])

    def log_of_time(self, at: Point) -> float:
        """ln|P| of all units."""
        return self.seen.shape[1] / 2 * float(np.log1p(-(at.psi**2))) if self.serial else 0.0

    def information_of_mean(self, at: Point) -> tuple[float, float]:
        """d2 = 1'V^-1 1 of the correlation over time of one unit's errors, and its slope by z: T without psi, or the
        mean sum of the weights of a unit's rows."""
        T, N = self.seen.shape
        if not self.serial:
            return (float(T) if self.root is None else float(self.root @ self.root) / N), 0.0
        ends = [at.psi, *np.tanh(at.z + np.array([1.0, -1.0]) * 1e-4)]
        d2, up, down = (1 - psi**2 + (T - 1) * (1 - psi) ** 2 for psi in ends)
        return d2, (up - down) / 2e-4

    # -- columns -----------------------------------------------------------------------------------------

    @cached_property
    def of_y(self) -> np.ndarray:
        """(parts, rows) of y_o; less the offset, which W does not lag."""
        out = self._as_y(self.y)
        if self.offset is not None:
            out[:: 1 + len(self.W)] -= self._in_equation(self.offset)
        return out

    @cached_property
    def of_X(self) -> np.ndarray:
        """(parts of the equation, rows, k)."""
        return self._in_equation(self.X)

    @cached_property
    def of_absorbed(self) -> np.ndarray:
        """(parts of the equation, rows, q)."""
        return self._in_equation(np.zeros((len(self.y), 0)) if self.absorbed is None else self.absorbed)

    @cached_property
    def of_periods(self) -> np.ndarray:
        """(parts, rows, q_2) of the period dummies of observed rows."""
        return self._as_y(self.levels.periods * self.seen.reshape(-1, 1))

    @cached_property
    def of_G(self):
        """The columns of G: (parts, rows, g) dense, or data (parts, entries) over one pattern of a sparse matrix."""
        rows, m = len(self.y), len(self.absent)
        picks = sparse.csc_array((np.ones(m), (self.absent, np.arange(m))), shape=(rows, m))
        units = sparse.csc_array(self.levels.units.multiply(self.seen.reshape(-1, 1)))
        first = sparse.csc_array(sparse.hstack([picks, units]))
        parts = self._over_time(_lagged(_lagged([first], self.W), self.M))
        if self.root is not None:
            parts = [sparse.diags_array(self.root) @ part for part in parts]
        if self.random is not None:
            parts = self._with_random(parts)
        if parts[0].shape[0] * parts[0].shape[1] <= DENSE:
            return np.stack([part.toarray() for part in parts])
        pattern = sparse.csc_array(sum(abs(part) for part in parts))
        zero = sparse.csc_array((np.zeros(pattern.nnz), pattern.indices, pattern.indptr), shape=pattern.shape)
        place = sparse.csc_array((np.arange(1.0, pattern.nnz + 1), pattern.indices, pattern.indptr), pattern.shape)
        data = np.zeros((len(parts), pattern.nnz))
        for row, part in zip(data, parts):
            part = part.tocoo()
            at = np.asarray(place[part.coords[0], part.coords[1]]).ravel().astype(int) - 1
            row[at] = part.data
        return zero, data

    def _with_random(self, parts: list) -> list:
        """Columns of z beside the others, and N rows below them."""
        T, N = self.seen.shape
        S = sparse.csc_array(sparse.kron(np.ones((T, 1)), sparse.eye_array(N)))
        of_units = self._over_time(_lagged([S], self.M if self.random == "baltagi" else ()))
        if self.root is not None:
            of_units = [sparse.diags_array(self.root) @ part for part in of_units]
        g = parts[0].shape[1]
        left, right = sparse.csc_array((T * N, g)), sparse.csc_array((T * N, N))
        below = sparse.csc_array((N, g + N))
        wide = [sparse.hstack([part, right]) for part in parts] + [sparse.hstack([left, part]) for part in of_units]
        unit = sparse.hstack([sparse.csc_array((N, g)), sparse.eye_array(N)])
        return [sparse.csc_array(sparse.vstack([part, below])) for part in wide] + [
            sparse.csc_array(sparse.vstack([sparse.csc_array((T * N, g + N)), unit]))]  # fmt: skip

    @cached_property
    def products(self) -> np.ndarray:
        """G_i'G_j + G_j'G_i of the parts i < j, and G_i'G_i, where G is dense."""
        G = self.of_G
        each = [(G[i].T @ G[j], i == j) for i in range(len(G)) for j in range(i, len(G))]
        return np.stack([one if same else one + one.T for one, same in each])

    def gram(self, shares: np.ndarray, G) -> np.ndarray | sparse.csc_matrix:
        """G'G at the shares of its parts."""
        if not isinstance(G, np.ndarray):
            return sparse.csc_matrix(G.T @ G)
        if len(shares) > PRODUCTS_MAX:
            return G.T @ G
        pairs = [shares[i] * shares[j] for i in range(len(shares)) for j in range(i, len(shares))]
        return np.tensordot(np.array(pairs), self.products, 1)

    def columns(self, shares: np.ndarray):
        """G at the shares of its parts."""
        if isinstance(self.of_G, np.ndarray):
            return np.tensordot(shares, self.of_G, 1)
        pattern, data = self.of_G
        return sparse.csc_array((shares @ data, pattern.indices, pattern.indptr), shape=pattern.shape)

    def solve(self, rhos: np.ndarray, Z: np.ndarray) -> np.ndarray:
        """A^-1 Z of all rows; where W is the same in all periods, of all of them at once."""
        from scipy.sparse.linalg import splu

        if not self.W:
            return Z
        T, N = self.seen.shape
        size = T * N if self.varies else N
        A = sparse.csc_array(sparse.eye_array(size) - sum(rho * W[:size, :size] for rho, W in zip(rhos, self.W)))
        wide = Z.reshape(T * N // size, size, -1).transpose(1, 0, 2).reshape(size, -1)
        dense = A.nnz > DENSE_SHARE * size**2
        out = np.linalg.solve(A.toarray(), wide) if dense else splu(A).solve(wide)
        return out.reshape(size, T * N // size, -1).transpose(1, 0, 2).reshape(Z.shape)

    def lagged_solution(self, rhos: np.ndarray, Z: np.ndarray) -> list[np.ndarray]:
        """The parts of the equation of W_j A^-1 Z, for every j."""
        solved = self.solve(rhos, Z)
        return [self._in_equation(W @ solved) for W in self.W]

    def _as_y(self, values: np.ndarray) -> np.ndarray:
        return self._rows(_lagged(_lagged([values], self.W), self.M))

    def _in_equation(self, values: np.ndarray) -> np.ndarray:
        return self._rows(_lagged([values], self.M))

    def _rows(self, parts: list) -> np.ndarray:
        """Over time, times the roots of the rows' weights, and zero in the rows of the random effects."""
        out = np.stack(self._over_time(parts))
        if self.root is not None:
            out = out * self.root.reshape(-1, *(1,) * (out.ndim - 2))
        if self.random is None:
            return out
        return np.concatenate([out, np.zeros((len(out), self.seen.shape[1], *out.shape[2:]))], axis=1)

    def _over_time(self, parts: list) -> list:
        """The first period, the others, and these one period before: P = sqrt(1 - psi^2) K_0 + K_1 - psi K_2."""
        if not self.serial:
            return parts
        T, N = self.seen.shape
        first = np.repeat(np.arange(T) == 0, N).astype(float)
        K = [sparse.csr_array(sparse.diags_array(first)), sparse.csr_array(sparse.diags_array(1 - first)),
             sparse.csr_array(sparse.eye_array(T * N, k=-N))]  # fmt: skip
        return [k @ part for k in K for part in parts]


def _lagged(parts: list, matrices: tuple) -> list:
    """The parts, and each matrix of all of them."""
    return [*parts, *(matrix @ part for matrix in matrices for part in parts)]
