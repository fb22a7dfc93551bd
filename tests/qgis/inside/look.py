"""Open a layer as QGIS does and say what it shows; runs in QGIS's Python.

    look.py FILE LAYER PICTURE
    look.py CONNECTION postgres PICTURE
"""

import json
import os
import sys

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRenderContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def look(path, name, picture):
    place = (path, name, name) if name == "postgres" else (f"{path}|layername={name}", name, "ogr")
    layer = QgsVectorLayer(*place)
    message, loaded = layer.loadDefaultStyle()
    renderer = layer.renderer()
    image = draw(layer, picture)
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}
    context, drawn = QgsRenderContext(), {}
    renderer.startRender(context, layer.fields())
    for feature in layer.getFeatures():
        symbol = renderer.symbolForFeature(feature, context)
        unit = feature.attribute("state")
        drawn[unit] = symbol.color().name() if symbol else None
    renderer.stopRender(context)
    items = renderer.legendSymbolItems()
    return {
        "valid": layer.isValid(), "loaded": loaded, "message": message, "renderer": renderer.type(),
        "column": renderer.classAttribute(), "labels": [item.label() for item in items],
        "colors": [item.symbol().color().name() for item in items], "seen": sorted(colors), "drawn": drawn,
        "aliases": {field.name(): field.alias() for field in layer.fields() if field.alias()},
        "tip": layer.mapTipTemplate(), "styles": list(layer.listStylesInDatabase()[2]),
    }  # fmt: skip


def draw(layer, picture):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:5070"))
    settings.setOutputSize(QSize(900, 600))
    settings.setBackgroundColor(QColor("#ffffff"))
    there = QgsCoordinateTransform(layer.crs(), settings.destinationCrs(), QgsProject.instance())
    settings.setExtent(there.transformBoundingBox(layer.extent()))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
    return job.renderedImage()


application = QgsApplication([], False)
application.initQgis()
print("JSON:" + json.dumps(look(*sys.argv[1:4])), flush=True)
os._exit(0)  # Qt objects of this file are still alive, and their order of destruction is not ours
