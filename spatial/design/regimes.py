"""Data of a model with regimes: each regime's coefficients are those of columns of its own.

A regime is a property of units: the provinces of the east, those of the west. With 1_r its units, a term x becomes the
columns 1_r x, and its spatial lag the columns 1_r (W x): W x is the lag of the whole x, over the borders of regimes,
and theta is that of the regime of the unit that receives it,

    y_i = rho W_i y + x_i beta_r(i) + (W_i x) theta_r(i) + e_i                               Anselin (1990)

(``W (1_r x)``, by the regime of the sender, is what a formula with ``x:C(region)`` has.) With rho by regime the lag is
sum_r rho_r 1_r W y, and with lambda by regime the error sum_r lambda_r 1_r M u: rows of W keep all their neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SeveralWeights

from .design import INTERCEPT, Design
from .fixed_effects import FixedEffects
from .several import AnyWeights, SeveralDesign
from .specification import Specification

Path = tuple[int, ...]


@dataclass(frozen=True)
class Regimes:
    """What differs between regimes: ``regimes="region"`` of a model's function is ``sp.Regimes("region")``.

    Parameters
    ----------
    by : str
        Column with the regime of every unit: text or numbers, the same in all periods.
    terms : list of str, optional
        The terms whose coefficients differ, with those of their spatial lags; ``"Intercept"`` is one of them. By
        default all.
    rho, lam : bool
        Whether rho of the spatial lag, lambda of the spatial error differ: that of the unit that receives. By moments
        rho may differ, lambda and sigma2 do not.
    sigma2 : bool
        Whether the variance of the error differs; that of random effects then does so too, in one ratio phi.

    Raises
    ------
    SpatialInputError
        E501 for another type.

    Examples
    --------
    >>> import spatial as sp
    >>> sp.Regimes("region", terms=["x1"], rho=True)
    Regimes(by='region', terms=('x1',), rho=True, lam=False, sigma2=False)

    References
    ----------
    Anselin (1990), J. Regional Science 30:185-207.
    """

    by: str
    terms: Sequence[str] | None = None
    rho: bool = False
    lam: bool = False
    sigma2: bool = False

    def __post_init__(self):
        if not isinstance(self.by, str):
            raise SpatialInputError("E501", f"regimes are named by a column, got {type(self.by).__name__}",
                                    hint='regimes="region"')
        if self.terms is not None:
            terms = [self.terms] if isinstance(self.terms, str) else self.terms
            if not isinstance(terms, list | tuple) or not all(isinstance(term, str) for term in terms):
                raise SpatialInputError("E501", f"terms={self.terms!r} must be a list of terms", hint='terms=["x1"]')
            object.__setattr__(self, "terms", tuple(terms))
        for name in ("rho", "lam", "sigma2"):
            if not isinstance(getattr(self, name), bool):
                check_option(name, getattr(self, name), (True, False))

    @property
    def spatial(self) -> bool:
        """Whether more than coefficients differ: what plain likelihoods do not have."""
        return self.rho or self.lam or self.sigma2

    def check(self, specification: Specification) -> None:
        """E501 for a parameter that the model does not have."""
        for name, there, other in (("rho", specification.lag, "lam"), ("lam", specification.error, "rho")):
            if getattr(self, name) and not there:
                able, symbol = specification.lag or specification.error, {"rho": "rho", "lam": "lambda"}[name]
                raise SpatialInputError(
                    "E501", f"{specification.name} has no {symbol} that could differ between regimes",
                    hint=f"{other}=True, or leave {name}= out" if able else f"leave {name}= out",
                )  # fmt: skip


def as_regimes(regimes) -> Regimes:
    """A column's name as ``Regimes``."""
    return regimes if isinstance(regimes, Regimes) else Regimes(regimes)


@dataclass(frozen=True, eq=False)
class Split:
    """Which units belong to which regime, and which columns of X to which term.

    Attributes
    ----------
    regimes : Regimes
    labels : tuple of G str
    codes : (N,), the regime of every unit
    columns : dict of str to tuple of str
        The names of a term's columns: one for each regime, or the one that all share.
    differences : bool
        Whether the first regime's intercept is left to the period effects, so that the others are differences from it.
    lags : dict of str to (str, tuple of int)
        Of the terms that are spatial lags: of which term, and by which W one after the other, (0,) for W x, (0, 0) for
        W^2 x, (1,) for W_2 x.
    """

    regimes: Regimes
    labels: tuple[str, ...]
    codes: np.ndarray = field(repr=False)
    columns: dict[str, tuple[str, ...]] = field(repr=False)
    differences: bool = False
    lags: dict[str, tuple[str, Path]] = field(default_factory=dict, repr=False)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The products of W that lag terms, each once."""
        return tuple(dict.fromkeys(path for _, path in self.lags.values()))

    def lag_of(self, term: str, path: Path) -> str:
        """The name of a term's lag along these W; of the term itself along none."""
        names = {own: name for name, own in self.lags.items()}
        return names.get((term, path), "") if path else term

    @property
    def sizes(self) -> np.ndarray:
        """(G,) units."""
        return np.bincount(self.codes, minlength=len(self.labels))

    @property
    def members(self) -> np.ndarray:
        """(G, N) of bool."""
        return self.codes == np.arange(len(self.labels))[:, None]

    def names(self, parameter: str, differs: bool) -> list[str]:
        """``rho``, or ``east: rho`` ..."""
        split = differs and len(self.labels) > 1
        return [f"{label}: {parameter}" for label in self.labels] if split else [parameter]

    def members_of(self, column: str, term: str) -> np.ndarray | None:
        """The units, (N,), whose column of a term this is; None for one that all share."""
        if column == term:
            return None
        return self.members[self.labels.index(column.removesuffix(f": {term}"))]

    def describe(self) -> str:
        """For the header: the regimes, their units, and what differs."""
        r, units = self.regimes, ", ".join(f"{label} ({n:,} units)" for label, n in zip(self.labels, self.sizes))
        coefficients = "all coefficients" if r.terms is None else ", ".join(r.terms)
        what = [coefficients] * bool(coefficients) + ["rho"] * r.rho + ["lambda"] * r.lam + ["sigma2"] * r.sigma2
        return f"regimes of {r.by!r}: {units}; by regime: {', '.join(what) or 'nothing'}"


@dataclass(frozen=True, eq=False)
class RegimeDesign(Design):
    """Aligned data whose columns of X are split by regime, spatial lags among them."""

    split: Split | None = None

    @property
    def regressors(self) -> tuple[str, ...]:
        """The terms that have effects."""
        columns, lags = (self.split.columns, self.split.lags) if self.split else ({}, {})
        return tuple(name for name in columns if name not in (INTERCEPT, *self.lags, *lags))

    @property
    def spatial_regimes(self) -> bool:
        """Whether rho, lambda or sigma2 may differ between regimes."""
        return self.split is not None and self.split.regimes.spatial

    @property
    def several_rhos(self) -> bool:
        """Whether each of several regimes has a rho of its own."""
        return self.split is not None and self.split.regimes.rho and len(self.split.labels) > 1

    def along(self, values: np.ndarray, path: Path, effects: FixedEffects) -> np.ndarray:
        """Values (T, N) lagged by these W, one after the other."""
        for m in path:
            values = self.lag(values, effects, matrices_of(self)[m])
        return values


@dataclass(frozen=True, eq=False)
class SplitDesign(RegimeDesign, SeveralDesign):
    """The same with several W, whose lags of regressors are columns too: none is left in ``weights.pairs``."""

    weights: SeveralWeights  # type: ignore[assignment]

    @property
    def divisible(self) -> bool:
        return False


def matrices_of(d: Design) -> tuple[AnyWeights, ...]:
    """W, or W_1, W_2 ..."""
    return d.weights.matrices if isinstance(d, SeveralDesign) else (d.weights,)
