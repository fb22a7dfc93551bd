"""Results ask by verb: every answer that is listed exists, and every public result has words."""

import inspect
from importlib import import_module

import pytest

import spatial as sp
from spillover.errors import SpatialInputError
from spillover.show import TABLES, Shown, answer, ask

LISTED = {}
for tables in TABLES.values():
    for table in tables:
        LISTED |= import_module(table).ANSWERS


@pytest.mark.parametrize(("key", "target"), LISTED.items(), ids=[f"{verb} {kind}" for verb, kind in LISTED])
def test_an_answer_exists_for_a_class_that_exists(key, target):
    module, _, name = key[1].partition(":")
    assert isinstance(getattr(import_module(module), name), type)
    module, _, name = target.partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_public_result_has_words():
    results = [value for value in (getattr(sp, name) for name in sp.__all__) if isinstance(value, type)]
    shown = [value for value in results if issubclass(value, Shown)]
    assert len(shown) > 15
    own = [value for value in shown if value.__str__ is not Shown.__str__]
    assert all(answer("text", value) for value in shown if value not in own), own


WITHOUT_FIGURE = {"Mixture", "Refits", "Search", "Searches", "TestResult", "TestTable"}


def test_every_public_result_but_tests_has_a_figure():
    results = [value for value in (getattr(sp, name) for name in sp.__all__) if isinstance(value, type)]
    without = {value.__name__ for value in results if issubclass(value, Shown) and not answer("plot", value)}
    assert without == WITHOUT_FIGURE


def test_what_nobody_answers_is_refused():
    with pytest.raises(SpatialInputError, match="E501: a int has no plot"):
        ask("plot", 3)


def returned():
    """{function: class} of every public function of ``spatial`` that returns a class of ours."""
    classes = {}
    for name in sp.__all__:
        function = getattr(sp, name)
        if inspect.isfunction(function):
            text = str(function.__annotations__["return"])
            for part in text.split(" | "):
                kind = getattr(inspect.getmodule(function), part.rpartition(".")[2], None)
                if isinstance(kind, type) and issubclass(kind, Shown):
                    classes[f"{name}: {part}"] = kind
    return classes


@pytest.mark.parametrize("kind", returned().values(), ids=returned())
def test_what_a_public_function_returns_is_exported_and_has_the_methods_of_a_result(kind):
    assert getattr(sp, kind.__name__) is kind
    for method in ("tidy", "summary", "plot", "_repr_html_"):
        assert callable(getattr(kind, method))


def test_names_of_results_are_unique():
    kinds = [key[1] for key in LISTED if key[0] == "text"]
    names = [kind.partition(":")[2] for kind in kinds]
    assert sorted({name for name in names if names.count(name) > 1}) == []
