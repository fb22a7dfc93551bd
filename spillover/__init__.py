"""The ground floor of spillover: errors, whole-or-nothing files, one place for compiler flags.

Users import the three packages that stand on it::

    import shapefiles, spatial as sp, weights as wt
"""

__version__ = "0.1.0"
