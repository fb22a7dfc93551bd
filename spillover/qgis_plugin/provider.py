"""The group of algorithms in the toolbox, and its one setting: which command is run."""

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .command import ICON, SETTING


class Provider(QgsProcessingProvider):
    def id(self):
        return "spillover"

    def name(self):
        return "Spillover"

    def longName(self):
        return "Spillover: spatial econometrics"

    def icon(self):
        return QIcon(ICON)

    def supportedOutputVectorLayerExtensions(self):
        return ["gpkg", "geojson"]

    def load(self):
        from processing.core.ProcessingConfig import ProcessingConfig, Setting

        text = "Command (as spillover qgis install wrote it, where empty)"
        ProcessingConfig.settingIcons["Spillover"] = self.icon()
        ProcessingConfig.addSetting(Setting("Spillover", SETTING, text, "", valuetype=Setting.FILE))
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self):
        from processing.core.ProcessingConfig import ProcessingConfig

        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self):
        from .clusters import HotSpots, Lisa, Moran
        from .models import CompareWeights, Panel, Regression
        from .policies import DifferenceInDifferences, Shock, WhatIf
        from .weights import BuildWeights

        for algorithm in (BuildWeights, Moran, Lisa, HotSpots, Regression, Panel, CompareWeights, Shock, WhatIf,
                          DifferenceInDifferences):  # fmt: skip
            self.addAlgorithm(algorithm())
