"""The numbers of a model with several W."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from spillover.errors import SpatialInputError

from ..design.several import SeveralDesign
from .fit import FitRecord


@dataclass(frozen=True, eq=False, repr=False)
class SeveralRecord(FitRecord):
    """Parameters are those of X, ``W_1:x`` ..., then ``rho_1`` ..., ``lambda_1`` ..., by the numbers of their W."""

    _design: SeveralDesign

    @property
    def rho(self) -> float:
        """rho where one W lags the response; of several see ``rhos``."""
        return self._one("rho", self._design.weights.lag)

    @property
    def lam(self) -> float:
        """lambda where one W lags the error; of several see ``lambdas``."""
        return self._one("lambda", self._design.weights.error)

    @property
    def rhos(self) -> pd.Series:
        """rho of every W that lags the response, by its name in ``params``."""
        return self.params.iloc[len(self._sample.names) :][: len(self._design.weights.lag)]

    @property
    def lambdas(self) -> pd.Series:
        """lambda of every W that lags the error."""
        return self.params.iloc[len(self._sample.names) + len(self._design.weights.lag) :]

    def _one(self, name: str, used: tuple[int, ...]) -> float:
        if len(used) > 1:
            raise SpatialInputError("E324", f"the model has {len(used)} W here, and no single {name}",
                                    hint="fit.rhos, fit.lambdas or fit.params")
        return float(self.params.get(name, 0.0))
