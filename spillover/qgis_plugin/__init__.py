"""Spillover in QGIS's Processing toolbox: it runs the command ``spillover``, which is installed beside QGIS.

``spillover qgis install`` copies this folder into a profile of QGIS. It needs qgis.PyQt alone, imports nothing of our
packages, and runs under Qt 5 and Qt 6.
"""


def classFactory(iface):
    """What QGIS calls when it loads the plugin."""
    from .plugin import Plugin

    return Plugin()
