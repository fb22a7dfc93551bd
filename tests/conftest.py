"""Data that several rooms' tests share."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How many examples a law has that does not say so itself: `make certify` passes --hypothesis-profile=certify.
settings.register_profile("test", max_examples=100, derandomize=True, deadline=None, database=None,
                          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])  # fmt: skip
settings.register_profile("certify", settings.get_profile("test"), max_examples=2_000)
settings.load_profile("test")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def states():
    import shapefiles

    return shapefiles.load("us_states")


@pytest.fixture(scope="session")
def panel():
    import shapefiles

    return shapefiles.load_panel("us_states")


@pytest.fixture(scope="session")
def queen(states):
    import weights as wt

    return wt.queen(states).standardize("row")


@pytest.fixture(scope="session")
def shared():
    """Folder of reference data that the project does not ship."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED
