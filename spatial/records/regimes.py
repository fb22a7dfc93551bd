"""The numbers of a model with regimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .fit import FitRecord

if TYPE_CHECKING:
    from ..design.regimes import RegimeDesign, Split


@dataclass(frozen=True, eq=False, repr=False)
class RegimesRecord(FitRecord):
    """Parameters are ``east: x``, ``east: W:x`` ..., those that all regimes share, then ``rho`` or ``east: rho`` ...,
    ``lambda`` or ``east: lambda`` ..."""

    _design: RegimeDesign

    @property
    def split(self) -> Split:
        """Labels, codes of the units, and which columns belong to which term."""
        assert self._design.split is not None
        return self._design.split

    @property
    def regimes(self) -> pd.Series:
        """The regime of every unit."""
        return pd.Series(np.array(self.split.labels)[self.split.codes], index=self.units, name=self.split.regimes.by)

    @property
    def by_likelihood(self) -> bool:
        """Whether rho, lambda or sigma2 differ: the likelihood is then not that of one rho."""
        return hasattr(self._solution, "sigma2s")

    @property
    def rho(self) -> float:
        """rho where it is the same in all regimes; of several see ``rhos``."""
        return self._one("rho", self.rhos, self.specification.lag)

    @property
    def lam(self) -> float:
        """lambda where it is the same in all regimes; of several see ``lambdas``."""
        return self._one("lambda", self.lambdas, self.specification.error)

    @property
    def rhos(self) -> pd.Series:
        """rho of every regime, or the one of all, by its name in ``params``."""
        return self.params.iloc[len(self._sample.names) :][: self.n_rhos]

    @property
    def lambdas(self) -> pd.Series:
        """lambda of every regime, or the one of all."""
        return self.params.iloc[len(self._sample.names) + self.n_rhos :]

    @property
    def sigma2s(self) -> pd.Series:
        """The variance of the error by regime, or the one of all."""
        own = self._solution.sigma2s if self.by_likelihood else [self.sigma2]  # type: ignore[attr-defined]
        names = self.split.labels if len(own) == len(self.split.labels) and len(own) > 1 else ["all"]
        return pd.Series(own, index=pd.Index(names, name="regime"), name="sigma2")

    @property
    def n_rhos(self) -> int:
        """0, 1, or one for each regime."""
        return (len(self.split.labels) if self.split.regimes.rho else 1) * self.specification.lag

    @property
    def n_parameters(self) -> int:
        return super().n_parameters - 1 + len(self.sigma2s)

    def by_unit(self, values: pd.Series) -> np.ndarray:
        """A parameter's value in every unit, (N,): that of its regime, the one of all, or 0 of none."""
        return self.of_regimes(values, self.split.codes)

    def of_regimes(self, values: pd.Series, codes: np.ndarray) -> np.ndarray:
        """The same where units belong to the regimes ``codes``."""
        own = values.to_numpy()
        return own[codes] if len(own) > 1 else np.full(len(codes), own[0] if len(own) else 0.0)

    def _one(self, name: str, values: pd.Series, there: bool) -> float:
        if len(values) > 1:
            raise SpatialInputError("E324", f"the model has a {name} for each regime, and no single one",
                                    hint="fit.rhos, fit.lambdas or fit.params")
        return float(values.iloc[0]) if there else 0.0


def refuse_regimes(fit: FitRecord) -> None:
    """E324 where coefficients of one regime would be taken for those of all."""
    if isinstance(fit, RegimesRecord):
        raise SpatialInputError("E324", "this reads models without regimes, and the model has regimes",
                                hint="fit.effects() has effects by regime, sp.chow_test(fit) whether they differ")
