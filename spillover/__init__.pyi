"""Written by tests/stubs.py from ``spillover.__init__``."""

from .errors import SpatialInputError as SpatialInputError
from .errors import SpatialInputWarning as SpatialInputWarning
from .matrix import SpatialWeights as SpatialWeights
from .matrix import TemporalWeights as TemporalWeights
from .matrix import as_weights as as_weights
import shapefiles as shapefiles
from .versions import show_versions as show_versions
import spatial as spatial
import weights as weights

__version__: str
