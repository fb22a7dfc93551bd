"""Long work: any number of workers, interruptions, crashes and clusters give the same table."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.compare.jobs import run
from spatial.compare.journal import Journal, description_of, digest_of, key_of
from spillover.errors import SpatialInputError, SpatialInputWarning

from .conftest import FORMULA, KEYS

ROOT = Path(__file__).parents[3]


def curve(several, early, **how):
    return sp.specification_curve(several, model=[sp.sar, sp.slx], formula="log(gsp) ~ log(emp)", data=early,
                                  variable="log(emp)", controls={"none": "", "capital": "log(pc)", "gone": "nothing"},
                                  samples={"all": early["year"] > 0, "late": lambda d: d["year"] > 1971},
                                  **KEYS, **how)  # fmt: skip


@pytest.mark.parametrize("rows", [lambda d: d["year"] > 1900, lambda d: (d["year"] > 1971)[::-1], lambda d: d["year"]])
def test_samples_are_matched_with_rows(rows, several, early):
    """All rows, rows in another order, and what is no choice of rows."""
    call = {"model": sp.sar, "formula": "log(gsp) ~ log(emp)", "data": early, "variable": "log(emp)"}
    call |= KEYS
    if rows(early).index.equals(early.index) and rows(early).dtype == bool:
        result = sp.specification_curve(several, samples={"all": rows}, **call)
        assert result.table["estimate"].notna().all()
        return
    with pytest.raises(SpatialInputError, match="E501"):
        sp.specification_curve(several, samples={"some": rows}, **call)


def test_any_number_of_workers(several, early):
    one, two = curve(several, early), curve(several, early, n_jobs=2)
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    assert len(one.table) == 3 * 3 * 2 * 3 * 2
    assert one.table.loc[one.table["controls"] == "gone", "problem"].str.startswith("E502").all()


def test_a_comparison_by_any_number_of_workers(states, early):
    """Stacks are cut otherwise, and nothing changes."""
    ws = {f"k{k}": wt.knn(states, k).standardize("row") for k in range(2, 22)}
    how = {"model": [sp.sdm, sp.slx], "formula": FORMULA, "data": early, **KEYS}
    one, two = sp.compare_weights(ws, **how), sp.compare_weights(ws, n_jobs=2, **how)
    pd.testing.assert_frame_equal(one.glance(), two.glance(), check_exact=True)
    pd.testing.assert_frame_equal(one.coefficients(), two.coefficients(), check_exact=True)


@pytest.mark.slow
def test_what_is_compiled_does_not_depend_on_who_does_it():
    """32 W of 440 units are many together, though not in the parts that workers have: last bits would tell."""
    rng = np.random.default_rng(2)
    xy = rng.random((440, 2))
    ids = pd.Index([f"u{i}" for i in range(440)])
    ws = {f"w{k}": wt.knn(xy + rng.normal(0, 0.01, xy.shape), 3 + k % 4, ids=ids, metric="planar").standardize("row")
          for k in range(32)}  # fmt: skip
    data = pd.DataFrame({"unit": np.repeat(ids, 3), "year": np.tile([1, 2, 3], 440), "y": rng.standard_normal(1320),
                         "x": rng.standard_normal(1320)})  # fmt: skip
    how = {"model": sp.sdm, "formula": "y ~ x", "data": data, "entity": "unit", "time": "year"}
    one, two = sp.compare_weights(ws, **how), sp.compare_weights(ws, n_jobs=2, **how)
    pd.testing.assert_frame_equal(one.glance(), two.glance(), check_exact=True)
    few = sp.compare_weights({name: ws[name] for name in list(ws)[:8]}, **how)  # in bands
    pd.testing.assert_frame_equal(one.coefficients().head(8 * 3), few.coefficients(), rtol=1e-6)
    assert not one.coefficients().head(8 * 3).equals(few.coefficients())


def test_a_worker_of_a_cluster_dies_and_nothing_is_lost(queen, several, early):
    """A real LocalCluster of two processes, asked by joblib and by ``client=``; one is killed (-9) as the work runs."""
    import joblib
    from distributed import Client, LocalCluster

    fit = sp.sdm(FORMULA, early, queen, **KEYS)
    want = sp.placebo_weights(fit, draws=400, seed=5)
    how = {"model": sp.sar, "formula": FORMULA, "data": early, **KEYS}
    compared = sp.compare_weights(several, **how).glance()
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

        answer = sp.placebo_weights(fit, draws=400, seed=5, client=client, progress=watch)
        on_cluster = sp.compare_weights(several, client=client, **how).glance()
    pd.testing.assert_frame_equal(on_cluster, compared, check_exact=True)
    np.testing.assert_array_equal(by_joblib.params, want.params[:130])
    np.testing.assert_array_equal(answer.params, want.params)
    np.testing.assert_array_equal(answer.effects, want.effects)


SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
import shapefiles, spatial as sp, weights as wt
states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
early = panel[panel["year"] < 1975]
def slowly(results):
    for result in results:
        yield result
        time.sleep(0.02)
keys = dict(entity="state", time="year")
how = dict(formula="log(gsp) ~ log(emp)", data=early, journal={journal!r}, resume=True, progress=slowly, **keys)
if {task!r} == "placebo":
    fit = sp.sar("log(gsp) ~ log(emp)", early, wt.queen(states).standardize("row"), **keys)
    sp.placebo_weights(fit, draws=400, **{{name: how[name] for name in ("journal", "resume", "progress")}})
else:
    ws = {{f"k{{k}}": wt.knn(states, k).standardize("row") for k in range(2, 22)}} | {{"word": "no W"}}
    sp.compare_weights(ws, model=[sp.sdm, sp.sac], **how)
"""


def killed(task, journal):
    """Run it in another process, kill -9 as soon as something is on the disk, twice; what the journal has then."""
    rng = random.Random(4)
    for _ in range(2):
        script = SCRIPT.format(root=str(ROOT), journal=str(journal), task=task)
        child = subprocess.Popen([sys.executable, "-c", script])
        before, limit = set(journal.glob("*.parquet")), time.monotonic() + 60
        while not set(journal.glob("*.parquet")) - before and child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.3)
        assert child.poll() is None, "it was done before it was killed"
        child.kill()
        child.wait()
    (journal / ".results.9.part.parquet").write_bytes(b"PAR1 and half a f")
    return pd.read_parquet(journal)


@pytest.mark.slow
def test_placebos_killed_at_random_are_resumed(queen, early, tmp_path):
    journal = tmp_path / "placebo.parquet"
    assert len(killed("placebo", journal)) > 0
    fit = sp.sar("log(gsp) ~ log(emp)", early, queen, **KEYS)
    resumed = sp.placebo_weights(fit, draws=400, journal=journal, resume=True)
    whole = sp.placebo_weights(fit, draws=400)
    assert resumed.tidy().to_csv() == whole.tidy().to_csv()
    np.testing.assert_array_equal(resumed.effects, whole.effects)
    assert [part.name for part in journal.iterdir()] == ["results.parquet"]
    assert sorted(pd.read_parquet(journal)["draw"]) == list(range(400))  # nothing twice under another key


def test_comparisons_killed_at_random_are_resumed(states, early, tmp_path):
    """Fits in stacks, fits one by one (SAC) and a W that fails: the same table to the last byte, the same fits."""
    journal = tmp_path / "fits.parquet"
    left = killed("compare", journal)
    assert 0 < len(left) < 42
    ws = {f"k{k}": wt.knn(states, k).standardize("row") for k in range(2, 22)}
    ws["word"] = "no W"
    how = {"model": [sp.sdm, sp.sac], "formula": "log(gsp) ~ log(emp)", "data": early, **KEYS}
    resumed, whole = sp.compare_weights(ws, journal=journal, resume=True, **how), sp.compare_weights(ws, **how)
    assert resumed.glance().to_csv() == whole.glance().to_csv()
    assert resumed.coefficients().to_csv() == whole.coefficients().to_csv()
    assert resumed.failed == whole.failed
    done = sp.compare_weights(ws, journal=journal, resume=True, **how)  # nothing is left to do
    assert done.glance().to_csv() == whole.glance().to_csv()
    fit = done["k5", "SAC"]
    assert fit.loglik == whole["k5", "SAC"].loglik
    assert done.notes == whole.notes


def test_searches_among_w_have_journals(states, several, early, tmp_path):
    """Their likelihoods are read from the disk the second time, so that no model is asked."""
    how = {"formula": "log(gsp) ~ log(emp)", "data": early, **KEYS}
    pair = {name: several[name] for name in ("queen", "inverse")}
    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return sp.sar(*args, **kwargs)

    def tuned(**journal):
        return sp.tune_weights(lambda k: wt.knn(states, k).standardize("row"), range(3, 9), model=counted, **how,
                               **journal)  # fmt: skip

    first = tuned(journal=tmp_path / "k")
    built = len(calls)
    again = tuned(journal=tmp_path / "k", resume=True)
    pd.testing.assert_frame_equal(first.profile(), again.profile(), check_exact=True)
    assert len(calls) == built == 6
    mixed = sp.mix_weights(pair, model=counted, journal=tmp_path / "mix", **how)
    built = len(calls) - built
    more = sp.mix_weights(pair, model=counted, journal=tmp_path / "mix", resume=True, **how)
    pd.testing.assert_frame_equal(mixed.tidy(), more.tidy(), check_exact=True)
    assert len(calls) - built - 6 <= 3
    assert len(pd.read_parquet(tmp_path / "mix")) > 20


@pytest.mark.skipif(sys.platform == "win32", reason="an orphan keeps its parent's number there")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(how):
    script = f"""
import operator, sys
sys.path.insert(0, {str(ROOT)!r})
from spatial.compare.jobs import run
run(list(range(10**6)), operator.add, [], n_jobs=2, keep=lambda at, result: at or print("works", flush=True))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout.readline() == b"works\n"
    parent.send_signal(how)
    parent.wait()
    start = time.monotonic()
    parent.stdout.read()  # ends when no process holds the pipe any more
    assert time.monotonic() - start < 30
    parent.stdout.close()


def test_results_that_were_changed_are_estimated_again(several, early, tmp_path):
    """Every column of a journal emptied in turn; one number changed; the table is the same as before."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    how = {"model": sp.sdm, "formula": "log(gsp) ~ log(emp)", "data": early, "journal": tmp_path / "j", **KEYS}
    want, file = sp.compare_weights(several, **how), tmp_path / "j" / "results.parquet"
    whole = pq.read_table(file)
    changed = [whole.set_column(at, whole.schema.field(at), pa.nulls(len(whole), whole.schema.field(at).type))
               for at in range(len(whole.schema))]  # fmt: skip
    at = whole.schema.get_field_index("loglik")
    changed.append(whole.set_column(at, whole.schema.field(at), pa.array([0.0, *whole["loglik"].to_pylist()[1:]])))
    for table in changed:
        pq.write_table(table, file)
        with pytest.warns(SpatialInputWarning, match="were changed since they were written"):
            again = sp.compare_weights(several, resume=True, **how)
        pd.testing.assert_frame_equal(again.glance(), want.glance(), check_exact=True)
        assert pq.read_table(file).num_rows == len(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sp.compare_weights(several, resume=True, **how)


def test_ctrl_c_returns_what_is_done(several, early):
    def impatient(results):
        for n, result in enumerate(results):
            if n == 5:
                raise KeyboardInterrupt
            yield result

    answer = curve(several, early, progress=impatient)
    assert not answer.whole
    assert len(answer.table) == 5 * 3
    pd.testing.assert_frame_equal(answer.table, curve(several, early).table.head(15), check_exact=True)
    assert "interrupted" in str(answer)
    part = sp.compare_weights({f"{n}{i}": w for i in range(3) for n, w in several.items()}, model=sp.sar,
                              formula=FORMULA, data=early, progress=impatient, **KEYS)  # fmt: skip
    assert len(part.fits) == 5
    assert "interrupted: 5 of 9" in str(part)


def test_placebos_are_fits_with_shuffled_names(queen, early):
    fit = sp.sar(FORMULA, early, queen, **KEYS)
    result = sp.placebo_weights(fit, draws=3, seed=2)
    moved = queen.ids[np.argsort(np.random.default_rng([2, 1]).permutation(48))]
    names = dict(zip(queen.ids, moved))
    alone = sp.sar(FORMULA, early.assign(state=early["state"].map(names)), queen, **KEYS)
    assert result.draws("rho")[1] == pytest.approx(alone.rho, abs=1e-9)
    effects = alone.effects()
    np.testing.assert_allclose(result.effects[1], effects.estimates, rtol=1e-7)
    np.testing.assert_allclose(result.actual, fit.effects().estimates, rtol=1e-9)
    more = sp.placebo_weights(fit, draws=70, seed=2)
    np.testing.assert_array_equal(more.params[:3], result.params)


def test_keys_tell_results_apart(several, early, tmp_path):
    """Other data, W, specification or draws: other keys; a journal of other work is added to, never mistaken."""
    frame = early.assign(unemp=early["unemp"].where(early.index != early.index[3], 99.0))
    assert digest_of(frame) != digest_of(early)
    assert digest_of(early.rename(columns={"unemp": "x"})) != digest_of(early)
    assert key_of("a", 1) != key_of("a", 2)
    journal = tmp_path / "curve.parquet"
    first = curve(several, early, journal=journal)
    with pytest.raises(SpatialInputError, match="E603"):
        curve(several, early, journal=journal)
    again = curve(several, early, journal=journal, resume=True)
    pd.testing.assert_frame_equal(first.table, again.table, check_exact=True)
    assert len(pd.read_parquet(journal)) == len(first.table) / 3
    curve(several, frame, journal=journal, resume=True)
    assert len(pd.read_parquet(journal)) == 2 * len(first.table) / 3
    for text in (b"this is no parquet", b""):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "a.parquet").write_bytes(text)
        with pytest.raises(SpatialInputError, match="E514"):
            Journal(tmp_path / "other", {"x": "number"}, resume=True)
    with pytest.raises(SpatialInputError, match="E514"):
        Journal(tmp_path / "other" / "a.parquet", {"x": "number"}, resume=True)
    with pytest.raises(SpatialInputError, match="E514"):
        Journal(journal, {"x": "number"}, resume=True)  # of other work


def test_options_are_told_apart_by_their_content(several, early):
    """Two W print alike, two frames too; the same matrix over other units is another W."""
    queen = several["queen"]
    renamed = wt.from_sparse(queen.csr, ids=queen.ids[::-1])
    options = [queen, renamed, several["knn5"], wt.from_sparse(queen.csr * 2, ids=queen.ids), early, early.head(9),
             sp.Conley(300, coords=early), sp.Conley(300, coords=early.head(9)), {"a": queen}, {"a": renamed}, "queen",
             np.arange(3), np.arange(4), wt.temporal({1: queen, 2: renamed.reindex(queen.ids)})]  # fmt: skip
    assert len({description_of(one) for one in options}) == len(options)
    assert description_of(queen) == description_of(wt.from_sparse(queen.csr, ids=queen.ids))


def test_joblib_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(SpatialInputError, match="E515") as caught:
        run([1, 2], lambda shared, jobs: jobs, None, n_jobs=2)
    assert "pip install" in str(caught.value)


def test_effects_sort_and_agree(several, early):
    result = curve(several, early)
    ordered = result.curve("direct")
    assert ordered["estimate"].is_monotonic_increasing
    share = result.agreement().set_index("effect").loc["direct"]
    assert share["specifications"] == len(ordered) == 24
    assert share["clearly positive"] == ((ordered["p_value"] < 0.05) & (ordered["estimate"] > 0)).mean()
    assert json.dumps(result.choices) == '["weights", "model", "controls", "sample"]'
