"""What a comparison keeps of a fit: its numbers. The fit itself is estimated on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..models.fit import Fit
from .posterior import log_marginal
from .prior import Prior

SCHEMA = {
    "weights": "text", "model": "text", "links": "whole", "names": "texts", "params": "numbers",
    "covariance": "numbers", "sigma2": "number", "loglik": "number", "log_marginal": "number", "n": "whole",
    "parameters": "whole", "correction": "text", "problem": "text",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Estimate:
    """One model under one W.

    Attributes
    ----------
    model : str
        "SDM" and the like.
    names : tuple of p str;  params : (p,);  covariance : (p, p)
    sigma2, loglik : float
    log_marginal : float
        With the transformation of the fit itself; NaN where there is none.
    n, parameters : int
        Of the likelihood.
    correction : {"True", "False", "additive"}
    links : int
    """

    model: str
    names: tuple[str, ...]
    params: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    sigma2: float
    loglik: float
    log_marginal: float
    n: int
    parameters: int
    correction: str
    links: int

    @property
    def aic(self) -> float:
        return 2 * self.parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        return float(np.log(self.n)) * self.parameters - 2 * self.loglik

    def get(self, name: str) -> float:
        """A parameter; NaN where the model has none of this name."""
        return float(self.params[self.names.index(name)]) if name in self.names else np.nan


def of_fit(fit: Fit, prior: Prior) -> Estimate:
    """The numbers of a fit."""
    try:
        marginal = log_marginal(fit, prior)
    except SpatialInputError as error:
        if error.code != "E511":
            raise
        marginal = np.nan
    return Estimate(
        fit.specification.name, tuple(fit.params.index), fit.params.to_numpy(), fit.vcov.to_numpy(), float(fit.sigma2),
        float(fit.loglik), float(marginal), int(fit._sample.n), fit.n_parameters, str(fit._settings.correction),
        int(fit._design.weights.nnz),
    )  # fmt: skip


def row_of(outcome: Estimate | SpatialInputError, weights: str, model: str) -> dict:
    """The row that a journal stores."""
    if isinstance(outcome, SpatialInputError):
        problem = f"{outcome.code}: {outcome.message}"
        return dict.fromkeys(SCHEMA) | {"weights": weights, "model": model, "problem": problem}
    out = {name: getattr(outcome, name, "") for name in SCHEMA}
    return out | {"weights": weights, "names": list(outcome.names), "params": outcome.params.tolist(),
                  "covariance": outcome.covariance.ravel().tolist()}  # fmt: skip


def of_row(row: dict) -> Estimate | SpatialInputError:
    """The estimate of a journal's row."""
    if row["problem"]:
        code, _, message = row["problem"].partition(": ")
        return SpatialInputError(code, message)
    p = len(row["params"])
    numbers = {name: np.nan if row[name] is None else row[name] for name in ("sigma2", "loglik", "log_marginal")}
    return Estimate(row["model"], tuple(row["names"]), np.array(row["params"]),
                    np.array(row["covariance"]).reshape(p, p), **numbers, n=row["n"], parameters=row["parameters"],
                    correction=row["correction"], links=row["links"])  # fmt: skip


class Lazy(Mapping):
    """Values by key, each computed on first use and cached.

    Parameters
    ----------
    keys : iterable
    make : function of a key
    built : dict, optional
        Values computed already.
    """

    def __init__(self, keys, make: Callable, built: dict | None = None):
        self._keys, self._make, self._built = dict.fromkeys(keys), make, dict(built or {})

    def __getitem__(self, key):
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._built:
            self._built[key] = self._make(key)
        return self._built[key]

    def __iter__(self) -> Iterator:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"{len(self)} by key: {', '.join(map(str, self))}"
