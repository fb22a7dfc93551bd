"""PostGIS and plain PostgreSQL: tables and layers in, results out; ``postgresql://user@host/database/schema.table``.

Reading is one statement in a read-only transaction. Writing is one transaction: the table is there whole, or not at
all. Names are quoted by the driver.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from .address import Address, address, is_database
from .errors import SpatialInputError
from .files import redacted

__all__ = ["address", "check_target", "is_database", "read", "write"]
NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric")
SYSTEM = ("pg_catalog", "information_schema", "pg_toast")


def read(url: str, *, table: str | None = None, sql: str | None = None):
    """A table or the rows of a query; a GeoDataFrame where there is a geometry.

    Parameters
    ----------
    url : str
        As ``address`` takes it.
    table : str, optional
        Where the address names none.
    sql : str, optional
        One SELECT instead of a table.

    Returns
    -------
    DataFrame or GeoDataFrame
        The coordinate system is that of the geometries' SRID. The first geometry column is kept.

    Raises
    ------
    SpatialInputError
        E501 neither table nor query, or both; E502 a column twice; E515 psycopg is not installed; E602 the query is
        refused by the server; E604 no such table; E609 the database cannot be reached.
    """
    place = address(url, table)
    if (place.table is None) == (sql is None):
        hint = "as in postgresql://host/database/schema.table" if sql is None else "leave out the table, or --sql"
        raise SpatialInputError("E501", f"'{redacted(url)}' needs a table or a query, and not both", hint=hint)
    from psycopg import Error
    from psycopg import sql as compose

    with connected(place, read_only=True) as connection:
        query = compose.SQL("SELECT * FROM {}").format(_located(connection, place)) if sql is None else (
            f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n) AS query")  # fmt: skip
        try:
            # Values in binary: the protocol then takes one statement, so that a query cannot end the transaction.
            with connection.cursor(binary=True) as cursor:
                cursor.execute(query)
                columns, rows = cursor.description, cursor.fetchall()
        except Error as error:
            raise SpatialInputError("E602", f"the database refuses to read: {_first_line(error)}",
                                    hint="try the query in psql, or name a table that you may read") from None
        return _frame(connection, columns, rows)


def write(frame, url: str, *, overwrite: bool = False, styles=(), key: str | None = None) -> None:
    """Write a DataFrame or GeoDataFrame as a table, in one transaction.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        Its index is left out.
    url : str
    overwrite : bool
        Whether a table that exists may be replaced: it is dropped, with its grants; what depends on it keeps it.
    styles : sequence of (name, QML, description)
        For ``layer_styles``, from which QGIS takes how a layer is drawn; the first is the default.
    key : str, optional
        Column that becomes the primary key.

    Raises
    ------
    SpatialInputError
        E402 a coordinate system without an EPSG number; E501 no table in the address; E515; E603 the table exists;
        E604 no such schema; E605 the database refuses to write; E609.
    """
    from psycopg import Error

    from ._postgres import create

    place = address(url)
    with connected(place) as connection:
        schema = _writable(connection, place, overwrite)
        try:
            create(connection, frame, schema, place.table or "", overwrite=overwrite, styles=styles, key=key)
            connection.commit()
        except Error as error:
            raise _refused(place, error) from None


def check_target(url: str, *, overwrite: bool = False) -> None:
    """Refuse a table that could not be written, before any work; nothing is changed.

    Raises
    ------
    SpatialInputError
        As ``write``.
    """
    place = address(url)
    with connected(place, read_only=True) as connection:
        _writable(connection, place, overwrite)


@contextmanager
def connected(place: Address, *, read_only: bool = False) -> Iterator:
    """A connection whose transaction is rolled back unless it was committed.

    Raises
    ------
    SpatialInputError
        E515, E609.
    """
    try:
        import psycopg
    except ImportError as error:
        raise SpatialInputError("E515", "databases need the package psycopg",
                                hint='pip install "spillover[postgis]"') from error
    try:
        connection = psycopg.connect(place.server)
    except psycopg.Error as error:
        raise SpatialInputError("E609", f"the database cannot be reached: {_first_line(error)}",
                                hint="check host, port, database and user; a password stands in PGPASSWORD or "
                                "~/.pgpass") from None
    try:
        connection.read_only = read_only
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection
    finally:
        connection.close()


def _located(connection, place: Address):
    """The table as a quoted identifier; E604 with those that are like it."""
    from psycopg import sql as compose

    visible = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace " \
              "WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relname = %s AND " \
              "(n.nspname = %s OR (%s::text IS NULL AND pg_table_is_visible(c.oid)))"  # fmt: skip
    there = connection.execute(visible, (place.table, place.schema, place.schema)).fetchone()
    if there is None:
        listed = connection.execute(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
            "c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname <> ALL(%s) ORDER BY 1", (list(SYSTEM),)).fetchall()
        names = [name for name, in listed]
        near = difflib.get_close_matches(place.name, names, n=3, cutoff=0.3) or names[:5]
        raise SpatialInputError("E604", f"the database has no table '{place.name}'",
                                hint=f"tables are {', '.join(near)}" if near else "it has no tables that you may see")
    return compose.Identifier(*there)


def _writable(connection, place: Address, overwrite: bool) -> str:
    """The schema of a table that may be written."""
    if place.table is None:
        raise SpatialInputError("E501", "the address of an output needs the name of a table",
                                hint="as in postgresql://host/database/schema.table")
    query = "SELECT coalesce(%s, current_schema())"
    schema, = connection.execute(query, (place.schema,)).fetchone()
    there = connection.execute("SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s",
                               (schema,)).fetchone()  # fmt: skip
    if there is None:
        raise SpatialInputError("E604", f"the database has no schema '{schema or place.name}'",
                                hint="create it first, or name another")
    if not there[0]:
        raise SpatialInputError("E605", f"you may not create tables in schema '{schema}'",
                                hint="choose another schema, or ask for GRANT CREATE ON SCHEMA")
    exists = connection.execute("SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                                "n.nspname = %s AND c.relname = %s", (schema, place.table)).fetchone()  # fmt: skip
    if exists and not overwrite:
        raise SpatialInputError("E603", f"table '{schema}.{place.table}' exists",
                                hint="choose another name, or allow it with overwrite=True (--overwrite)")
    return schema


def _frame(connection, columns, rows):
    """The rows as a frame, numbers as numbers; with the first geometry where there is one."""
    names = [column.name for column in columns]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise SpatialInputError("E502", f"column {twice[0]!r} occurs more than once in the query", column=twice[0],
                                hint="name the columns of the SELECT one by one")
    spatial = {oid for oid, in connection.execute(
        "SELECT oid FROM pg_type WHERE typname IN ('geometry', 'geography') AND typtype = 'b'")}
    shapes = [column.name for column in columns if column.type_code in spatial]
    frame = pd.DataFrame(rows, columns=names)
    for column in columns:
        kind = connection.adapters.types.get(column.type_code)
        if kind is not None and kind.name in NUMBERS and frame[column.name].dtype == object:  # Decimal, or all missing
            frame[column.name] = frame[column.name].astype(float)
    if not shapes:
        return frame
    import geopandas as gpd
    import shapely

    geometry = shapely.from_wkb(frame[shapes[0]].to_numpy())
    numbers = np.unique(shapely.get_srid(geometry[~shapely.is_missing(geometry)]))
    if len(numbers) > 1:
        raise SpatialInputError("E602", f"geometries of column {shapes[0]!r} have several SRIDs: "
                                f"{', '.join(map(str, numbers))}", hint="ST_Transform them to one in a view or --sql")
    crs = _system(connection, int(numbers[0])) if len(numbers) else None
    return gpd.GeoDataFrame(frame.drop(columns=shapes), geometry=shapely.set_srid(geometry, 0), crs=crs)


def _system(connection, srid: int):
    """The coordinate system of an SRID; None for 0 and for one that the database does not describe."""
    from psycopg import Error
    from pyproj import CRS

    if srid == 0:
        return None
    try:
        row = connection.execute("SELECT auth_name, auth_srid, srtext FROM spatial_ref_sys WHERE srid = %s",
                                 (srid,)).fetchone()  # fmt: skip
    except Error:
        row = None
    return None if row is None else CRS.from_user_input(f"{row[0]}:{row[1]}" if row[0] else row[2])


def _refused(place: Address, error) -> SpatialInputError:
    if type(error).__name__ == "DuplicateTable":
        return SpatialInputError("E603", f"table '{place.name}' exists", hint="another program has written it; choose "
                                 "another name, or allow it with overwrite=True (--overwrite)")
    return SpatialInputError("E605", f"cannot write table '{place.name}': {_first_line(error)}",
                             hint="choose another name, or mend what the database says")


def _first_line(error: Exception) -> str:
    """The server's own words, on one line, without a password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return redacted(next((line for line in lines if "failed:" in line), lines[0]))[:200]
