"""The page of keys is that of the code, complete, and every example in it can be read."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

from spillover.cli.study import keys
from spillover.cli.study.chapters import STEPS, check_step, function
from spillover.cli.study.kinds import check_kind

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "study-file.md"


def build():
    spec = importlib.util.spec_from_file_location("build_study", ROOT / "docs" / "build_study.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables():
    """(name, its keys, their examples) of every table of a study file."""
    shown = keys.examples()
    yield "", {k: v for k, v in keys.TOP.items() if v.kind is not dict}, shown[""]
    yield "data", keys.DATA, shown["data"]
    yield "options", keys.of_options(), shown["options"]
    for how, arguments in keys.of_indicators().items():
        yield f"columns.NAME, {how}", arguments, keys.examples_of_indicator(how)
    for step in STEPS:
        yield f"steps.{step}", keys.of_step(function(step)), shown.get(f"steps.{step}", {})


TABLES = list(tables())


def test_the_page_is_that_of_the_code():
    assert PAGE.read_text(encoding="utf-8") == build().page(), "run docs/build_study.py"


@pytest.mark.parametrize(("name", "entries", "examples"), TABLES, ids=[t[0] or "top" for t in TABLES])
def test_every_key_has_a_type_a_default_a_meaning_and_an_example(name, entries, examples):
    text = PAGE.read_text(encoding="utf-8")
    for key, about in entries.items():
        assert about.meaning, f"{key} of [{name}] has no meaning in its docstring"
        assert keys.kind_in_words(about.kind) not in ("any", ""), key
        assert about.default, key
        assert key in examples, f"template.toml shows no {key} in [{name}], not even commented out"
        assert f"| `{key}` |" in text


@pytest.mark.parametrize("step", STEPS)
def test_examples_of_steps_are_options_that_the_step_takes(step):
    lines = keys.examples().get(f"steps.{step}", {})
    options = {name: tomllib.loads(line)[name] for name, line in lines.items()}
    check_step(step, options)
    assert set(options) == set(keys.of_step(function(step)))


def test_examples_of_data_are_of_their_kind():
    for name, line in keys.examples()["data"].items():
        check_kind(name, tomllib.loads(line)[name], keys.DATA[name].kind)


def test_examples_of_indicators_are_of_their_kind():
    import spatial as sp
    from spillover.cli.study.kinds import check_kinds

    for how, arguments in keys.of_indicators().items():
        lines = keys.examples_of_indicator(how)
        values = {name: tomllib.loads(lines[name])[name] for name in arguments}
        check_kinds(how, values, getattr(sp.indicators, how))


def test_a_missing_option_is_answered_with_its_example():
    from spillover.errors import SpatialInputError

    with pytest.raises(SpatialInputError) as caught:
        check_step("heterogeneity", {})
    assert caught.value.hint == 'write by = "region" in it'
