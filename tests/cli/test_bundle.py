"""A bundled study runs again elsewhere and compares; what was changed in it is told."""

import hashlib
import json
import zipfile
from io import StringIO

import pandas as pd
import pytest

import shapefiles

from .test_commands import process

STUDY = """
title = "Unemployment"
formula = "log(gsp) ~ log(emp) + unemp"

[data]
map = "states.gpkg"
id = "state"
panel = 'my data/panel.csv'
unit = "state"
period = "year"

[weights]
queen = "queen"

[steps.moran]
columns = ["unemp"]
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "my data").mkdir()
    shapefiles.load("us_states").reset_index().to_file(folder / "states.gpkg")
    shapefiles.load_panel("us_states").query("year > 1979").to_csv(folder / "my data" / "panel.csv", index=False)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    target = folder / "replication.zip"
    done = process("study", folder / "study.toml", "-o", folder / "out", "--bundle", target)
    assert done.returncode == 0, done.stderr
    assert f"Bundled: {target}" in done.stdout
    return target


def rewritten(bundle, target, change):
    """The bundle with files changed: name to bytes, or None to leave one out; the manifest too, where it is named."""
    with zipfile.ZipFile(bundle) as box, zipfile.ZipFile(target, "w") as new:
        for name in box.namelist():
            content = change.get(name, box.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def test_it_runs_again_and_compares(spillover, bundle, tmp_path):
    status, out, err = spillover("study", bundle, "-o", tmp_path / "again")
    assert status == 0, err
    assert "5 of 5 tables are the same as in the bundle" in out
    before = pd.read_csv(bundle.parent / "out" / "model.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again" / "model.csv"), before)
    status, out, _ = spillover("study", bundle, "--check")
    assert status == 0
    assert "can run" in out


def test_it_holds_data_versions_and_checksums(bundle):
    with zipfile.ZipFile(bundle) as box:
        names, manifest = set(box.namelist()), json.loads(box.read("manifest.json"))
        study, lock = box.read("study.toml").decode(), box.read("requirements.txt").decode()
    assert set(manifest["sha256"]) == names - {"manifest.json"}
    assert {"data/0/states.gpkg", "data/1/panel.csv", "results/report.html", "results/tables.docx"} <= names
    assert 'map = "data/0/states.gpkg"' in study
    assert 'panel = "data/1/panel.csv"' in study
    assert "numpy==" in lock
    assert "not installed" not in lock


def test_other_numbers_are_told(spillover, bundle, tmp_path):
    """The results of a bundle that another version made: checksums fit, a number differs."""
    with zipfile.ZipFile(bundle) as box:
        table = box.read("results/model.csv").decode()
        manifest = json.loads(box.read("manifest.json"))
        lock = box.read("requirements.txt").decode()
    frame = pd.read_csv(StringIO(table))
    frame.loc[0, "estimate"] *= 1.01
    changed = {"results/model.csv": frame.to_csv(index=False).encode(),
               "requirements.txt": lock.replace("numpy==", "numpy==0.").encode()}  # fmt: skip
    manifest["sha256"] |= {name: hashlib.sha256(content).hexdigest() for name, content in changed.items()}
    other = rewritten(bundle, tmp_path / "b.zip", {**changed, "manifest.json": json.dumps(manifest).encode()})
    status, out, err = spillover("study", other, "-o", tmp_path / "again")
    assert status == 6, err
    assert "tables that differ from the bundle's: 1" in err
    assert "4 of 5 tables are the same" in out
    assert "model.csv: numbers differ by up to 9.9e-03" in out
    assert "other version: numpy 0." in out


@pytest.mark.parametrize("change", [
    {"data/1/panel.csv": b"state,year\n"}, {"study.toml": None}, {"manifest.json": None}, {"manifest.json": b"{}"},
    {"manifest.json": json.dumps({"sha256": {"../../evil": "0"}}).encode()}, {"manifest.json": b'{"sha256": []}'},
    {"manifest.json": b'{"sha256": {}}'}, {"manifest.json": b"[]"},
])  # fmt: skip
def test_a_damaged_bundle_is_refused(spillover, bundle, tmp_path, change):
    status, _, err = spillover("study", rewritten(bundle, tmp_path / "b.zip", change), "-o", tmp_path / "again")
    assert status == 3
    assert err.count("E602") == 1
    assert not (tmp_path / "again").exists()
    assert not (tmp_path.parent / "evil").exists()


def test_it_is_refused_before_the_work(spillover, bundle, tmp_path):
    study = bundle.parent / "study.toml"
    for target, code in ((tmp_path / "b.tar", "E501"), (bundle, "E603")):
        status, _, err = spillover("study", study, "-o", tmp_path / "x", "--bundle", target)
        assert status != 0
        assert code in err
        assert not (tmp_path / "x").exists()
