"""The index of parity is whole: every public estimator and test is in it, and what it points to is there."""

import importlib.util
import json
import re
from pathlib import Path

import spatial as sp

ROOT = Path(__file__).parents[1]
NO_NUMBERS = {"SpatialInputError", "SpatialInputWarning", "TestResult", "TestTable", "etable", "save", "load",
              "indicators", "plot", "report"}  # fmt: skip


def generator():
    spec = importlib.util.spec_from_file_location("build_parity", ROOT / "docs" / "build_parity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_and_json_are_those_of_the_index():
    build = generator()
    index = build.read()
    assert (ROOT / "docs/parity.md").read_text(encoding="utf-8") == build.page(index), "run docs/build_parity.py"
    stored = json.loads((ROOT / "docs/parity.json").read_text(encoding="utf-8"))
    assert stored == {"entries": index["entry"], "elsewhere": index["other"]}


def test_every_public_name_is_in_it():
    listed = {name for entry in generator().read()["entry"] for name in entry["ours"]}
    assert listed - set(sp.__all__) == set()
    assert set(sp.__all__) - listed - NO_NUMBERS == set()


def test_tests_and_references_are_there():
    for entry in generator().read()["entry"]:
        assert (ROOT / entry["test"]).is_file(), entry["what"]
        reference = entry["reference"]
        assert reference in ("", "beside the project") or (ROOT / reference).is_file(), entry["what"]
        assert entry["verdict"] in ("same", "differs", "ours")
        assert "digits" in entry or entry["verdict"] != "same", entry["what"]


def test_versions_are_those_of_the_stored_references():
    for entry in generator().read()["entry"]:
        if not entry["reference"].endswith(".json"):
            continue
        text = str(json.loads((ROOT / entry["reference"]).read_text(encoding="utf-8")).get("versions", ""))
        for package, version in re.findall(r"\b(spatialreg|spdep|splm|plm) (\d+\.\d+)", entry["peer"]):
            assert package not in text or re.search(rf"\b{package}\W+{re.escape(version)}", text), entry["what"]
