"""The exact distribution of effects: measured cases, dense twins, and the law that p and interval agree."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shapefiles
import spatial as sp
import weights as wt
from spatial.effects.mixture import Mixture, Pooled, interval, summarize
from spatial.effects.nodes import given_lattice, given_spatial
from spatial.effects.propagate import Averages
from spatial.effects.t_distribution import t_cdf
from spillover.errors import SpatialInputError

from ..test_estimators import COMMON, PANEL, cross_section, panel_data
from . import naive

COLUMBUS = "CRIME ~ INC + HOVAL"


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def queen(columbus):
    return wt.queen(columbus).standardize("row")


def normal(fit):
    """Without the corrections of small samples: the covariance that the measured cases were made with."""
    n, k = fit.sample.n, fit.sample.X.shape[1]
    information = sp.sdm if False else None  # noqa: F841
    return n, k


# -- measured cases --------------------------------------------------------------------------------------------------
