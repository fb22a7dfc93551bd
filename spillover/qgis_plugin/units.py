"""Parameters that many algorithms share: the layer of units, and who is whose neighbor."""

from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

WEIGHTS = {
    "queen": "Queen: a common point of the borders", "rook": "Rook: a common stretch of the borders",
    "knn": "Nearest neighbors, as many as set below", "distance_band": "All within the distance set below",
    "inverse_distance": "Inverse distance, up to the distance set below", "delaunay": "Delaunay triangulation",
    "file": "A file of weights",
}  # fmt: skip
NUMERIC, ANY = QgsProcessingParameterField.DataType.Numeric, QgsProcessingParameterField.DataType.Any
WHOLE, REAL = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
POLYGONS, MAP = QgsProcessing.SourceType.TypeVectorPolygon, QgsProcessing.SourceType.TypeVectorAnyGeometry
TABLE = QgsProcessing.SourceType.TypeVector


def add_units(algorithm):
    """The layer, and the field that names its units."""
    algorithm.add(QgsProcessingParameterFeatureSource("INPUT", "Units", [MAP]),
                  "Polygons or points, one feature per unit. A filter and a selection are respected.")
    algorithm.add(QgsProcessingParameterField("ID", "Field that names the units", parentLayerParameterName="INPUT",
                                              type=ANY, optional=True),
                  "A code or name without repeats. Rows are numbered where there is none.")  # fmt: skip


def add_fields(algorithm, name, text, help, several=False, optional=False, parent="INPUT", type=NUMERIC):
    """A parameter for fields."""
    algorithm.add(QgsProcessingParameterField(name, text, parentLayerParameterName=parent, type=type,
                                              allowMultiple=several, optional=optional), help)  # fmt: skip


def add_weights(algorithm):
    """Who is whose neighbor."""
    algorithm.add(QgsProcessingParameterEnum("WEIGHTS", "Neighbors", list(WEIGHTS.values()), defaultValue=0),
                  "Who is whose neighbor. Weights are row-standardised: each unit's sum to one.")  # fmt: skip
    algorithm.add(QgsProcessingParameterNumber("K", "Number of nearest neighbors", WHOLE, 5, minValue=1),
                  "For nearest neighbors.")
    algorithm.add(QgsProcessingParameterNumber("DISTANCE", "Distance", REAL, optional=True, minValue=0),
                  "In kilometres on longitude and latitude, else in the layer's unit.")
    algorithm.add(QgsProcessingParameterFile("WEIGHTS_FILE", "File of weights", optional=True),
                  "GAL, GWT, parquet, CSV, Stata or MATLAB, with the ids of the units.", advanced=True)
    algorithm.add(QgsProcessingParameterString("WEIGHTS_TEXT", "Weights as the command takes them", optional=True),
                  "Instead of the choice above, such as kernel:k=8 or economic:x=income.", advanced=True)  # fmt: skip


def weights(values):
    """The weights as the command takes them.

    Raises
    ------
    QgsProcessingException
        A distance or a file that is needed and not there.
    """
    if values.text("WEIGHTS_TEXT"):
        return values.text("WEIGHTS_TEXT")
    kind = values.enum("WEIGHTS", list(WEIGHTS))
    distance = f"{values.number('DISTANCE'):.12g}" if values.is_set("DISTANCE") else None
    if kind == "knn":
        return f"knn:k={values.integer('K')}"
    if kind == "distance_band" and distance is None:
        raise QgsProcessingException("Set the distance within which units are neighbors")
    if kind in ("distance_band", "inverse_distance"):
        return f"{kind}:cutoff={distance}" if distance else kind
    if kind == "file":
        if not values.is_set("WEIGHTS_FILE"):
            raise QgsProcessingException("Name the file of weights")
        return values.file("WEIGHTS_FILE")
    return kind


def units(values, needed=()):
    """The words for the layer and its ids."""
    id = values.field("ID")
    return [values.layer("INPUT", [*needed, id]), *(["--id", id] if id else [])]


def formula(outcome, terms):
    """Fields as a formula; quoted, since a field may have any name."""
    return f"{quoted(outcome)} ~ " + " + ".join(map(quoted, terms))


def quoted(field):
    return f"`{field}`"
