"""``spillover.weights``, ``.spatial`` and ``.shapefiles``: lazy doors to the packages of these names.

A file ``weights.py`` beside a user's script hides our package of that name. The doors notice, because the module that
Python finds then does not lie beside ours, and say how to get round it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

PACKAGES = ("weights", "spatial", "shapefiles")
HOME = Path(__file__).resolve().parent.parent


def package(name: str) -> ModuleType:
    """One of our packages.

    Raises
    ------
    ImportError
        Where another module of that name comes first on Python's path.
    """
    module = import_module(name)
    place = Path(module.__file__ or "").resolve()
    if place != HOME / name / "__init__.py":
        raise ImportError(
            f"'{name}' is {place}, which hides spillover's package of that name: rename that file (and delete its "
            f"__pycache__), or run from another folder", name=name)  # fmt: skip
    return module
