"""Data that several rooms' tests share."""

from pathlib import Path

import pytest

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
