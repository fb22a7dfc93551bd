"""The numbers of a model with regimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights

from .fit import FitRecord
from .several import OfSeveralWeights

if TYPE_CHECKING:
    from ..design.regimes import RegimeDesign, Split


@dataclass(frozen=True, eq=False, repr=False)
class RegimesRecord(OfSeveralWeights):
    """Parameters are ``east: x``, ``east: W:x`` ..., those that all regimes share, then ``rho`` or ``east: rho`` ...,
    ``lambda`` or ``east: lambda`` ...; of several W ``east: W_1:x``, ``rho_1`` or ``east: rho_1``, ``west: rho_1``
    ..."""

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
        """0, 1 of each W, or one for each regime."""
        return (len(self.split.labels) if self.split.regimes.rho else 1) * len(self.lag_matrices)

    @property
    def lag_matrices(self) -> tuple[int, ...]:
        """Which of W_1, W_2 ... lag the response: 0 is the one W."""
        weights = self._design.weights
        return weights.lag if isinstance(weights, SeveralWeights) else (0,) * self.specification.lag

    @property
    def error_matrices(self) -> tuple[int, ...]:
        """Which of them lag the error; 0 is the one M."""
        weights = self._design.weights
        return weights.error if isinstance(weights, SeveralWeights) else (0,) * self.specification.error

    @property
    def rhos_by_weights(self) -> dict[str, pd.Series]:
        """``rho``, or ``rho_1``, ``rho_2`` ...: one for every regime, or one of all."""
        return _by_weights(self.rhos, len(self.lag_matrices))

    @property
    def lambdas_by_weights(self) -> dict[str, pd.Series]:
        return _by_weights(self.lambdas, len(self.error_matrices))

    @property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """The products of W in the responses: every W, and W^2 where it lags regressors."""
        weights = self._design.weights
        every = range(len(weights.matrices)) if isinstance(weights, SeveralWeights) else (0,)
        return tuple(sorted({(m,) for m in every} | set(self.split.paths), key=lambda path: (len(path), path)))

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


def _by_weights(values: pd.Series, weights: int) -> dict[str, pd.Series]:
    """Of every W, by the name of its parameter."""
    parts = np.split(np.arange(len(values)), weights) if weights else []
    return {values.index[at[0]].rpartition(": ")[2]: values.iloc[at] for at in parts}


def refuse_regimes(fit: FitRecord) -> None:
    """E324 where coefficients of one regime would be taken for those of all."""
    if isinstance(fit, RegimesRecord):
        raise SpatialInputError("E324", "this reads models without regimes, and the model has regimes",
                                hint="fit.effects() has effects by regime, sp.chow_test(fit) whether they differ")
