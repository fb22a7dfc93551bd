"""Sentences follow from the numbers beside them: agreement, failures, logarithms, shocks."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.report import words

FORMULA = "log(gsp) ~ log(emp) + unemp"
KEYS = {"entity": "state", "time": "year", "effects": "twoway"}


def comparison(rows, failed=()):
    """What ``about_weights`` reads, from (weights, estimate, low, high) of one regressor."""
    table = pd.DataFrame(rows, columns=["weights", "estimate", "conf_low", "conf_high"])
    tidy = table.assign(effect="indirect", term="x")
    n = len(rows)
    return SimpleNamespace(
        tidy=lambda: tidy, glance=lambda: pd.DataFrame({"probability": np.ones(n) / n}), fits=dict.fromkeys(range(n)),
        probabilities=pd.Series(np.ones(n) / n), best="a", failed=dict.fromkeys(failed, "why"))  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("a", 1.0, 0.5, 1.5), ("b", 2.0, 1.0, 3.0)],
         "is positive and significant under all 2 weights that were estimated."),
        ([("a", -1.0, -1.5, -0.5), ("b", -2.0, -3.0, -1.0)],
         "is negative and significant under all 2 weights that were estimated."),
        ([("a", -0.01, -1, 1), ("b", 0.03, -1, 1)],
         "under none of the 2 weights that were estimated, and its estimates differ in sign."),
        ([("a", 0.01, -1, 1), ("b", 0.03, -1, 1)],
         "is significant under none of the 2 weights that were estimated."),
        ([("a", 1.0, 0.5, 1.5), ("b", 2.0, -1.0, 3.0)],
         "positive and significant under a. It is not significant under b."),
        ([("a", 1.0, 0.5, 1.5), ("b", -2.0, -3.0, -1.0)],
         "is positive and significant under a. The spillover of x is negative and significant under b."),
    ],
)  # fmt: skip
def test_what_is_said_of_several_weights(rows, sentence):
    assert sentence in " ".join(words.about_weights(comparison(rows), str))


def test_weights_that_failed_come_first_and_forbid_all():
    rows = [("a", 1.0, 0.5, 1.5), ("b", 2.0, 1.0, 3.0)]
    text = " ".join(words.about_weights(comparison(rows, failed=["economic"]), str))
    assert text.startswith("Not estimated: economic. What follows says nothing about it.")
    assert "under all 2 weights that were estimated." in text
    assert "all weights" not in text.replace("all 2 weights", "")


@pytest.fixture(scope="module")
def effects():
    import shapefiles

    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    return sp.sdm(FORMULA, shapefiles.load_panel("us_states"), w, **KEYS).effects()


def test_logarithms_are_said_in_per_cent(effects):
    table = effects.tidy().set_index(["effect", "term"])
    sentence = words.about_term("log(emp)", table, "log(gsp)", str)
    assert sentence.startswith("1\u00a0% more emp in a unit changes its own gsp by ")
    assert "log(" not in sentence
    own = float(re.search(r"its own gsp by (-?[\d.]+)\u00a0%", sentence).group(1))
    assert own == pytest.approx(100 * np.expm1(np.log(1.01) * effects.direct["log(emp)"]), abs=0.005)
    level = words.about_term("unemp", table, "log(gsp)", str)
    own = float(re.search(r"its own gsp by (-?[\d.]+)\u00a0%", level).group(1))
    assert own == pytest.approx(100 * np.expm1(effects.direct["unemp"]), abs=0.005)


def test_every_sentence_about_an_effect_follows_its_row(effects):
    table = effects.tidy().set_index(["effect", "term"])
    first, *each = words.about_spillovers(effects, str)
    for term in effects.variables:
        row = table.loc[("indirect", term)]
        clear = row["conf_low"] > 0 or row["conf_high"] < 0
        assert clear == (row["p_value"] <= 0.05)
        listed = first.partition("No spillover")[0] if clear else first.partition("No spillover")[2]
        assert term in listed
    assert len(each) == len(effects.variables)


def test_default_shocks_are_ten_per_cent_or_one_standard_deviation(effects):
    d = effects.fit._design
    values = d.X[:, :, d.names.index("log(emp)")]
    size = words.default_size("log(emp)", values)
    assert size == pytest.approx(np.log(1.1))
    change = words.shock_words("log(emp)", size, str, values)
    assert change == "10\u00a0% more emp"
    response = effects.shock("IL", "log(emp)", size)
    sentence = words.about_shock(change, "IL", response, "log(gsp)", str)
    assert f"changes gsp there by {100 * np.expm1(response['IL']):.2g}\u00a0%" in sentence
    assert "together" not in sentence  # percentages of different units have no sum
    values = d.X[:, :, d.names.index("unemp")]
    size = words.default_size("unemp", values)
    assert size == pytest.approx(np.std(values))
    assert words.shock_words("unemp", size, str, values).startswith("one standard deviation (")
    assert words.shock_words("unemp", -2.0, str, values) == "2 less unemp"
    assert words.shock_words("log(emp)", 1.0, str, values) == "172\u00a0% more emp"


@pytest.mark.parametrize(
    ("row", "text"),
    [((-1e-7, -3e-7, 2e-7), "-0.00000010 [-0.00000030, 0.00000020]"), ((500.0, 100.0, 900.0), "500 [100, 900]"),
     ((0.12345, 0.1, 0.146), "0.123 [0.100, 0.146]")],
)  # fmt: skip
def test_digits_follow_the_interval(row, text):
    assert words.estimate(dict(zip(("estimate", "conf_low", "conf_high"), row))) == text


def test_there_is_no_false_precision_near_zero():
    assert words.short(-1.5e-7) == "-1.5e-07"
    assert words.short(0.17949) == "0.18"
    assert words.short(1234.5) == "1,234"


def test_a_panel_without_effects_is_said_in_words(states, panel):
    w = wt.queen(states).standardize("row")
    for effects, message in (("none", "no effects)"), ("entity", "entity effects)")):
        fit = sp.sar(FORMULA, panel, w, entity="state", time="year", effects=effects)
        assert f"17 periods, {message}" in str(fit)


def test_a_dummy_goes_from_0_to_1():
    values = np.array([0.0, 1.0, 1.0, np.nan])
    assert words.default_size("law", values) == 1.0
    assert words.shock_words("law", 1.0, str, values) == "law from 0 to 1"
    assert words.shock_words("law", 0.5, str, values) == "0.5 more law"
