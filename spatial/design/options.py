"""What a model is asked for, and what it was estimated with: named fields in place of dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from spillover.errors import SpatialInputError, check_option

from .fixed_effects import FixedEffects
from .moment_settings import Moments
from .read import MISSING

if TYPE_CHECKING:
    from .specification import Specification

OPTIONAL = ("lags", "random_error", "serial")  # None takes the default
CHOICES = {
    "wx_order": (1, 2),
    "lags": ("y", "Wy", "both"),
    "random_error": ("kkp", "baltagi"),
    "serial": ("ar1",),
    "correction": (True, False, "additive"),
    "missing": (*MISSING, "model"),
}


def lists_weights(w) -> bool:
    """A list or tuple of weights; a list of lists of numbers is one dense matrix."""
    return isinstance(w, list | tuple) and (not len(w) or not isinstance(w[0], list | tuple | int | float))


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The keywords of the public models, as the user gave them; ``help(sp.sdm)`` explains each."""

    entity: str | None = None
    time: str | None = None
    effects: str | None = None
    durbin: Sequence[str] | Mapping | None = None
    wx_order: int = 1
    lags: str | None = None
    method: object = "ml"
    w_error: object = None
    random_error: str | None = None
    serial: str | None = None
    endog: Sequence[str] | None = None
    instruments: Sequence[str] | None = None
    correction: bool | str = True
    vcov: object = None
    obs_weights: object = None
    missing: str = "error"
    logdet: str | None = None
    regimes: object = None

    @property
    def estimator(self) -> str:
        """The method's name: an object holds the settings of GMM, None leaves the choice to the model, and instruments
        need moments."""
        if self.method is None:
            return "gmm" if self.endog or self.instruments else "ml"
        return self.method if isinstance(self.method, str) else "gmm"

    @property
    def moments(self) -> Moments:
        """The settings of moments, or the usual ones."""
        return self.method if isinstance(self.method, Moments) else Moments()

    @property
    def covariance(self) -> object:
        """The covariance, or the method's usual one."""
        usual = {"ml": "oim", "gmm": "classical"}
        return usual.get(self.estimator, self.estimator) if self.vcov is None else self.vcov

    def several(self, w) -> bool:
        """Whether a call is about several W: a list of weights, or regressors with their own."""
        return isinstance(self.durbin, Mapping) or lists_weights(w) or lists_weights(self.w_error)

    def check(self, specification: Specification) -> None:
        """Refuse what cannot be before the data are read.

        Raises
        ------
        SpatialInputError
            E501.
        """
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed and not (value is None and name in OPTIONAL):
                check_option(name, value, allowed)
        for name in ("durbin", "endog", "instruments"):
            value = getattr(self, name)
            if not (value is None or isinstance(value, str | list | tuple)):
                raise SpatialInputError("E501", f"{name}={value!r} must be a list of terms", hint=f"{name}=['x', 'z']")
        literal = specification.lag and self.durbin is not None and not len(self.durbin)  # W 1 left out
        if self.durbin is not None and not (specification.durbin or literal):
            message = f"durbin= has no meaning for {specification.name}"
            raise SpatialInputError("E501", message, hint="use slx, sdm or sdem")
        if self.estimator != "gmm":
            if self.endog or self.instruments:
                raise SpatialInputError("E501", "endogenous regressors need method='gmm'", hint="method='gmm'")
            return
        dynamic = self.lags is not None or not (isinstance(self.method, str | Moments) or self.method is None)
        for name, only, needless in (("correction", (True,) if dynamic else (True, False), "no such correction"),
                                     ("logdet", (None,), "no determinant")):  # fmt: skip
            if (value := getattr(self, name)) not in only:
                message = f"{name}={value!r} belongs to method='ml': moments need {needless}"
                raise SpatialInputError("E501", message, hint="leave it out, or choose the method that it belongs to")


@dataclass(frozen=True)
class Settings:
    """What a fit was estimated with.

    Attributes
    ----------
    effects : FixedEffects
    correction : {True, False, "additive"}
        How maximum likelihood was corrected for fixed effects.
    method : {"ml", "reml", "aqs", "gmm"}
    vcov : str or object
        The covariance, as the public functions take it.
    logdet : str or None
        How log|I - rho W| was to be computed; None leaves it to W's size and structure.
    random : spatial.solve.random_effects.RandomEffects or None
        The variance components of random effects.
    serial : spatial.solve.serial.SerialErrors or None
        psi of errors that are correlated over time.
    requested : ModelOptions
        The keywords that led to it.
    """

    effects: FixedEffects
    correction: bool | str = True
    method: str = "ml"
    vcov: object = "oim"
    logdet: str | None = None
    random: Any = field(default=None, repr=False)
    serial: Any = field(default=None, repr=False)
    requested: ModelOptions = field(default=ModelOptions(), repr=False, compare=False)

    @property
    def corrected(self) -> bool:
        """Whether fixed effects are there and corrected for."""
        return self.effects.fixed and self.correction is not False

    @property
    def composed(self) -> bool:
        """Whether the errors have parts: random effects, or what is correlated over time."""
        return bool(self.effects.random) or self.requested.serial is not None

    @property
    def counts_parameters(self) -> bool:
        """Whether maximum likelihood has the factor n / (n - p) and t statistics."""
        return self.method == "ml" and self.correction is not False and self.random is None and self.serial is None

    def with_(self, **changes) -> Settings:
        """A copy with other values of some fields."""
        return replace(self, **changes)
