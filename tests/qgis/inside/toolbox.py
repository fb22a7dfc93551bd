"""Run the plugin's algorithms in QGIS, through ``processing.run``; runs in QGIS's Python.

    toolbox.py CASES.json

CASES: {"plugins": folder, "command": path or "", "layers": {name: source}, "runs": [{"algorithm", "parameters"}, ...]}.
A layer's source may be {"path", "filter", "memory", "select"}. Prints what each run gave.
"""

import json
import os
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
sys.path[:0] = ["/usr/share/qgis/python/plugins", cases["plugins"]]

from qgis.core import (  # noqa: E402
    QgsApplication,
    QgsFeatureRequest,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)

application = QgsApplication([], False)
application.initQgis()
import processing  # noqa: E402
from processing.core.Processing import Processing  # noqa: E402
from processing.core.ProcessingConfig import ProcessingConfig  # noqa: E402

Processing.initialize()
import spillover_processing  # noqa: E402

plugin = spillover_processing.classFactory(None)
plugin.initProcessing()
ProcessingConfig.setSettingValue("SPILLOVER_COMMAND", cases["command"] or "")


class Feedback(QgsProcessingFeedback):
    """Cancels after the first report of progress where it is asked to; keeps what is said."""

    def __init__(self, cancel):
        super().__init__(False)
        self.wanted, self.steps, self.messages, self.cancelled_at = cancel, [], [], None
        self.begun = time.monotonic()

    def setProgressText(self, text):
        self.steps.append([round(self.progress(), 1), text])
        if self.wanted and self.cancelled_at is None:
            self.cancelled_at = time.monotonic()
            self.cancel()

    def pushWarning(self, text):
        self.messages.append(text)

    def reportError(self, text, fatalError=False):
        self.messages.append(text)


def layer(source):
    there = QgsVectorLayer(source["path"], source.get("name", "layer"), source.get("provider", "ogr"))
    assert there.isValid(), source
    if source.get("filter"):
        there.setSubsetString(source["filter"])
    if source.get("memory"):
        there = there.materialize(QgsFeatureRequest())
    QgsProject.instance().addMapLayer(there)
    if source.get("select"):
        there.selectByExpression(source["select"])
        return QgsProcessingFeatureSourceDefinition(there.id(), True)
    return there


def described(value):
    """A layer that came back: what QGIS makes of it when it is loaded."""
    if not isinstance(value, str) or ".gpkg" not in value:
        return value
    there = QgsVectorLayer(value, "result", "ogr")
    renderer = there.renderer()
    return {"source": value, "features": there.featureCount(), "renderer": renderer.type(),
            "labels": [item.label() for item in renderer.legendSymbolItems()],
            "fields": [field.name() for field in there.fields()]}  # fmt: skip


def loaded(name, parameters):
    """The layer that the toolbox adds to the project."""
    before = set(QgsProject.instance().mapLayers())
    processing.runAndLoadResults(f"spillover:{name}", parameters, feedback=QgsProcessingFeedback())
    there = [layer for id, layer in QgsProject.instance().mapLayers().items() if id not in before]
    return [[layer.name(), layer.renderer().type()] for layer in there]


layers = {name: layer(source) for name, source in cases.get("layers", {}).items()}
answers = []
for run in cases["runs"]:
    feedback = Feedback(run.get("cancel", False))
    parameters = {key: layers[value[1:]] if isinstance(value, str) and value.startswith("@") else value
                  for key, value in run["parameters"].items()}  # fmt: skip
    answer = {}
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    try:
        results = processing.run(f"spillover:{run['algorithm']}", parameters, feedback=feedback, context=context)
        answer["results"] = {key: described(value) for key, value in results.items()}
        if run.get("load"):
            answer["loaded"] = loaded(run["algorithm"], parameters)
    except Exception as error:
        answer["error"] = str(error)
    answer |= {"steps": feedback.steps, "messages": feedback.messages}
    if feedback.cancelled_at:
        answer["ended_after"] = time.monotonic() - feedback.cancelled_at
    answers.append(answer)
provider = QgsApplication.processingRegistry().providerById("spillover")
algorithms = {
    a.name(): {"help": a.shortHelpString(), "parameters": {p.name(): p.help() for p in a.parameterDefinitions()}}
    for a in provider.algorithms()
}
print("JSON:" + json.dumps({"answers": answers, "algorithms": algorithms}), flush=True)
os._exit(0)
