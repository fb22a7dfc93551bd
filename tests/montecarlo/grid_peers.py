"""Cells in which other packages see the same samples."""

from __future__ import annotations

from dataclasses import replace

from .cell import Cell

FAMILY = "beside other packages"


def beside(cell: Cell, *peers: str) -> Cell:
    """The cell again, with peers."""
    return replace(cell, name=f"{cell.name}-peers", family=FAMILY, design={**cell.design, "peers": peers},
                   samples=(200, 200))  # fmt: skip


def peer_cells(cross, panel) -> list[Cell]:
    """Seventeen designs; ``cross`` and ``panel`` make the cells."""
    maximum = ("spreg ML", "spatialreg")
    fixed = ("spreg panel", "xsmle, splm")
    return [
        beside(cross("sar", 48, "knn", 4), *maximum),
        beside(cross("sdm", 48, "knn", 4), *maximum),
        beside(cross("sem", 48, "knn", 4), *maximum),
        beside(cross("sar", 48, "queen", 8, "chi2"), *maximum),
        beside(cross("sdm", 48, "queen", 8, "chi2", "reml"), *maximum),
        beside(cross("sem", 48, "queen", 8, "chi2", "reml"), *maximum),
        beside(cross("sar", 100, "knn", 1, "x", "gmm_robust"), "spreg GM"),
        beside(cross("sar", 100, "group", 1, "neighbors", "aqs"), "spreg ML", "spatialreg"),
        beside(panel("sar", 31, 13), *fixed),
        beside(panel("sar", 60, 4), *fixed),
        beside(panel("sar", 20, 6), *fixed),
        beside(panel("sem", 31, 13), *fixed),
        beside(panel("sdm", 31, 13, k=4), "xsmle, splm"),
        beside(panel("sdm", 60, 4, k=4), "xsmle, splm"),
        beside(panel("ols", 20, 6, "cluster", vcov="cluster", errors="serial"), "linearmodels", "pyfixest"),
        beside(panel("ols", 31, 13, "dk", vcov="driscoll_kraay", errors="factor"), "linearmodels"),
        beside(panel("ols", 60, 4, "dk", vcov="driscoll_kraay", errors="factor"), "linearmodels"),
    ]
