"""Long work: any number of workers, interruptions, crashes and clusters give the same table."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.compare.jobs import run
from spatial.compare.journal import Journal, digest_of, key_of, seed_of
from spillover.errors import SpatialInputError

from .conftest import FORMULA, KEYS

ROOT = Path(__file__).parents[3]


def curve(several, early, **how):
    return sp.specification_curve(several, model=[sp.sar, sp.slx], formula="log(gsp) ~ log(emp)", data=early,
                                  variable="log(emp)", controls={"none": "", "capital": "log(pc)", "gone": "nothing"},
                                  samples={"all": early["year"] > 0, "late": lambda d: d["year"] > 1971},
                                  draws=50, **KEYS, **how)  # fmt: skip


@pytest.mark.parametrize("rows", [lambda d: d["year"] > 1900, lambda d: (d["year"] > 1971)[::-1], lambda d: d["year"]])
def test_samples_are_matched_with_rows(rows, several, early):
    """All rows, rows in another order, and what is no choice of rows."""
    call = {"model": sp.sar, "formula": "log(gsp) ~ log(emp)", "data": early, "variable": "log(emp)", "draws": 20}
    call |= KEYS
    if rows(early).index.equals(early.index) and rows(early).dtype == bool:
        found = sp.specification_curve(several, samples={"all": rows}, **call)
        assert found.table["estimate"].notna().all()
        return
    with pytest.raises(SpatialInputError, match="E501"):
        sp.specification_curve(several, samples={"some": rows}, **call)


def test_any_number_of_workers(several, early):
    one, two = curve(several, early), curve(several, early, n_jobs=2)
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    assert len(one.table) == 3 * 3 * 2 * 3 * 2
    assert one.table.loc[one.table["controls"] == "gone", "problem"].str.startswith("E502").all()


def test_a_worker_of_a_cluster_dies_and_nothing_is_lost(queen, early):
    """A real LocalCluster of two processes, asked by joblib and by ``client=``; one is killed (-9) as the work runs."""
    import joblib
    from distributed import Client, LocalCluster

    fit = sp.sdm(FORMULA, early, queen, **KEYS)
    want = sp.placebo_weights(fit, draws=400, seed=5)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, \
            Client(cluster) as client:  # fmt: skip
        with joblib.parallel_config("dask"):
            by_joblib = sp.placebo_weights(fit, draws=130, seed=5, n_jobs=-1)
        pids = list(client.run(os.getpid).values())
        seen = []

        def watch(results):
            for result in results:
                seen.append(result)
                if len(seen) == 1:
                    os.kill(pids[0], signal.SIGKILL)
                yield result

        found = sp.placebo_weights(fit, draws=400, seed=5, client=client, progress=watch)
    np.testing.assert_array_equal(by_joblib.params, want.params[:130])
    np.testing.assert_array_equal(found.params, want.params)
    np.testing.assert_array_equal(found.effects, want.effects)


SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
import shapefiles, spatial as sp, weights as wt
states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
early = panel[panel["year"] < 1975]
fit = sp.sar("log(gsp) ~ log(emp)", early, wt.queen(states).standardize("row"), entity="state", time="year")
def slowly(results):
    for result in results:
        yield result
        time.sleep(0.03)
sp.placebo_weights(fit, draws=1000, journal={journal!r}, resume=True, progress=slowly)
"""


def test_kill_9_at_random_and_resume(queen, early, tmp_path):
    journal = tmp_path / "placebo.jsonl"
    journal.touch()
    rng = random.Random(4)
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", SCRIPT.format(root=str(ROOT), journal=str(journal))])
        before, limit = journal.stat().st_size, time.monotonic() + 60
        while journal.stat().st_size == before and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        child.kill()
        child.wait()
    with journal.open("ab") as file:
        file.write(b'{"key": "half a li')
    done = sum(line.endswith("}") for line in journal.read_text().splitlines())
    assert done > 0
    fit = sp.sar("log(gsp) ~ log(emp)", early, queen, **KEYS)
    resumed = sp.placebo_weights(fit, draws=1000, journal=journal, resume=True)
    whole = sp.placebo_weights(fit, draws=1000)
    assert resumed.tidy().to_csv() == whole.tidy().to_csv()
    np.testing.assert_array_equal(resumed.effects, whole.effects)
    again = Journal(journal, resume=True)
    assert len(again.found) == 16  # every block once: nothing was done twice under another key
    again.close()


def test_ctrl_c_returns_what_is_done(several, early):
    def impatient(results):
        for n, result in enumerate(results):
            if n == 5:
                raise KeyboardInterrupt
            yield result

    found = curve(several, early, progress=impatient)
    assert not found.whole
    assert len(found.table) == 5 * 3
    pd.testing.assert_frame_equal(found.table, curve(several, early).table.head(15), check_exact=True)
    assert "interrupted" in str(found)
    part = sp.compare_weights({f"{n}{i}": w for i in range(3) for n, w in several.items()}, model=sp.sar,
                              formula=FORMULA, data=early, progress=impatient, **KEYS)  # fmt: skip
    assert len(part.fits) == 5
    assert "interrupted: 5 of 9" in str(part)


def test_placebos_are_fits_with_shuffled_names(queen, early):
    fit = sp.sar(FORMULA, early, queen, **KEYS)
    found = sp.placebo_weights(fit, draws=3, seed=2)
    moved = queen.ids[np.argsort(np.random.default_rng([2, 1]).permutation(48))]
    names = dict(zip(queen.ids, moved))
    alone = sp.sar(FORMULA, early.assign(state=early["state"].map(names)), queen, **KEYS)
    assert found.draws("rho")[1] == pytest.approx(alone.rho, abs=1e-9)
    effects = alone.effects(draws=10)
    np.testing.assert_allclose(found.effects[1], effects.estimates, rtol=1e-7)
    np.testing.assert_allclose(found.actual, fit.effects(draws=10).estimates, rtol=1e-9)
    more = sp.placebo_weights(fit, draws=70, seed=2)
    np.testing.assert_array_equal(more.params[:3], found.params)


def test_keys_tell_results_apart(several, early, tmp_path):
    """Other data, W, specification or draws: other keys; a journal of other work is added to, never mistaken."""
    frame = early.assign(unemp=early["unemp"].where(early.index != early.index[3], 99.0))
    assert digest_of(frame) != digest_of(early)
    assert digest_of(early.rename(columns={"unemp": "x"})) != digest_of(early)
    assert key_of("a", 1) != key_of("a", 2)
    assert seed_of("a", 1) != seed_of("b", 1)
    journal = tmp_path / "curve.jsonl"
    first = curve(several, early, journal=journal)
    with pytest.raises(SpatialInputError, match="E603"):
        curve(several, early, journal=journal)
    size = journal.stat().st_size
    again = curve(several, early, journal=journal, resume=True)
    assert journal.stat().st_size == size
    pd.testing.assert_frame_equal(first.table, again.table, check_exact=True)
    curve(several, frame, journal=journal, resume=True)
    assert journal.stat().st_size > 1.9 * size
    (tmp_path / "other.txt").write_text("this is\nno\njournal\n")
    with pytest.raises(SpatialInputError, match="E514"):
        Journal(tmp_path / "other.txt", resume=True)


def test_joblib_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(SpatialInputError, match="E515") as caught:
        run([1, 2], lambda shared, job: job, None, n_jobs=2)
    assert "pip install" in str(caught.value)


def test_effects_sort_and_agree(several, early):
    found = curve(several, early)
    ordered = found.curve("direct")
    assert ordered["estimate"].is_monotonic_increasing
    share = found.agreement().set_index("effect").loc["direct"]
    assert share["specifications"] == len(ordered) == 24
    assert share["clearly positive"] == ((ordered["p_value"] < 0.05) & (ordered["estimate"] > 0)).mean()
    assert json.dumps(found.choices) == '["weights", "model", "controls", "sample"]'
