"""Write a shipped file, and say what SOURCES.md must record of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import geopandas as gpd
import pandas as pd

DATA = Path(__file__).resolve().parents[1] / "data"


def write_map(frame: gpd.GeoDataFrame, name: str) -> None:
    """Keep every double as it is: well-known binary in Parquet. The unit's id is the first column."""
    path = DATA / f"{name}.parquet"
    frame.reset_index().to_parquet(path, index=False, compression="zstd", compression_level=19)
    _report(path, len(frame))


def write_panel(frame: pd.DataFrame, name: str) -> None:
    """Plain text, with the shortest decimals that give each double back."""
    path = DATA / f"{name}_panel.csv"
    frame.to_csv(path, index=False, lineterminator="\n")
    _report(path, len(frame))


def _report(path: Path, rows: int) -> None:
    content = path.read_bytes()
    print(f"{path.name}: {rows} rows, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
