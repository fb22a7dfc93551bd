"""Is it clustered, and where? Moran's I, local Moran (LISA), hot spots."""

from qgis.core import (
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
)

from .base import Algorithm
from .units import ANY, MAP, WHOLE, add_fields, add_units, add_weights, units, weights

CORRECTIONS = {"none": "None: each unit's own p-value", "fdr": "False discovery rate (Benjamini and Hochberg)",
               "bonferroni": "Bonferroni"}  # fmt: skip
GROUP = "Clusters"


class Moran(Algorithm):
    NAME, TITLE, GROUP = "moran", "Moran's I", GROUP
    TAGS = ("autocorrelation", "clustering")
    HELP = """Is a variable spatially autocorrelated? Moran's I of one or several fields, with p-values by permutation.
    With a field of periods, where the layer has a feature for every unit and period: I of each period."""

    def define(self):
        add_units(self)
        add_fields(self, "FIELDS", "Variables", "One Moran's I for each.", several=True)
        add_fields(self, "TIME", "Field of periods", "I of each period.", optional=True, type=ANY)
        add_weights(self)
        self.add(QgsProcessingParameterNumber("PERMUTATIONS", "Permutations", WHOLE, 999, minValue=0), "Random ones.")
        add_seed(self)

    def words(self, values):
        fields, time, id = values.fields("FIELDS"), values.field("TIME"), values.field("ID")
        columns = [word for field in fields for word in ("-c", field)]
        draws, seed = values.integer("PERMUTATIONS"), values.integer("SEED")
        how = ["-w", weights(values), "--permutations", draws, "--seed", seed]
        if not time:
            return ["moran", *units(values, fields), *columns, *how]
        return ["moran", values.table("INPUT", [*fields, time, id]), "--map", once(values, id), "--id", id,
                "--panel", f"{id},{time}", *columns, *how]  # fmt: skip


class Lisa(Algorithm):
    NAME, TITLE, GROUP, SHAPES = "lisa", "Local Moran (LISA)", GROUP, MAP
    TAGS = ("cluster", "outlier", "local indicators")
    HELP = """Where are high values among high ones, low among low, and which units differ from their neighbors?
    Local Moran's I (Anselin 1995) with permutation p-values. The layer opens with the clusters colored; it holds the
    statistic, its p-values and the fields of the input."""
    VERB = "lisa"

    def define(self):
        add_units(self)
        add_fields(self, "FIELD", "Variable", "A number for every unit.")
        add_weights(self)
        self.options()
        correction = QgsProcessingParameterEnum("CORRECTION", "Correction for many tests", list(CORRECTIONS.values()),
                                                defaultValue=0)  # fmt: skip
        self.add(correction, "There is a test for each unit: without a correction one in twenty is found by chance.")
        self.add(QgsProcessingParameterNumber("PERMUTATIONS", "Permutations", WHOLE, optional=True, minValue=99),
                 "By default as many as map and correction need.", advanced=True)
        add_seed(self)

    def options(self):
        """More parameters."""

    def words(self, values):
        field = values.field("FIELD")
        words = [self.VERB, *units(values, [field]), "-c", field, "-w", weights(values), "--correction",
                 values.enum("CORRECTION", list(CORRECTIONS)), "--seed", values.integer("SEED")]  # fmt: skip
        if values.is_set("PERMUTATIONS"):
            words += ["--permutations", values.integer("PERMUTATIONS")]
        return words


class HotSpots(Lisa):
    NAME, TITLE = "hotspots", "Hot spots (Getis-Ord G)"
    TAGS = ("Getis", "Ord", "cold spots")
    HELP = """Where do high values gather, and where low ones? Local G of Getis and Ord (1995), p-values by permutation.
    The layer opens with hot spots red and cold spots blue."""
    VERB = "hotspots"

    def options(self):
        self.add(QgsProcessingParameterBoolean("STAR", "A unit counts as its own neighbor (G*)", True),
                 "G* is what most maps of hot spots show.")

    def words(self, values):
        return [*super().words(values), "--star" if values.flag("STAR") else "--no-star"]


def add_seed(algorithm):
    seed = QgsProcessingParameterNumber("SEED", "Seed", WHOLE, 1, minValue=0)
    algorithm.add(seed, "Of the permutations: the same seed gives the same numbers.", advanced=True)


def once(values, id):
    """The layer with one feature for each unit, where it repeats them by period."""
    if not id:
        raise QgsProcessingException("With periods, the field that names the units is needed")
    return values.layer("INPUT", [id], once=id)
