"""Every bad input ends right or in one clear error with a next step; none silently, none slowly."""

import pytest

from .cases import World
from .judge import judged
from .rooms import ROOMS

WORLD = World()
CASES = [(room, case) for room, cases in ROOMS.items() for case in cases(WORLD)]


@pytest.mark.parametrize(("room", "case"), CASES, ids=[f"{room}: {case.name}" for room, case in CASES])
def test_ends_well(room, case):
    end = judged(case)
    assert end.kind in ("right", "error"), f"{end.kind}: {end.words}"
