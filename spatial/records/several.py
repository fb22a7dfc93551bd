"""The numbers of a model with several W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .fit import FitRecord

if TYPE_CHECKING:
    from ..design.several import SeveralDesign


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

    def sources(self) -> tuple[pd.DataFrame, dict]:
        """For the provenance: the observations, and every W by its number."""
        return self._design.sources()

    @property
    def requested_weights(self) -> list[SpatialWeights | TemporalWeights]:
        """The W of ``w=``, in the order of the units."""
        weights = self._design.weights
        return [weights.matrices[m] for m in weights.listed]

    @property
    def requested_lags(self) -> dict:
        """``durbin=`` and ``w_error=`` where they were W, in the order of the units."""
        d, requested = self._design, self._settings.requested
        out: dict = {}
        if isinstance(requested.durbin, Mapping):
            columns = dict.fromkeys(j for j, _ in d.weights.pairs)
            out["durbin"] = {d.names[j]: [d.weights.matrices[m] for k, m in d.weights.pairs if k == j] for j in columns}
        if requested.w_error is not None:
            out["w_error"] = [d.weights.matrices[m] for m in d.weights.error]
        return out

    def _one(self, name: str, used: tuple[int, ...]) -> float:
        if len(used) > 1:
            raise SpatialInputError("E324", f"the model has {len(used)} W here, and no single {name}",
                                    hint="fit.rhos, fit.lambdas or fit.params")
        return float(self.params.get(name, 0.0))
