"""Build us_counties and us_states from the Census Bureau's county boundaries of 2016 (1:500,000).

python shapefiles/sources/us_census.py FOLDER    (the unpacked wheel of plotly-geo)
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from writing import write_map

TOLERANCE = 0.01  # degrees, about 1 km
KIND = {"00": "", "06": " County", "15": " Parish", "25": " city"}  # the Census Bureau's legal suffixes

# FIPS code, USPS code and name of each state, by census division.
STATES = {
    ("Northeast", "New England"): """09 CT Connecticut, 23 ME Maine, 25 MA Massachusetts, 33 NH New Hampshire,
        44 RI Rhode Island, 50 VT Vermont""",
    ("Northeast", "Middle Atlantic"): "34 NJ New Jersey, 36 NY New York, 42 PA Pennsylvania",
    ("Midwest", "East North Central"): "17 IL Illinois, 18 IN Indiana, 26 MI Michigan, 39 OH Ohio, 55 WI Wisconsin",
    ("Midwest", "West North Central"): """19 IA Iowa, 20 KS Kansas, 27 MN Minnesota, 29 MO Missouri, 31 NE Nebraska,
        38 ND North Dakota, 46 SD South Dakota""",
    ("South", "South Atlantic"): """10 DE Delaware, 11 DC District of Columbia, 12 FL Florida, 13 GA Georgia,
        24 MD Maryland, 37 NC North Carolina, 45 SC South Carolina, 51 VA Virginia, 54 WV West Virginia""",
    ("South", "East South Central"): "01 AL Alabama, 21 KY Kentucky, 28 MS Mississippi, 47 TN Tennessee",
    ("South", "West South Central"): "05 AR Arkansas, 22 LA Louisiana, 40 OK Oklahoma, 48 TX Texas",
    ("West", "Mountain"): """04 AZ Arizona, 08 CO Colorado, 16 ID Idaho, 30 MT Montana, 32 NV Nevada,
        35 NM New Mexico, 49 UT Utah, 56 WY Wyoming""",
    ("West", "Pacific"): "06 CA California, 41 OR Oregon, 53 WA Washington",
}


def state_table() -> pd.DataFrame:
    """One row per contiguous state and DC: index ``state``; name, fips, region, division."""
    rows = [
        (*entry.split(maxsplit=2), region, division)
        for (region, division), entries in STATES.items()
        for entry in entries.split(",")
    ]
    table = pd.DataFrame(rows, columns=["fips", "state", "name", "region", "division"])
    return table.set_index("state")[["name", "fips", "region", "division"]].sort_index()


def counties(path: Path, states: pd.DataFrame) -> gpd.GeoDataFrame:
    """Counties of the contiguous states, simplified together so that no border opens or overlaps."""
    source = gpd.read_file(path).set_index("GEOID").sort_index()
    source = source[source["STATEFP"].isin(states["fips"])]
    borders = source.geometry.to_numpy()
    if not shapely.coverage_is_valid(borders):
        raise ValueError("the counties overlap or leave gaps: simplify would not keep their borders shared")
    usps = pd.Series(states.index, index=states["fips"])
    columns = {"name": source["NAME"] + source["LSAD"].map(KIND), "state": source["STATEFP"].map(usps)}
    frame = gpd.GeoDataFrame(columns, geometry=shapely.coverage_simplify(borders, TOLERANCE), crs="EPSG:4326")
    return frame.rename_axis("fips")


def dissolved(units: gpd.GeoDataFrame, states: pd.DataFrame) -> gpd.GeoDataFrame:
    """States as unions of their counties: the two maps nest to the last bit."""
    shapes = units.groupby("state")["geometry"].agg(lambda parts: shapely.coverage_union_all(parts.to_numpy()))
    return gpd.GeoDataFrame(states, geometry=shapes.reindex(states.index), crs=units.crs)


if __name__ == "__main__":
    table = state_table()
    us_counties = counties(Path(sys.argv[1]) / "_plotly_geo/package_data/cb_2016_us_county_500k.shp", table)
    write_map(us_counties, "us_counties")
    write_map(dissolved(us_counties, table).drop("DC"), "us_states")
