"""The only W there is: SpatialWeights, one per period as TemporalWeights, several in one model as SeveralWeights, and
the door ``as_weights``."""

from .anything import align, as_weights, warn_unlabelled
from .several import SeveralWeights, refuse_alike
from .temporal import TemporalWeights, refuse_varying, temporal
from .weights import SpatialWeights

__all__ = [
    "SeveralWeights", "SpatialWeights", "TemporalWeights", "align", "as_weights", "refuse_alike", "refuse_varying",
    "temporal", "warn_unlabelled",
]  # fmt: skip
