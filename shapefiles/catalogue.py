"""What is shipped, and how it is read. SOURCES.md says where each file comes from and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import pandas as pd

from spillover.errors import SpatialInputError, check_option

if TYPE_CHECKING:
    import geopandas as gpd


@dataclass(frozen=True)
class Example:
    """A shipped map: the column that identifies its units, their number, and its panel's (unit, time) columns."""

    id: str
    units: int
    description: str
    panel: tuple[str, str] | None = None
    crs: str | None = "EPSG:4326"


@dataclass(frozen=True)
class Panel:
    """A shipped panel with a name of its own; its units are those of a map, and perhaps more."""

    units: int
    columns: tuple[str, str]
    description: str


EXAMPLES = {
    "us_states": Example(
        "state", 48, "contiguous US states; panel: public capital and output, 1970-1986", ("state", "year")
    ),
    "us_counties": Example("fips", 3108, "counties of the contiguous US states and DC, 2016"),
    "china_provinces": Example("code", 31, "mainland provinces of China with their capitals"),
    "columbus": Example("POLYID", 49, "neighborhoods of Columbus, Ohio: crime, income, housing, 1980", crs=None),
}
PANELS = {
    "castle": Panel(50, ("state", "year"), "US states, AK and HI too: self-defence laws and crime, 2000-2010"),
}


def load(name: str) -> gpd.GeoDataFrame:
    """Read a shipped map.

    Parameters
    ----------
    name : str
        A name that :func:`list` shows.

    Returns
    -------
    geopandas.GeoDataFrame
        One row per unit, indexed by the unit's id: ``state`` (USPS code, text), ``fips`` (five digits, text),
        ``code`` (GB/T 2260, six digits, text) or ``POLYID`` (integer). Longitude and latitude in degrees
        (EPSG:4326), except columbus, which is drawn in arbitrary planar units and has no CRS. Neighbors
        share the vertices of their border to the last bit. A new object each time.

    Raises
    ------
    SpatialInputError
        E501 for an unknown name.

    Examples
    --------
    >>> import shapefiles
    >>> states = shapefiles.load("us_states")
    >>> states.loc["TN", ["name", "fips", "division"]].tolist()
    ['Tennessee', '47', 'East South Central']
    """
    check_option("name", name, EXAMPLES)
    import geopandas

    example = EXAMPLES[name]
    with as_file(files(__package__) / "data" / f"{name}.parquet") as path:
        frame = geopandas.read_parquet(path).set_index(example.id)
    # Parquet spells the CRS out in a page of JSON; the short name prints.
    return frame.set_crs(example.crs, allow_override=True) if example.crs else frame


def load_panel(name: str) -> pd.DataFrame:
    """Read the panel that goes with a shipped map: one row per unit and time, balanced.

    Parameters
    ----------
    name : str
        ``"us_states"``: Munnell's (1990) public capital and gross state product, 48 states, 1970-1986.
        ``"castle"``: crime and the staggered self-defence laws of Cheng & Hoekstra (2013), 50 states, 2000-2010:
        those of ``load("us_states")`` and Alaska and Hawaii.

    Returns
    -------
    pandas.DataFrame
        Sorted by unit and time. The unit's column holds the ids that index ``load(name)``.

    Raises
    ------
    SpatialInputError
        E501 for an unknown name, or a map that has no panel.

    Examples
    --------
    >>> import shapefiles
    >>> panel = shapefiles.load_panel("us_states")
    >>> panel.query("year == 1986").set_index("state").loc["TN", ["gsp", "emp", "unemp"]].tolist()
    [64124.0, 1929.8, 8.0]
    """
    check_option("name", name, [*EXAMPLES, *PANELS])
    if name in EXAMPLES and EXAMPLES[name].panel is None:
        having = ", ".join(repr(key) for key in [*(k for k, e in EXAMPLES.items() if e.panel), *PANELS])
        raise SpatialInputError("E501", f"{name!r} is a map without a panel", hint=f"choose one of {having}")
    with (files(__package__) / "data" / f"{name}_panel.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def list() -> pd.DataFrame:
    """Show what is shipped.

    Returns
    -------
    pandas.DataFrame
        Indexed by name, maps first, then panels of their own: ``units`` (their number), ``id`` (the index of the
        map), ``panel`` (the unit and time columns of the panel, empty where there is none) and ``description``.

    Examples
    --------
    >>> import shapefiles
    >>> shapefiles.list()[["units", "id", "panel"]]
                     units      id        panel
    name
    us_states           48   state  state, year
    us_counties       3108    fips
    china_provinces     31    code
    columbus            49  POLYID
    castle              50   state  state, year
    """
    rows = [(e.units, e.id, ", ".join(e.panel or ()), e.description) for e in EXAMPLES.values()]
    rows += [(p.units, p.columns[0], ", ".join(p.columns), p.description) for p in PANELS.values()]
    columns = ["units", "id", "panel", "description"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index([*EXAMPLES, *PANELS], name="name"))
