"""Stubs that show lazily loaded names to editors and type checkers; ``python tests/stubs.py`` writes them.

A test keeps them in step with the packages.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent


def stub(package: str) -> str:
    """The text of a package's ``__init__.pyi``: every public name from the module that defines it."""
    module = import_module(package)
    lines = [f'"""Written by tests/stubs.py from ``{package}.__init__``."""', ""]
    for name in sorted(module.__all__):
        if name in getattr(module, "_ROOMS", ()) or name in ("spatial", "weights", "shapefiles"):
            lines.append(f"from . import {name} as {name}" if name in getattr(module, "_ROOMS", ())
                         else f"import {name} as {name}")  # fmt: skip
            continue
        home = module._HOME.get(name)
        if not home:
            home = getattr(module, name).__module__
        elif home.split(".")[0] not in PACKAGES:
            home = f".{home}"
        lines.append(f"from {home} import {name} as {name}")
    return "\n".join([*lines, *["", "__version__: str"] * hasattr(module, "__version__"), ""])


PACKAGES = ("spillover", "spatial", "spatial.indicators", "weights")


def path(package: str) -> Path:
    return ROOT / package.replace(".", "/") / "__init__.pyi"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for package in PACKAGES:
        path(package).write_text(stub(package), encoding="utf8")
