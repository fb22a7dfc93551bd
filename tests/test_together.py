"""What goes together is said as it is: what is refused has a reason, and what has a reason is refused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EVERY = 9  # so many are tried where not all are


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build_together", ROOT / "docs" / "build_together.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_reasons_are_of_pairs_and_models_that_there_are(build):
    subjects = {build.key(a, b) for a, b in build.pairs()}
    names = [*subjects, *(shape.label for shape in build.SHAPES)]
    assert not set(build.by_subject()) - subjects - {f"{model}: {name}" for model in build.MODELS for name in names}


def test_the_page_has_every_reason(build):
    text = (ROOT / "docs" / "together.md").read_text(encoding="utf-8")
    for number, reason in enumerate(build.reasons(), 1):
        assert f"\n{build.listed(number, reason)}\n" in text, "run docs/build_together.py"


def test_some_pairs_and_models_are_refused_where_there_is_a_reason(build):
    numbered = build.by_subject()
    for a, b in build.pairs()[::EVERY]:
        assert bool(build.refusal("sdm", a, b)) == (build.key(a, b) in numbered), build.key(a, b)
        other = {build.key(a, b), f"gns: {build.key(a, b)}", f"gns: {a.label}", f"gns: {b.label}"}
        assert not build.refusal("gns", a, b) or other & set(numbered), build.key(a, b)
    for shape in build.SHAPES[::EVERY]:
        for model in build.MODELS:
            assert bool(build.refusal(model, shape)) == (f"{model}: {shape.label}" in numbered), (model, shape.label)


@pytest.mark.slow
def test_the_page_is_that_of_all_pairs(build):
    assert (ROOT / "docs" / "together.md").read_text(encoding="utf-8") == build.page(), "run docs/build_together.py"
