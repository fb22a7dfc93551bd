"""Results ask by verb: every answer that is listed exists, and every public result has words."""

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


WITHOUT_FIGURE = {"Mixture", "Search", "Searches", "TestResult", "TestTable"}


def test_every_public_result_but_tests_has_a_figure():
    results = [value for value in (getattr(sp, name) for name in sp.__all__) if isinstance(value, type)]
    without = {value.__name__ for value in results if issubclass(value, Shown) and not answer("plot", value)}
    assert without == WITHOUT_FIGURE


def test_what_nobody_answers_is_refused():
    with pytest.raises(SpatialInputError, match="E501: a int has no plot"):
        ask("plot", 3)
