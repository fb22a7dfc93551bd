"""Build columbus, Anselin's 49 neighborhoods, from the example files of libpysal.

python shapefiles/sources/columbus.py FOLDER    (the unpacked wheel of libpysal)
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
from writing import write_map

if __name__ == "__main__":
    source = gpd.read_file(Path(sys.argv[1]) / "libpysal/examples/columbus/columbus.shp")
    write_map(source.set_index("POLYID"), "columbus")
