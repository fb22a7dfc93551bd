"""Tests and intervals outside the models: a few samples each; with ``-m slow -s`` the 400 of docs/coverage.md."""

import pytest

from . import engine
from .grid_tests import other_cells

CELLS = other_cells()
FEW = {"no_mediation": 40, "chain": 40}


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_a_few_samples(cell):
    tally = engine.measure(cell, FEW.get(cell.experiment, 80))
    assert not tally.errors
    assert {measure: c.share for measure, c in tally.judged().items() if c.short > c.band} == {}


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_400_samples(cell, capsys):
    tally = engine.measure(cell, 400)
    with capsys.disabled():
        print("\n" + engine.in_words(cell, tally, 0.0))
    assert tally.verdict() != "out"
