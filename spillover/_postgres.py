"""A frame as a table of PostgreSQL: its types, its rows by COPY, its geometry, its styles."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .errors import SpatialInputError

LONGEST = 63  # bytes of a name in PostgreSQL
POLYGONS, LINES, POINTS = {"Polygon", "MultiPolygon"}, {"LineString", "MultiLineString"}, {"Point"}
# As QGIS creates it.
STYLES = """
CREATE TABLE IF NOT EXISTS public.layer_styles (
  id SERIAL PRIMARY KEY, f_table_catalog varchar, f_table_schema varchar, f_table_name varchar,
  f_geometry_column varchar, stylename text, styleqml xml, stylesld xml, useasdefault boolean, description text,
  owner varchar(63) DEFAULT CURRENT_USER, ui xml, update_time timestamp DEFAULT CURRENT_TIMESTAMP, type varchar)
"""
FORGET = "DELETE FROM public.layer_styles WHERE f_table_catalog = current_database() AND f_table_schema = %s AND " \
         "f_table_name = %s"  # fmt: skip
STYLE = """
INSERT INTO public.layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, stylename, styleqml,
                                 useasdefault, description)
VALUES (current_database(), %s, %s, %s, %s, XMLPARSE(DOCUMENT %s), %s, %s)
"""


def create(connection, frame, schema: str, table: str, *, overwrite: bool, styles, key: str | None) -> None:
    """Create and fill the table in the connection's transaction.

    Raises
    ------
    SpatialInputError
        E402 a coordinate system without an EPSG number; E605 a name that is too long, or a map without PostGIS.
    """
    import geopandas as gpd
    from psycopg import sql as compose

    shapes = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    types = {str(c): _type(frame[c].dtype) for c in frame.columns if c != shapes}
    _check_names([*types, table])
    place, columns = compose.Identifier(schema, table), list(types)
    parts = [compose.SQL("{} {}").format(compose.Identifier(c), compose.SQL(kind)) for c, kind in types.items()]
    values = [_column(frame[c]) for c in frame.columns if c != shapes]
    if shapes is not None:
        spelled, hexes, shapes = *_geometry(connection, frame), "geom"
        columns, values = [*columns, shapes], [*values, hexes]
        parts.append(compose.SQL("{} {}").format(compose.Identifier(shapes), compose.SQL(spelled)))
    if key is not None:
        parts.append(compose.SQL("PRIMARY KEY ({})").format(compose.Identifier(key)))
    with connection.cursor() as cursor:
        if overwrite:
            cursor.execute(compose.SQL("DROP TABLE IF EXISTS {}").format(place))
        cursor.execute(compose.SQL("CREATE TABLE {} ({})").format(place, compose.SQL(", ").join(parts)))
        into = compose.SQL("COPY {} ({}) FROM STDIN").format(place, _listed(columns))
        with cursor.copy(into) as copy:
            for row in zip(*values, strict=True):
                copy.write_row(row)
        if shapes is not None:
            cursor.execute(compose.SQL("CREATE INDEX ON {} USING gist ({})").format(place, compose.Identifier(shapes)))
        if styles:
            cursor.execute("SELECT to_regclass('public.layer_styles')")
            if cursor.fetchone()[0] is None:
                cursor.execute(STYLES)
            cursor.execute(FORGET, (schema, table))
            rows = [(schema, table, shapes, name, qml, number == 0, text)
                    for number, (name, qml, text) in enumerate(styles)]  # fmt: skip
            cursor.executemany(STYLE, rows)


def _listed(columns):
    from psycopg import sql as compose

    return compose.SQL(", ").join(map(compose.Identifier, columns))


def _check_names(names: list[str]) -> None:
    long = [name for name in names if len(name.encode()) > LONGEST]
    if long:
        raise SpatialInputError("E605", f"PostgreSQL takes names of up to {LONGEST} bytes; {long[0]!r} is longer",
                                column=long[0], hint="write .gpkg, or rename the column")


def _type(dtype) -> str:
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "bigint"
    if pd.api.types.is_float_dtype(dtype):
        return "double precision"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "timestamptz" if getattr(dtype, "tz", None) else "timestamp"
    return "text"


def _column(values: pd.Series) -> list:
    """Python's own values, None where one is missing."""
    if _type(values.dtype) == "text":
        return [None if pd.isna(value) else str(value) for value in values]
    return [None if missing else value for value, missing in zip(values.tolist(), values.isna(), strict=True)]


def _geometry(connection, frame) -> tuple[str, list]:
    """The column's type, and the geometries as hexadecimal EWKB; polygons and lines become multi-part."""
    import shapely

    row = connection.execute("SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
                             "WHERE t.typname = 'geometry' AND t.typtype = 'b'").fetchone()  # fmt: skip
    if row is None:
        raise SpatialInputError("E605", "the database has no PostGIS, so it cannot hold a map",
                                hint="CREATE EXTENSION postgis, or write the table without a map")
    srid, shapes = _srid(connection, frame.crs), frame.geometry.to_numpy()
    kinds = set(frame.geom_type.dropna())
    name = "Geometry"
    for single, family in (("Polygon", POLYGONS), ("LineString", LINES), ("Point", POINTS)):
        if kinds and kinds <= family:
            name = f"Multi{single}" if len(family) > 1 else single
            make = {"MultiPolygon": shapely.multipolygons, "MultiLineString": shapely.multilinestrings}.get(name)
            if make is not None:
                shapes = np.array([s if s is None or s.geom_type == name else make([s]) for s in shapes], dtype=object)
    if shapely.has_z(shapes).any():
        name, shapes = f"{name}Z", shapely.force_3d(shapes)
    hexes = shapely.to_wkb(shapely.set_srid(shapes, srid), hex=True, include_srid=True).tolist()
    quoted = row[0].replace('"', '""')
    return f'"{quoted}".geometry({name}, {srid})', hexes


def _srid(connection, crs) -> int:
    if crs is None:
        return 0
    number = crs.to_epsg()
    there = number is not None and connection.execute(
        "SELECT srid FROM spatial_ref_sys WHERE auth_name = 'EPSG' AND auth_srid = %s", (number,)).fetchone()
    if not there:
        raise SpatialInputError("E402", f"the database does not have the map's coordinate system, {crs.name}",
                                hint="project the map first: map.to_crs(4326), or --crs EPSG:4326")
    return there[0]
