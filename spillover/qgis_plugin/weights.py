"""Build weights: who is whose neighbor, as a file."""

from qgis.core import QgsProcessingParameterFileDestination

from .base import Algorithm
from .units import add_units, add_weights, units, weights

FILES = "GAL (*.gal);;GWT (*.gwt);;Parquet (*.parquet);;CSV (*.csv)"


class BuildWeights(Algorithm):
    NAME, TITLE, GROUP = "weights", "Build weights", "Weights"
    TAGS = ("queen", "rook", "contiguity", "nearest neighbors", "distance")
    HELP = """Spatial weights from polygons or points: contiguity, nearest neighbors, distance.
    The report tells links, islands and components. The file is read by the other algorithms, by GeoDa, PySAL, R and
    Stata."""

    def define(self):
        add_units(self)
        add_weights(self)
        file = QgsProcessingParameterFileDestination(self.OUTPUT, "File of weights", FILES)
        self.add(file, "GAL, GWT, parquet or CSV.")

    def words(self, values):
        path, *id = units(values)
        return ["weights", "build", weights(values), path, *id, "--standardize", "none"]  # whoever reads it scales it

    def target(self, parameters, context):
        return self.parameterAsFileOutput(parameters, self.OUTPUT, context)

    def shown(self, target):
        return target
