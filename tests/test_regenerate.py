"""``make reference`` never overwrites results of other versions of R's packages, and says what differs."""

import json

import pytest

from tests.reference import regenerate as r

CASE = r.Case("case/generate.R", "case/results.json", ("spdep",))


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr(r, "HERE", tmp_path)
    path = tmp_path / "case/results.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"versions": {"spdep": "1.2.7"}, "a": [1.0, 2.0]}))
    fresh = tmp_path / "fresh.json"
    fresh.write_text(json.dumps({"versions": {"spdep": "1.2.7"}, "a": [1.0, 2.5]}))
    return path, fresh


def test_the_same_version_is_written_again(stored, capsys):
    path, fresh = stored
    assert r.replace_stored("case", CASE, fresh, {"spdep": "1.2.7"}) == 1
    assert json.loads(path.read_text())["a"] == [1.0, 2.5]
    assert "written again" in (text := capsys.readouterr().out)
    assert "a.1: stored 2.0, now 2.5" in text


def test_another_version_is_left_as_it_is(stored, capsys):
    path, fresh = stored
    before = path.read_bytes()
    assert r.replace_stored("case", CASE, fresh, {"spdep": "1.3.1"}) == 1
    assert path.read_bytes() == before
    assert "left as it is (spdep 1.2.7, installed 1.3.1)" in (text := capsys.readouterr().out)
    assert "a.1: stored 2.0, now 2.5" in text


def test_the_same_numbers_leave_the_file_alone(stored, capsys):
    path, fresh = stored
    fresh.write_text(json.dumps({"versions": {"spdep": "1.2.7"}, "a": [1.0, 2.0 + 1e-8]}, indent=3))
    before = path.read_bytes()
    assert r.replace_stored("case", CASE, fresh, {"spdep": "1.2.7"}) == 0
    assert path.read_bytes() == before
    assert "the same; 0 numbers" in capsys.readouterr().out


def test_a_package_that_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(r, "versions_installed", lambda: {"spdep": "1.2.7"})
    assert r.main(["splm"]) == 0
    assert capsys.readouterr().out == "splm: left as it is: R has no splm\n"


def test_differences_of_shape_are_told():
    assert list(r.differences({"a": 1, "b": [1]}, {"a": 1, "c": 2, "b": [1, 2]})) == [
        "b: stored [1], now [1, 2]", "c: only in the new results"]  # fmt: skip
    assert list(r.differences({"a": "x"}, {})) == ["a: only in the stored results"]


@pytest.mark.parametrize("case", r.CASES.values(), ids=r.CASES)
def test_scripts_and_results_are_there_with_versions(case):
    assert (r.HERE / case.script).is_file()
    versions = r.versions_of(json.loads((r.HERE / case.results).read_text(encoding="utf-8")))
    assert versions.keys() & set(case.packages)
