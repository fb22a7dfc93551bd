"""Which covariances models with regimes do not have."""

from __future__ import annotations

from spillover.errors import SpatialInputError

NEED_REFITS = ("jackknife", "bootstrap", "Jackknife", "Bootstrap")


def refuse_refits(vcov) -> None:
    """E501 for covariances that estimate the model again without some units."""
    name = vcov if isinstance(vcov, str) else type(vcov).__name__
    if name in NEED_REFITS:
        raise SpatialInputError("E501", f"vcov={name!r} is not there for models with regimes",
                                hint="vcov='robust', or sp.Cluster(column)")
