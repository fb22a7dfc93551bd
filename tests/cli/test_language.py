"""Hints speak the language of the shell, and work when they are followed."""

import json

import pytest

from spillover.cli._language import in_shell


@pytest.mark.parametrize(("python", "shell"), [
    ("method='gmm' with vcov='robust' allows for it", "--method gmm with --vcov robust allows for it"),
    ("correction=False, wx_order=1", "--correction false, --wx-order 1"),
    ("islands='nearest' links them", "-w KIND:islands=nearest links them"),
    ("snap=0", "-w KIND:snap=0"),
    ("leave horizon= out, or anticipation=1", "leave --horizon out, or --anticipation 1"),
    ("missing='drop'; n_jobs=2; overwrite=True", "--missing drop; --jobs 2; --overwrite"),
    ("vcov='cluster:my region'", "--vcov 'cluster:my region'"),
    ("sp.sar(y, method='ml') is left", "sp.sar(y, method='ml') is left"),
    ("write knn:k=5 in -w, or --crs EPSG:4326", "write knn:k=5 in -w, or --crs EPSG:4326"),
    ("y = 3, year=1986 and lambda=0.5", "y = 3, year=1986 and lambda=0.5"),
    ("wt.queen(map, snap=0)", "wt.queen(map, snap=0)"),
])  # fmt: skip
def test_arguments_become_options(python, shell):
    assert in_shell(python) == shell


def test_following_the_hint_of_a_map_without_coordinate_system_works(spillover):
    command = ["moran", "example:columbus", "-c", "CRIME"]
    status, _, told = spillover(*command, "-w", "knn:k=3")
    assert status == 3
    assert "--crs EPSG:4326" in told
    assert "-w KIND:metric=planar" in told
    assert spillover(*command, "-w", "knn:k=3,metric=planar")[0] == 0
    assert "--crs" in json.loads(spillover(*command, "-w", "knn:k=3", "--json")[1])["error"]["hint"]


def test_following_the_hint_of_a_unit_that_is_unknown_works(spillover):
    command = ["shock", "example:us_states", "log(gsp) ~ log(emp) + unemp", "-w", "queen", "--shock"]
    status, _, told = spillover(*command, "oh:unemp:1")
    assert status == 3
    assert "did you mean 'OH'?" in told
    assert spillover(*command, "OH:unemp:1")[0] == 0
    assert "the map's column of ids lists the units" in spillover(*command, "XX:unemp:1")[2]


def test_following_the_note_of_a_small_sample_works(spillover):
    command = ["effects", "example:columbus", "CRIME ~ INC", "-w", "queen"]
    assert "--inference likelihood" in spillover(*command, "--inference", "quadrature")[1]
    assert "likelihood" in spillover(*command, "--inference", "likelihood")[1]
