"""Pages of the reference, one for each group of public names: read from the packages, so that none is left out."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

GROUPS = {  # title: (package, rooms)
    "Models": ("spatial", ("models", "records", "design")),
    "Effects and margins": ("spatial", ("effects",)),
    "Standard errors": ("spatial", ("covariance",)),
    "Tests of a fit": ("spatial", ("diagnostics",)),
    "Search for a model": ("spatial", ("search",)),
    "Moran's I and its family": ("spatial", ("explore",)),
    "Which W?": ("spatial", ("compare",)),
    "Policies and mechanisms": ("spatial", ("policy",)),
    "Tables": ("spatial", ("report",)),
}
WHOLE = {  # title: (package, its names)
    "Weights": "weights",
    "Indicators": "spatial.indicators",
    "Figures": "spatial.plot",
    "Example maps and panels": "shapefiles",
    "Ground floor": "spillover",
}
ELSEWHERE = ("spatial", "weights", "shapefiles", "SpatialWeights", "TemporalWeights", "as_weights")


def groups() -> dict[str, tuple[str, list[str]]]:
    """By title: the package and its names."""
    import spatial

    pages = {}
    for title, (package, rooms) in GROUPS.items():
        names = [name for name, home in spatial._HOME.items() if home.partition(".")[0] in rooms]
        pages[title] = package, sorted(names, key=str.lower)
    for title, package in WHOLE.items():
        listed = import_module(package).__all__
        names = [name for name in listed if package != "spillover" or name not in ELSEWHERE]
        pages[title] = package, sorted(names, key=str.lower)
    return pages


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    files = []
    for title, (package, names) in groups().items():
        name = title.lower().replace("?", "").replace("'", "").replace(" ", "-")
        table = "\n".join(f"   {one}" for one in names)
        page = (f"{title}\n{'=' * len(title)}\n\n.. currentmodule:: {package}\n\n"
                f".. autosummary::\n   :toctree: {name}\n   :nosignatures:\n\n{table}\n")  # fmt: skip
        (folder / f"{name}.rst").write_text(page, encoding="utf-8")
        files.append(name)
    text = "API\n===\n\nEvery public name, by what it is for.\n\n.. toctree::\n   :maxdepth: 1\n\n"
    (folder / "index.rst").write_text(text + "\n".join(f"   {name}" for name in files) + "\n", encoding="utf-8")
