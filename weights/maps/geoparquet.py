"""GeoParquet: the columns and the coordinate system of a parquet file with geometry."""

from __future__ import annotations

from pathlib import Path

from spillover.errors import SpatialInputError


def read(path: Path):
    """The file as a GeoDataFrame; E602 where it is damaged or holds no geometry."""
    import geopandas
    import pyarrow as pa
    from pyarrow import parquet

    try:
        metadata = parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SpatialInputError("E602", f"'{path.name}' is a damaged parquet file",
                                hint="was it written completely? Copy or download it again") from error
    if b"geo" not in metadata:
        raise SpatialInputError("E602", f"'{path.name}' is a table without shapes, no GeoParquet",
                                hint="give it as the table, and a map beside it")
    try:
        frame = geopandas.read_parquet(path)
    except Exception as error:  # metadata of any form reaches the readers
        raise SpatialInputError("E602", f"'{path.name}' is a damaged GeoParquet file: {type(error).__name__}",
                                hint="was it written completely? Copy or download it again") from error
    frame = frame if frame.index.name is None else frame.reset_index()
    return frame if frame.geometry.name == "geometry" else frame.rename_geometry("geometry")
