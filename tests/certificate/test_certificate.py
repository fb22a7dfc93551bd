"""Every bad input ends right or in one clear error with a next step; none silently, none slowly."""

from pathlib import Path

import pytest

from .cases import World
from .judge import End, judged
from .rooms import ROOMS
from .table import table

WORLD = World()
CASES = [(room, case) for room, cases in ROOMS.items() for case in cases(WORLD)]
PAGE = Path(__file__).parents[2] / "docs" / "bad-inputs.md"


@pytest.mark.parametrize(("room", "case"), CASES, ids=[f"{room}: {case.name}" for room, case in CASES])
def test_ends_well(room, case):
    end = judged(case)
    assert end.kind in ("right", "error"), f"{end.kind}: {end.words}"


def test_the_page_counts_these_cases():
    """A case without a code ends right, another in its error: the test above sees to that."""
    ends = {name: [End("right" if case.code is None else "error") for room, case in CASES if room == name]
            for name in ROOMS}  # fmt: skip
    assert table(ends) in PAGE.read_text(encoding="utf-8"), "stale: copy the table of `python -m tests.certificate`"
