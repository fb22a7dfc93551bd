"""The Fit of a model with several W: rho_1, rho_2, effects by channel, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from spillover.errors import SpatialInputError

from ..design.several import SeveralDesign
from ..effects.several import SeveralEffects, several_effects
from ..effects.several_prediction import predict_several
from .fit import Fit


@dataclass(frozen=True, eq=False, repr=False)
class SeveralFit(Fit):
    """An estimated model with several W; see ``spatial.records.fit.FitRecord`` for its attributes."""

    _design: SeveralDesign  # type: ignore[assignment]

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

    def effects(  # type: ignore[override]
        self, *, method: str = "quadrature", level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> SeveralEffects:  # fmt: skip
        """Direct, indirect and total effects with inference, in all and by channel; see
        ``spatial.effects.several.several_effects``."""
        return several_effects(self, method=method, level=level, draws=draws, seed=seed)

    def predict(self, data=None, w=None, *, kind: str | None = None) -> pd.Series:
        """The response in sample; see ``spatial.effects.several_prediction``."""
        return predict_several(self, data, w, kind=kind)
