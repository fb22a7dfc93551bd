"""Build the panel of us_states from Munnell's public capital data.

python shapefiles/sources/us_productivity.py FOLDER    (the unpacked wheel of linearmodels)
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from writing import write_panel

NAMES = {
    "ST_ABB": "state", "YR": "year", "P_CAP": "pcap", "HWY": "hwy", "WATER": "water", "UTIL": "util",
    "PC": "pc", "GSP": "gsp", "EMP": "emp", "UNEMP": "unemp",
}  # fmt: skip

if __name__ == "__main__":
    source = pd.read_csv(Path(sys.argv[1]) / "linearmodels/datasets/munnell/munnell.csv.bz2")
    panel = source.rename(columns=NAMES)[list(NAMES.values())].astype({"gsp": float})
    write_panel(panel.sort_values(["state", "year"]), "us_states")
