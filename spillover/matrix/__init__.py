"""The only W there is: SpatialWeights, one per period as TemporalWeights, and the door ``as_weights``."""

from .anything import align, as_weights, warn_unlabelled
from .temporal import TemporalWeights, refuse_varying, temporal
from .weights import SpatialWeights

__all__ = ["SpatialWeights", "TemporalWeights", "align", "as_weights", "refuse_varying", "temporal", "warn_unlabelled"]
