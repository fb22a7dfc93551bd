"""Build the castle panel from Cheng & Hoekstra's data in causaldata.

python shapefiles/sources/castle.py FOLDER    (the unpacked source archive of causaldata)
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from writing import write_panel

# Alphabetical by name, as the source's sid; it has no rows for DC.
STATES = """
AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH
OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY
"""
# When the laws came into force: Cheng & Hoekstra (2013), table 1.
IN_FORCE = {
    "AL": "2006-06-01", "AK": "2006-09-13", "AZ": "2006-04-24", "FL": "2005-10-01", "GA": "2006-07-01",
    "IN": "2006-07-01", "KS": "2006-05-25", "KY": "2006-07-12", "LA": "2006-08-15", "MI": "2006-10-01",
    "MS": "2006-07-01", "MO": "2007-08-28", "MT": "2009-04-27", "ND": "2007-08-01", "OH": "2008-09-09",
    "OK": "2006-11-01", "SC": "2006-06-09", "SD": "2006-07-01", "TN": "2007-05-22", "TX": "2007-09-01",
    "WV": "2008-02-28",
}  # fmt: skip
REGIONS = ("Northeast", "Midwest", "South", "West")  # the source's r2000k, by k
KEPT = {
    "homicide": "homicide", "robbery": "robbery", "assault": "assault", "burglary": "burglary", "larceny": "larceny",
    "motor": "motor", "unemployrt": "unemp", "poverty": "poverty", "l_police": "log_police", "l_income": "log_income",
    "l_prisoner": "log_prisoners", "blackm_15_24": "black_15_24", "whitem_15_24": "white_15_24",
    "blackm_25_44": "black_25_44", "whitem_25_44": "white_25_44", "popwt": "population", "post": "post",
}  # fmt: skip


def share_in_force(state: str, year: int) -> float:
    """The part of the year during which the law was in force."""
    if state not in IN_FORCE:
        return 0.0
    start, end = pd.Timestamp(year, 1, 1), pd.Timestamp(year + 1, 1, 1)
    return round(float(np.clip((end - pd.Timestamp(IN_FORCE[state])) / (end - start), 0, 1)), 6)


if __name__ == "__main__":
    source = pd.read_stata(Path(sys.argv[1]) / "causaldata/castle/castle.dta")
    panel = source[list(KEPT)].rename(columns=KEPT)
    panel = panel.astype({"poverty": np.float32})  # like the rest
    panel.insert(0, "state", [STATES.split()[sid - 1] for sid in source["sid"]])
    panel.insert(1, "year", source["year"])
    dummies = source[[f"r2000{k}" for k in (1, 2, 3, 4)]].groupby(source["sid"]).transform("max")
    panel.insert(2, "region", [REGIONS[k] for k in dummies.to_numpy().argmax(axis=1)])
    panel["law"] = [share_in_force(*key) for key in zip(panel["state"], panel["year"])]
    write_panel(panel.sort_values(["state", "year"]), "castle")
