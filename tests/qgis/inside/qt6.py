"""The plugin's modules under PyQt6, without QGIS: ``python tests/qgis/inside/qt6.py`` in a Python that has PyQt6.

QGIS on Qt6 is not in Debian 12. Here ``qgis.PyQt`` is PyQt6 itself, which has scoped enumerations alone, and
``qgis.core`` is a stand-in whose classes take any call but refuse an enumeration's member without its scope. So this
says that imports, icons, enumerations and the definitions of all parameters hold under Qt6; not that QGIS 4 runs them.
"""

import importlib
import json
import os
import sys
import types
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCOPES = ("SourceType", "Type", "Flag", "DataType", "Behavior", "FileWriterError", "WriterError", "ParameterType",
          "Option", "SinkFlag")  # fmt: skip
MODULES = ("plugin", "provider", "base", "command", "clusters", "models", "policies", "units", "weights")


class Scope:
    """An enumeration: its members are numbers that can be combined."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, member):
        if member.startswith("__"):
            raise AttributeError(member)
        return 1


class Scoped(type):
    """Classes whose enumerations are reached through their scope alone, as in PyQt6."""

    def __getattr__(cls, name):
        if name in SCOPES:
            return Scope(name)
        if name[:1].isupper() or name.startswith("__"):
            raise AttributeError(f"{cls.__name__}.{name}: a member of an enumeration without its scope")
        return lambda *args, **options: Any()


class Any(metaclass=Scoped):
    def __init__(self, *args, **options):
        self.arguments = args

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(type(self), name) if name[:1].isupper() else lambda *args, **options: Any()

    def __or__(self, other):
        return self


class Core(types.ModuleType):
    """``qgis.core``: every class that is asked for."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        built = Scoped(name, (Any,), {})
        setattr(self, name, built)
        return built


def stand_in() -> None:
    """Put ``qgis`` in place, its PyQt the real PyQt6."""
    from PyQt6 import QtCore, QtGui, QtWidgets

    package, pyqt = types.ModuleType("qgis"), types.ModuleType("qgis.PyQt")
    package.core, package.PyQt = Core("qgis.core"), pyqt
    parts = {"qgis": package, "qgis.core": package.core, "qgis.PyQt": pyqt, "qgis.PyQt.QtCore": QtCore,
             "qgis.PyQt.QtGui": QtGui, "qgis.PyQt.QtWidgets": QtWidgets}  # fmt: skip
    sys.modules.update(parts)


def main() -> dict:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PyQt6.QtCore import PYQT_VERSION_STR, QT_VERSION_STR
    from PyQt6.QtWidgets import QApplication

    application = QApplication([])
    stand_in()
    package = types.ModuleType("spillover_plugin")
    package.__path__ = [str(ROOT / "spillover" / "qgis_plugin")]
    sys.modules["spillover_plugin"] = package
    modules = {name: importlib.import_module(f"spillover_plugin.{name}") for name in MODULES}
    provider = modules["provider"].Provider()
    added = []
    provider.addAlgorithm = added.append
    provider.loadAlgorithms()
    for algorithm in added:
        defined = []
        algorithm.addParameter = lambda parameter, *rest, into=defined: into.append(parameter)
        algorithm.initAlgorithm({})
        assert defined, algorithm.name()
        assert algorithm.displayName()
        assert algorithm.createInstance().name() == algorithm.name()
    icon = provider.icon()
    assert not icon.isNull()
    assert not icon.pixmap(32, 32).isNull()
    del application
    return {"Qt": QT_VERSION_STR, "PyQt": PYQT_VERSION_STR, "modules": len(modules), "algorithms": len(added)}


if __name__ == "__main__":
    print(json.dumps(main()))
