"""Pictures for the docs: the dialog of an algorithm, and the map that it gives; runs in the whole QGIS, under Xvfb.

    xvfb-run -s "-screen 0 1400x900x24" qgis --nologo --profiles-path PROFILES --code pictures.py

PICTURES is where they go, MAP the layer; both from the environment.
"""

import os
import traceback

import processing
from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QDockWidget, QToolBar, QTreeView
from qgis.utils import iface

# On the datum of the layer: between two QGIS would ask which way to go.
ALBERS = "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=37.5 +lon_0=-96 +datum=WGS84 +type=crs"
FOLDER, MAP = os.environ["PICTURES"], os.environ["MAP"]


def later(milliseconds, function):
    def safely():
        try:
            function()
        except Exception:
            with open(os.path.join(FOLDER, "error.txt"), "w", encoding="utf-8") as file:
                file.write(traceback.format_exc())
            os._exit(1)

    QTimer.singleShot(milliseconds, safely)


def begin():
    window = iface.mainWindow()
    window.resize(1360, 820)
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in ("Layers", "ProcessingToolbox"):
            dock.hide()
    for bar in window.findChildren(QToolBar):
        if bar.objectName() not in ("mFileToolBar", "mMapNavToolBar"):
            bar.hide()
    layer = QgsVectorLayer(f"{MAP}|layername=states", "US states, 1986", "ogr")
    QgsProject.instance().addMapLayer(layer)
    parameters = {"INPUT": layer.id(), "ID": "state", "FIELD": "unemp", "PERMUTATIONS": 999}
    dialog = processing.createAlgorithmDialog("spillover:lisa", parameters)
    dialog.resize(940, 640)
    dialog.show()
    later(2500, lambda: dialog_shown(dialog, parameters))


def dialog_shown(dialog, parameters):
    dialog.grab().save(os.path.join(FOLDER, "qgis_dialog.png"))
    dialog.close()
    processing.runAndLoadResults("spillover:lisa", parameters | {"OUTPUT": "TEMPORARY_OUTPUT"})
    QgsProject.instance().setCrs(QgsCoordinateReferenceSystem.fromProj(ALBERS))
    layer = QgsProject.instance().mapLayersByName("Local Moran (LISA): unemp")[0]
    iface.layerTreeView().expandAll()
    canvas = iface.mapCanvas()
    canvas.setExtent(canvas.mapSettings().layerExtentToOutputExtent(layer, layer.extent()))
    canvas.refresh()
    toolbox = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    toolbox.show()
    view = toolbox.findChild(QTreeView)
    model = view.model()
    view.collapseAll()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if model.data(index) == "Spillover":
            view.expandRecursively(index)
            view.scrollTo(index)
    later(6000, finish)


def finish():
    iface.mainWindow().grab().save(os.path.join(FOLDER, "qgis_map.png"))
    os._exit(0)


later(4000, begin)
