"""What a model is asked for, and what it was estimated with: named fields in place of dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .fixed_effects import FixedEffects

if TYPE_CHECKING:
    from ..covariance.random import RandomEffects


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
    random : RandomEffects or None
        The variance components of random effects.
    """

    effects: FixedEffects
    correction: bool | str = True
    method: str = "ml"
    vcov: object = "oim"
    logdet: str | None = None
    random: RandomEffects | None = field(default=None, repr=False)

    @property
    def corrected(self) -> bool:
        """Whether fixed effects are there and corrected for."""
        return self.effects.fixed and self.correction is not False

    @property
    def counts_parameters(self) -> bool:
        """Whether maximum likelihood has the factor n / (n - p) and t statistics."""
        return self.method == "ml" and self.correction is not False and self.random is None

    def with_(self, **changes) -> Settings:
        return replace(self, **changes)

    def __getitem__(self, name: str):  # transitional: the old keys
        return self.effects.name if name == "effects" else getattr(self, name)

    def get(self, name: str):  # transitional
        return self[name]
