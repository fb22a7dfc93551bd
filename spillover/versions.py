"""Which versions are at work: what a bug report and a result's provenance need."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("numpy", "scipy", "pandas", "geopandas", "shapely", "pyogrio", "pyproj", "pyarrow", "numba",
             "typer", "rich", "matplotlib", "jinja2", "python-docx", "openpyxl", "pyreadstat", "folium", "libpysal",
             "cvxopt", "joblib", "distributed")  # fmt: skip


def versions() -> dict[str, str]:
    """Versions by name: spillover, Python, the platform and the libraries; "not installed" where one is absent."""
    from . import __version__

    table = {"spillover": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in LIBRARIES:
        try:
            table[name] = version(name)
        except PackageNotFoundError:
            table[name] = "not installed"
    return table


def show_versions() -> None:
    """Print the versions, one a line, as a bug report wants them."""
    print("\n".join(f"{name:<12} {number}" for name, number in versions().items()))
