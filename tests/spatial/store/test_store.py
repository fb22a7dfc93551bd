"""Saved and loaded: the same numbers to the last bit, from folders and zips; damage is refused."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

FORMULA = "log(gsp) ~ log(pcap) + log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def states():
    return shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")


def half(panel):
    """Regions, for covariances that need groups."""
    return panel.assign(group=(panel["state"] < "M").astype(int))


CASES = {
    "ols": (sp.ols, {}),
    "two-way": (sp.sdm, {}),
    "dynamic": (sp.sdm, {"lags": "both"}),
    "durbin of one": (sp.sdm, {"durbin": ["unemp"], "effects": "entity", "correction": False, "vcov": "eim"}),
    "moments": (sp.sar, {"method": "gmm", "vcov": "hc1", "effects": "time"}),
    "past values": (sp.sar, {"lags": "y", "method": sp.ArellanoBond(depth=3, steps=1)}),
    "random": (sp.sem, {"effects": "random", "random_error": "baltagi"}),
    "robust": (sp.sar, {"vcov": sp.Robust(pairs=False)}),
    "period": (sp.slx, {"effects": "time", "vcov": "driscoll_kraay"}),
    "restricted": (sp.sar, {"method": "reml"}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("where", ["fit", "fit.zip"])
def test_a_fit_comes_back(states, tmp_path, name, where):
    panel, w = states
    model, options = CASES[name]
    fit = model(FORMULA, panel.sample(frac=1, random_state=3), w, **KEYS, **options)
    again = sp.load(sp.save(fit, tmp_path / where))
    pd.testing.assert_series_equal(again.params, fit.params, check_exact=True)
    pd.testing.assert_frame_equal(again.vcov, fit.vcov, check_exact=True)
    assert again.loglik == fit.loglik or np.isnan(fit.loglik)
    assert str(again) == str(fit)


def test_covariances_that_were_chosen_later(states, tmp_path):
    panel, w = states
    fit = sp.sar(FORMULA, half(panel), w, **KEYS).with_vcov("cluster", by="group")
    by_series = fit.with_vcov("cluster", by=half(panel).groupby("state")["group"].first())
    for i, one in enumerate((fit, by_series)):
        again = sp.load(sp.save(one, tmp_path / f"{i}"))
        pd.testing.assert_frame_equal(again.vcov, one.vcov, check_exact=True)


def test_cross_sections_keep_their_index_and_their_shapes(tmp_path):
    data = shapefiles.load("columbus")
    w = wt.queen(data).standardize("row")
    fit = sp.sac("CRIME ~ INC + HOVAL", data, w, w_error=wt.knn(data, 4, metric="planar").standardize("row"))
    again = sp.load(sp.save(fit, tmp_path / "a.zip"))
    pd.testing.assert_series_equal(again.params, fit.params, check_exact=True)
    assert again._design.weights_of_error == fit._design.weights_of_error
    pd.testing.assert_series_equal(again.predict(), fit.predict())
    states = shapefiles.load("us_states").assign(y=range(48))
    conley = sp.ols("y ~ 1", states, wt.queen(states), vcov=sp.Conley(cutoff=900))  # places are the map's
    pd.testing.assert_frame_equal(sp.load(sp.save(conley, tmp_path / "b")).vcov, conley.vcov)


def test_units_that_were_dropped_and_weights_over_time(states, tmp_path):
    panel, w = states
    gone = panel.assign(unemp=panel["unemp"].where(panel["state"] != "OH"))
    fit = sp.sar(FORMULA, gone, w, **KEYS, missing="drop")
    again = sp.load(sp.save(fit, tmp_path / "dropped"))
    pd.testing.assert_series_equal(again.params, fit.params)
    assert again._design.n_units == 47
    w_t = wt.temporal({year: w if year < 1980 else wt.knn(shapefiles.load("us_states"), 4).standardize("row")
                       for year in panel["year"].unique()})  # fmt: skip
    fit = sp.sar(FORMULA, panel, w_t, **KEYS, effects="entity")
    pd.testing.assert_series_equal(sp.load(sp.save(fit, tmp_path / "temporal.zip")).params, fit.params)


def test_gaps(states, tmp_path):
    panel, w = states
    fit = sp.sar(FORMULA, panel.sample(frac=0.9, random_state=1), w, **KEYS, missing="period")
    again = sp.load(sp.save(fit, tmp_path / "gaps"))
    pd.testing.assert_series_equal(again.params, fit.params)


def test_effects_come_back_with_their_options(states, tmp_path):
    panel, w = states
    for i, options in enumerate(({}, {"lags": "both"})):
        effects = sp.sdm(FORMULA, panel, w, **KEYS, **options).effects(method="simulate", draws=50, seed=7, level=0.9)
        again = sp.load(sp.save(effects, tmp_path / f"{i}.zip"))
        pd.testing.assert_frame_equal(again.tidy(), effects.tidy(), check_exact=True)


@pytest.mark.parametrize("models", [sp.sar, [sp.slx, sp.sdm]])
def test_a_comparison_comes_back(states, tmp_path, models):
    panel, w = states
    several = {"queen": w, "5 nearest": wt.knn(shapefiles.load("us_states"), 5).standardize("row")}
    result = sp.compare_weights(several, model=models, formula=FORMULA, data=panel, prior=sp.Prior("beta"),
                                probabilities={"queen": 1, "5 nearest": 3}, **KEYS)  # fmt: skip
    again = sp.load(sp.save(result, tmp_path / "both.zip"))
    pd.testing.assert_frame_equal(again.glance(), result.glance())
    pd.testing.assert_frame_equal(again.tidy(), result.tidy())
    assert again.best == result.best


def test_the_same_result_makes_the_same_bytes(states, tmp_path):
    panel, w = states
    fit = sp.sar(FORMULA, panel, w, **KEYS)
    one, other = (sp.save(fit, tmp_path / f"{i}.zip").read_bytes() for i in range(2))
    assert one == other
    with zipfile.ZipFile(tmp_path / "0.zip") as box:
        names = box.namelist()
    assert {name.rpartition(".")[2] for name in names} == {"json", "parquet"}


def test_other_numbers_are_told(states, tmp_path):
    panel, w = states
    path = sp.save(sp.sar(FORMULA, panel, w, **KEYS), tmp_path / "fit")
    record = json.loads((path / "result.json").read_text())
    record["estimates"]["params"]["rho"] += 0.01
    (path / "result.json").write_text(json.dumps(record))
    with pytest.warns(sp.SpatialInputWarning, match="'rho' is"):
        sp.load(path)


@pytest.mark.parametrize("change", ["name", "null", "errors"])
def test_no_tampering_with_the_record_hides_other_numbers(states, tmp_path, change):
    panel, w = states
    path = sp.save(sp.sar(FORMULA, panel, w, **KEYS), tmp_path / "fit")
    record = json.loads((path / "result.json").read_text())
    stored = record["estimates"]
    if change == "name":
        stored["params"]["unemployment"] = stored["params"].pop("unemp")
    elif change == "null":
        stored["params"]["unemp"] = None
    else:
        stored["params"]["rho"] += 0.01
        stored["std_errors"]["rho"] = 1e9
    (path / "result.json").write_text(json.dumps(record))
    with pytest.warns(sp.SpatialInputWarning, match="is .* now and was"):
        sp.load(path)


def test_no_flipped_byte_of_a_zip_is_a_traceback(states, tmp_path):
    panel, w = states
    fit = sp.ols(FORMULA, panel.query("year < 1973"), w, **KEYS)
    whole = sp.save(fit, tmp_path / "fit.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "fit.zip") as box:
        starts = [one.header_offset + 30 + len(one.filename) for one in box.infolist()]
    codes = []
    for at in [start + step for start in starts for step in (0, 1, 2, 40)]:
        (tmp_path / "bad.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1:])
        try:
            np.testing.assert_array_equal(sp.load(tmp_path / "bad.zip").params, fit.params)
        except SpatialInputError as error:
            codes.append(error.code)
    assert len(codes) > len(starts)
    assert set(codes) == {"E602"}


def test_what_is_there_is_kept(states, tmp_path):
    panel, w = states
    fit = sp.ols(FORMULA, panel, w, **KEYS)
    for name in ("a", "a.zip"):
        sp.save(fit, tmp_path / name)
        with pytest.raises(SpatialInputError) as caught:
            sp.save(fit, tmp_path / name)
        assert caught.value.code == "E603"
        sp.save(fit, tmp_path / name, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_text("years of work")
    with pytest.raises(SpatialInputError, match="exists"):
        sp.save(fit, tmp_path / "mine", overwrite=True)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.suffix != ".parquet") == [
        "a", "a.zip", "mine", "result.json", "thesis.docx"]  # fmt: skip


def damage(path, how):
    if how == "no record":
        (path / "result.json").unlink()
    elif how == "no data":
        (path / "data.parquet").write_bytes(b"PAR1 nothing")
    elif how == "path":
        text = (path / "result.json").read_text().replace("data.parquet", "../data.parquet")
        (path / "result.json").write_text(text)
    elif how == "newer":
        record = json.loads((path / "result.json").read_text()) | {"format": 99}
        (path / "result.json").write_text(json.dumps(record))
    elif how == "lacks":
        record = json.loads((path / "result.json").read_text())
        del record["weights"]
        (path / "result.json").write_text(json.dumps(record))
    elif how == "links":
        links = pd.read_parquet(path / "weights.parquet")
        links.assign(focal=links["focal"] + 90).to_parquet(path / "weights.parquet")
    elif how == "object":
        record = json.loads((path / "result.json").read_text())
        record["options"]["vcov"] = {"object": "Popen", "fields": {"args": "ls"}}
        (path / "result.json").write_text(json.dumps(record))


@pytest.mark.parametrize("how", ["no record", "no data", "path", "newer", "lacks", "links", "object"])
def test_damage_is_refused(states, tmp_path, how):
    panel, w = states
    path = sp.save(sp.ols(FORMULA, panel, w, **KEYS), tmp_path / "fit")
    damage(path, how)
    with pytest.raises(SpatialInputError) as caught:
        sp.load(path)
    assert caught.value.code == "E602"


@pytest.mark.parametrize("path", [None, 5, ""])
def test_a_path_is_a_path(states, path):
    panel, w = states
    for call in (lambda: sp.load(path), lambda: sp.save(sp.ols(FORMULA, panel, w, **KEYS), path)):
        with pytest.raises(SpatialInputError, match="a path is needed") as caught:
            call()
        assert caught.value.code == "E501"


def test_what_cannot_be_saved(states, tmp_path):
    panel, w = states
    (tmp_path / "no.zip").write_bytes(b"no zip")
    castle = sp.did("log(homicide) ~ post", shapefiles.load_panel("castle"), treatment="post", **KEYS)
    for call, code in ((lambda: sp.load(tmp_path / "no.zip"), "E602"), (lambda: sp.load(tmp_path / "nothing"), "E601"),
                       (lambda: sp.save(castle, tmp_path / "x"), "E501"),
                       (lambda: sp.save(sp.sdm(FORMULA, panel, w, lags="y", **KEYS).effects().short_run,
                                        tmp_path / "x"), "E501")):  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == code
