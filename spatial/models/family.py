"""The spatial regression family, for cross-sections and panels: one signature, eight models.

======  ================================================  ==========================
model   equation                                          spillovers
======  ================================================  ==========================
ols     y = X b + e                                       none
slx     y = X b + W X t + e                               local, theta
sar     y = rho W y + X b + e                             global, through y
sem     y = X b + u,  u = lambda M u + e                  none in the means
sdm     y = rho W y + X b + W X t + e                     global and local
sdem    y = X b + W X t + u,  u = lambda M u + e          local, theta
sac     y = rho W y + X b + u,  u = lambda M u + e        global, through y
gns     y = rho W y + X b + W X t + u,  likewise          global and local
======  ================================================  ==========================

Each is in the file of its name; ``_docstrings`` has their keywords. Observations count alike: weighted observations are
out of scope. A new model is a file with its specification and function, and a line in ``MODELS``.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature

import pandas as pd

from ..design.options import ModelOptions
from ..design.specification import Specification
from .estimate import check
from .fit import Fit
from .gns import GNS, gns
from .ols import OLS, ols
from .reading import Reading, prepare, read
from .sac import SAC, sac
from .sar import SAR, sar
from .sdem import SDEM, sdem
from .sdm import SDM, sdm
from .sem import SEM, sem
from .slx import SLX, slx

MODELS: dict[Callable[..., Fit], Specification] = {
    ols: OLS, slx: SLX, sar: SAR, sem: SEM, sdm: SDM, sdem: SDEM, sac: SAC, gns: GNS,
}  # fmt: skip


def reading_of(
    model: Callable, formula: str, data: pd.DataFrame, w, options: dict, *, like: Reading | None = None
) -> Reading | None:
    """What a model's function reads of its arguments; None of a function that is none of ``MODELS``, and of keywords
    that the model does not have: the function itself says so. ``like`` is another model's reading of the same data.

    Raises
    ------
    SpatialInputError
        As the model's function, of what is wrong before anything is estimated.
    """
    if model not in MODELS:
        return None
    keywords = {name: one.default for name, one in signature(model).parameters.items() if one.kind is one.KEYWORD_ONLY}
    if not set(options) <= set(keywords):
        return None
    requested = ModelOptions(**{**keywords, **options})
    check(MODELS[model], requested)
    columns = read(formula, data, w, requested) if like is None else like.columns
    return prepare(MODELS[model], columns, requested)
