"""What all algorithms share: the input is exported, the command is run, layers and a page come back."""

import html
import tempfile
from pathlib import Path

from qgis.core import (
    QgsFeatureSink,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterVectorDestination,
    QgsVectorFileWriter,
)
from qgis.PyQt.QtGui import QIcon

from .command import ICON, run

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.5 sans-serif; margin: 1.5em; color: #1f2328 }} h1 {{ font-size: 1.3em }}
pre {{ font: 12.5px/1.4 monospace; background: #f6f8fa; padding: 1em; overflow-x: auto }}
table {{ border-collapse: collapse; font-size: 13px }} td, th {{ padding: .25em .7em; text-align: left }}
th {{ border-bottom: 1px solid #1f2328 }} td {{ border-bottom: 1px solid #e5e8eb }} .n {{ text-align: right }}
p.note {{ color: #5c6570 }}</style></head><body><h1>{title}</h1>{notes}<pre>{text}</pre>{table}</body></html>"""
ROWS = 200  # of a table that the page shows


class Colors(QgsProcessingLayerPostProcessorInterface):
    """Draws a loaded layer as the styles in its file say: Processing itself loads layers without them."""

    def postProcessLayer(self, layer, context, feedback):
        layer.loadDefaultStyle()
        layer.triggerRepaint()


COLORS = Colors()  # QGIS keeps no reference of its own


class Algorithm(QgsProcessingAlgorithm):
    """An algorithm that runs a verb of the command.

    A subclass has NAME, TITLE, GROUP, HELP, SHAPES (whether a styled layer comes back), and the methods ``define`` (its
    parameters) and ``words`` (the command line without where results go).
    """

    NAME = TITLE = GROUP = HELP = ""
    TAGS: tuple[str, ...] = ()
    SHAPES = None
    OUTPUT, REPORT = "OUTPUT", "REPORT"

    def createInstance(self):
        return type(self)()

    def name(self):
        return self.NAME

    def displayName(self):
        return self.TITLE

    def group(self):
        return self.GROUP

    def groupId(self):
        return self.GROUP.lower().replace(" ", "_")

    def shortHelpString(self):
        return " ".join(self.HELP.split())

    def tags(self):
        return ["spillover", "spatial econometrics", *self.TAGS]

    def icon(self):
        return QIcon(ICON)

    def initAlgorithm(self, configuration=None):
        self.define()
        if self.SHAPES:
            layer = QgsProcessingParameterVectorDestination(self.OUTPUT, "Layer", self.SHAPES)
            self.add(layer, "A GeoPackage that opens colored.")
        page = QgsProcessingParameterFileDestination(self.REPORT, "Report", "HTML files (*.html)", optional=True)
        self.add(page, "What was computed, in words and a table.")

    def add(self, parameter, help, advanced=False):
        """Add a parameter with its help."""
        parameter.setHelp(help)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def processAlgorithm(self, parameters, context, feedback):
        results = {}
        with tempfile.TemporaryDirectory(prefix="spillover-") as folder:
            words = self.words(Values(self, parameters, context, feedback, Path(folder)))
            target = self.target(parameters, context)
            if target:
                words += ["-o", target, "--overwrite"]
            answer = run([str(word) for word in words], feedback, folder)
        if target:
            results[self.OUTPUT] = self.shown(target)
            if context.willLoadLayerOnCompletion(target):
                details = context.layerToLoadOnCompletionDetails(target)
                details.setPostProcessor(COLORS)
                details.name = self.layer_name(parameters)
        feedback.pushInfo(answer["text"])
        page = self.parameterAsFileOutput(parameters, self.REPORT, context)
        if page:
            Path(page).write_text(written(self.TITLE, answer), encoding="utf-8")
            results[self.REPORT] = page
        return results

    def target(self, parameters, context):
        """The file of the styled layer, or None."""
        if not self.SHAPES:
            return None
        target = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        if not target.lower().endswith((".gpkg", ".geojson")):
            raise QgsProcessingException(f"Write a GeoPackage (.gpkg), which keeps colors, or .geojson, not {target}")
        return target

    def layer_name(self, parameters):
        """What the layer is called in the project: the algorithm, and the variable where there is one."""
        variable = next((parameters[key] for key in ("FIELD", "TERM", "OUTCOME") if parameters.get(key)), "")
        return f"{self.TITLE}: {variable}" if isinstance(variable, str) and variable else self.TITLE

    def shown(self, target):
        """The layer in a file, as QGIS names it: a GeoPackage also has a table of styles."""
        return f"{target}|layername={Path(target).stem}" if target.lower().endswith(".gpkg") else target


class Values:
    """The values of an algorithm's parameters, and layers as files of a folder."""

    def __init__(self, algorithm, parameters, context, feedback, folder):
        self.algorithm, self.parameters, self.context = algorithm, parameters, context
        self.feedback, self.folder = feedback, folder

    def field(self, name):
        """One field, or None."""
        return next(iter(self.fields(name)), None)

    def fields(self, name):
        return [field for field in self.algorithm.parameterAsFields(self.parameters, name, self.context) if field]

    def enum(self, name, options):
        return options[self.algorithm.parameterAsEnum(self.parameters, name, self.context)]

    def integer(self, name):
        return self.algorithm.parameterAsInt(self.parameters, name, self.context)

    def number(self, name):
        return self.algorithm.parameterAsDouble(self.parameters, name, self.context)

    def text(self, name):
        return self.algorithm.parameterAsString(self.parameters, name, self.context).strip()

    def flag(self, name):
        return self.algorithm.parameterAsBoolean(self.parameters, name, self.context)

    def file(self, name):
        return self.algorithm.parameterAsFile(self.parameters, name, self.context)

    def is_set(self, name):
        return self.parameters.get(name) not in (None, "")

    def layer(self, name, needed=(), once=None):
        """The layer's features as a GeoPackage, with its filter or selection; its path.

        With ``once``, a field, only the first feature of each of its values.

        Raises
        ------
        QgsProcessingException
            No layer, no features, or a field that is not there.
        """
        source = self.source(name, needed)
        path = self.folder / f"{name.lower()}.gpkg"
        options = QgsVectorFileWriter.SaveVectorOptions()
        options.driverName, options.layerName, options.fileEncoding = "GPKG", "units", "UTF-8"
        options.layerOptions = ["FID=_row", "GEOMETRY_NAME=_shape"]
        writer = QgsVectorFileWriter.create(str(path), source.fields(), source.wkbType(), source.sourceCrs(),
                                            self.context.transformContext(), options)  # fmt: skip
        if writer.hasError() != QgsVectorFileWriter.WriterError.NoError:
            raise QgsProcessingException(f"The layer cannot be exported: {writer.errorMessage()}")
        seen = set()
        for feature in source.getFeatures():
            if once is not None:
                if feature[once] in seen:
                    continue
                seen.add(feature[once])
            if not writer.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
                raise QgsProcessingException(f"The layer cannot be exported: {writer.errorMessage()}")
        del writer  # writes what is left
        return str(path)

    def table(self, name, needed=()):
        """The attributes of a layer or table as CSV; its path."""
        import csv

        source = self.source(name, needed)
        path = self.folder / f"{name.lower()}.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([field.name() for field in source.fields()])
            for feature in source.getFeatures():
                rows.writerow(["" if _missing(value) else _written(value) for value in feature.attributes()])
        return str(path)

    def source(self, name, needed):
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise QgsProcessingException(self.algorithm.invalidSourceError(self.parameters, name))
        if source.featureCount() == 0:
            raise QgsProcessingException(f"{source.sourceName()} has no features, or its filter leaves none")
        there = [field.name() for field in source.fields()]
        absent = [field for field in needed if field and field not in there]
        if absent:
            raise QgsProcessingException(f"{source.sourceName()} has no field {absent[0]}; its fields are "
                                         + ", ".join(there))
        return source


def _missing(value):
    return value is None or (hasattr(value, "isNull") and value.isNull())


def _written(value):
    return value.toString("yyyy-MM-dd") if hasattr(value, "toString") else value


def written(title, answer):
    """The page of an answer: its notes, its text, its table."""
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in answer.get("notes", ()))
    rows = answer.get("table") or []
    table = ""
    if rows:
        heads = list(rows[0])
        body = "".join("<tr>" + "".join(_cell(row.get(head)) for head in heads) + "</tr>" for row in rows[:ROWS])
        table = "<table><tr>" + "".join(f"<th>{html.escape(head)}</th>" for head in heads) + f"</tr>{body}</table>"
        table += f'<p class="note">{len(rows) - ROWS:,} more rows</p>' if len(rows) > ROWS else ""
    return PAGE.format(title=html.escape(title), notes=notes, text=html.escape(answer["text"]), table=table)


def _cell(value):
    if isinstance(value, float):
        return f'<td class="n">{value:.5g}</td>'
    return f'<td class="n">{value}</td>' if isinstance(value, int) else f"<td>{html.escape(str(value or ''))}</td>"
