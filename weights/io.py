"""Files of weights: the suffix chooses the format; parquet is lossless and the default. Never pickle."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.inputs import check_input
from spillover.matrix.weights import SpatialWeights

if TYPE_CHECKING:
    from spillover.types import Ids, PathLike

FORMATS = {  # suffix: (module of weights.formats, reader, writer)
    ".parquet": ("parquet", "read", "write"),
    ".gal": ("geoda", "read_gal", "write_gal"),
    ".gwt": ("geoda", "read_gwt", "write_gwt"),
    ".kwt": ("geoda", "read_gwt", "write_gwt"),
    ".csv": ("tables", "read_csv", "write_csv"),
    ".xlsx": ("tables", "read_xlsx", "write_xlsx"),
    ".dta": ("stata", "read_dta", "write_dta"),
    ".txt": ("stata", "read_txt", "write_txt"),
    ".mat": ("matlab", "read", "write"),
    ".swm": ("arcgis", "read", "write"),
    ".stswm": ("stata", "read_stswm", "write_stswm"),
}


def save(w: SpatialWeights, path: PathLike, *, overwrite: bool = False) -> None:
    """Write weights to a file.

    ===========  ==================================================================================
    suffix       keeps
    ===========  ==================================================================================
    .parquet     everything: ids and their type, weights before and after standardisation, words
    .gal         links (GeoDa, R spdep); refuses weights other than 1
    .gwt, .kwt   links and weights (GeoDa, R spdep); refuses islands
    .swm         links and weights of units with whole-number ids (ArcGIS)
    .csv, .xlsx  a square table with ids on both sides
    .dta         a square table for Stata's spmat; long above 2,000 units
    .txt         the text of Stata's `spmatrix import` and `export` (bare matrices are read too)
    .mat         a sparse W and its ids for Matlab
    ===========  ==================================================================================

    Raises
    ------
    SpatialInputError
        E501 unknown suffix, E603 the file exists and ``overwrite`` is false, E605 the format cannot hold these weights,
        or the place cannot be written to.
    """
    path = Path(path)
    module, _, writer = _format(path)
    with replacing(path, overwrite=overwrite) as part:
        getattr(module, writer)(w, part)


def load(path: PathLike, *, ids: Ids | None = None, **options: Any) -> SpatialWeights:
    """Read weights from a file; the suffix chooses the format (see :func:`weights.save`).

    Parameters
    ----------
    path : path-like
    ids : sequence, optional
        The units, in the wanted order (``gdf.index``). Most formats keep ids as text; with ``ids`` numbers are matched
        with the text that reads the same. A matrix without labels is taken in this order.
    **options
        ``values="links", "inverse", "given"`` for .gwt and .kwt: whether the third column, where GeoDa writes
        distances, is left out (the default for .gwt), inverted, or taken as weights. ``labels=True, False`` for .csv,
        .txt and .xlsx: whether the first row holds ids, where the file does not show it. ``encoding=`` of a text file;
        ``sheet=`` for .xlsx; ``name=`` of the matrix for .mat.

    Raises
    ------
    SpatialInputError
        E601 no such file, E602 a folder, empty or unreadable, E604 no such sheet or matrix, E606 encoding, E607
        malformed (with the line), E101, E301, E302, E303, E310, E311, E312, E501.

    Examples
    --------
    >>> import tempfile, pathlib, weights as wt
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "w.gal"
    >>> wt.lattice(2, 2).save(path)
    >>> load(path, ids=range(4)) == wt.lattice(2, 2)
    True
    """
    path = Path(path)
    module, reader, _ = _format(path)
    check_input(path, what=f"file of weights in {path.suffix.lower()}")
    try:
        return getattr(module, reader)(path, ids, **options)
    except TypeError as error:
        if options and "unexpected keyword" in str(error):
            raise SpatialInputError("E501", f"{path.suffix} files take no option {', '.join(options)}",
                                    hint="leave it out: see wt.load for the options of each suffix") from error
        raise


def _format(path: Path):
    suffix = path.suffix.lower()
    if suffix in (".pkl", ".pickle"):
        raise SpatialInputError("E501", "pickled weights are not read or written: loading one can run any program",
                                hint="use .parquet")
    if suffix not in FORMATS:
        raise SpatialInputError("E501", f"no format of weights is known for '{path.name}'",
                                hint=f"use one of {', '.join(FORMATS)}")
    module, reader, writer = FORMATS[suffix]
    return import_module(f"weights.formats.{module}"), reader, writer
