"""Ways of effects behind ``|``: ``region^year``, slopes ``state[t]``. Each becomes orthonormal columns by group.

The columns of a way are zero outside a row's own group, so that D_k'D_k = I: with a level alone 1 / sqrt(n_g), with
slopes the group's own Gram-Schmidt of [1, x, ...].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .grammar import WayTerm

NO_SLOPE = 1e-9  # norm of x less its group's level against x: below it the group has no slope of its own


@dataclass(frozen=True, eq=False)
class Way:
    """One way of effects, row by row.

    Attributes
    ----------
    term : WayTerm
    codes : ndarray of int, shape (m,)
        Group 0, 1, ... of every row.
    slopes : ndarray, shape (m, s)
        Columns whose slope differs between groups.
    root : ndarray, shape (m,), optional
        Roots of weights of the rows, which the columns are then multiplied with.

    Examples
    --------
    >>> way = Way(WayTerm(("g",), ("t",)), np.array([0, 0, 0, 1]), np.array([[1.0], [2.0], [3.0], [7.0]]))
    >>> str(way), way.groups, way.rank            # the group of one row has a level and no slope
    ('g[t]', 2, 3)
    >>> (way.columns.T @ way.columns).toarray().round(12) + 0.0
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.],
           [0., 0., 1., 0.],
           [0., 0., 0., 0.]])
    """

    term: WayTerm
    codes: np.ndarray = field(repr=False)
    slopes: np.ndarray = field(repr=False)
    root: np.ndarray | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.term)

    @cached_property
    def groups(self) -> int:
        return int(self.codes.max()) + 1

    @cached_property
    def sizes(self) -> np.ndarray:
        """Rows of each group, (G,)."""
        return np.bincount(self.codes, minlength=self.groups)

    @property
    def plain(self) -> bool:
        """Whether the groups have levels and nothing else."""
        return not self.term.slopes

    @cached_property
    def basis(self) -> np.ndarray:
        """Values of a row's own columns, (m, q), orthonormal within each group; zero where a group has no slope."""
        codes, out, root = self.codes, [], 1.0 if self.root is None else self.root
        if self.term.level:
            sizes = self.sizes if self.root is None else np.bincount(codes, self.root**2)
            out.append(root / np.sqrt(sizes)[codes])
        for x in self.slopes.T * root:
            before, left = np.sqrt(np.bincount(codes, x * x)), x
            for _ in range(2):
                for column in out:
                    left = left - column * np.bincount(codes, column * left)[codes]
            length = np.sqrt(np.bincount(codes, left * left))
            scale = np.divide(1, length, out=np.zeros_like(length), where=length > NO_SLOPE * before)
            out.append(left * scale[codes])
        return np.stack(out, axis=1)

    @cached_property
    def columns(self) -> sparse.csr_array:
        """D_k, (m, G q)."""
        (m, q), G = self.basis.shape, self.groups
        at = self.codes[:, None].astype(np.int32) + G * np.arange(q, dtype=np.int32)
        start = np.arange(0, m * q + 1, q, dtype=np.int32)
        return sparse.csr_array((self.basis.ravel(), at.ravel(), start), shape=(m, G * q))

    @cached_property
    def rank(self) -> int:
        """Independent columns."""
        if self.plain:
            return self.groups
        lengths = [np.bincount(self.codes, column * column) for column in self.basis.T]
        return int((np.array(lengths) > 0.5).sum())

    def of_rows(self, kept: np.ndarray) -> Way:
        """The way over some of its rows, a mask (m,)."""
        codes = np.unique(self.codes[kept], return_inverse=True)[1]
        return Way(self.term, codes, self.slopes[kept], None if self.root is None else self.root[kept])

    def spans(self, other: Way) -> bool:
        """Whether the columns of the other way are combinations of these: its groups are unions of these groups."""
        if other.term.level > self.term.level or not set(other.term.slopes) <= set(self.term.slopes):
            return False
        return nested(self.codes, other.codes)


def nested(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Whether every group of ``inner`` lies within one group of ``outer``, codes of every row.

    Examples
    --------
    >>> nested(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 5])), nested(np.array([0, 0]), np.array([1, 2]))
    (True, False)
    """
    last = np.zeros(inner.max() + 1, dtype=outer.dtype)
    last[inner] = outer
    return bool((last[inner] == outer).all())


def without_spanned(ways: tuple[Way, ...]) -> tuple[Way, ...]:
    """The ways that say something new: those that another one spans are left out, the larger one stays."""
    kept: list[Way] = []
    for way in sorted(ways, key=lambda way: (-way.groups, -len(way.term.slopes))):
        if not any(other.spans(way) for other in kept):
            kept.append(way)
    return tuple(kept)
