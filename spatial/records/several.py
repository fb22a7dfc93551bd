"""The numbers of a model with several W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights, SpatialWeights, TemporalWeights

from ..design.design import Design
from ..design.regimes import RegimeDesign
from .fit import FitRecord

if TYPE_CHECKING:
    from ..design.several import SeveralDesign


class OfSeveralWeights(FitRecord):
    """What was asked for of a model whose weights are several."""

    @property
    def requested_weights(self) -> list[SpatialWeights | TemporalWeights]:
        """The W of ``w=``, in the order of the units."""
        weights: SeveralWeights = self._design.weights  # type: ignore[assignment]
        return [weights.matrices[m] for m in weights.listed]

    @property
    def requested_lags(self) -> dict:
        """``durbin=`` and ``w_error=`` where they were W, in the order of the units."""
        d, requested = self._design, self._settings.requested
        weights: SeveralWeights = d.weights  # type: ignore[assignment]
        out: dict = {}
        if isinstance(requested.durbin, Mapping):
            lags = _lags(d, weights)
            out["durbin"] = {name: [weights.matrices[m] for of, m in lags if of == name] for name, _ in lags}
        if requested.w_error is not None:
            out["w_error"] = [weights.matrices[m] for m in weights.error]
        return out


def _lags(d: Design, weights: SeveralWeights) -> list[tuple[str, int]]:
    """Which term is lagged by which W."""
    if isinstance(d, RegimeDesign):
        assert d.split is not None
        return [(of, path[0]) for of, path in d.split.lags.values()]
    return [(d.names[j], m) for j, m in weights.pairs]


@dataclass(frozen=True, eq=False, repr=False)
class SeveralRecord(OfSeveralWeights):
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

    def _one(self, name: str, used: tuple[int, ...]) -> float:
        if len(used) > 1:
            raise SpatialInputError("E324", f"the model has {len(used)} W here, and no single {name}",
                                    hint="fit.rhos, fit.lambdas or fit.params")
        return float(self.params.get(name, 0.0))
