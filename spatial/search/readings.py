"""What each step of the path reads out of its tests, in words."""

from __future__ import annotations

import numpy as np

from ..records.tests import TestResult, TestTable


def read_lm(lm: TestTable, level: float) -> str:
    lag, error = lm["LM lag"].p_value < level, lm["LM error"].p_value < level
    if not (lag or error):
        return "LM tests: neither a spatial lag nor a spatial error is asked for."
    robust_lag, robust_error = lm["robust LM lag"].p_value, lm["robust LM error"].p_value
    stronger = "lag" if robust_lag < robust_error else "error"
    terms = "a spatial lag and a spatial error" if lag and error else "a spatial lag" if lag else "a spatial error"
    return f"LM tests ask for {terms}; the robust ones point more to the {stronger}."


def short_lm(lm: TestTable, level: float) -> str:
    lag, error = lm["LM lag"].p_value < level, lm["LM error"].p_value < level
    stronger = "lag" if lm["robust LM lag"].p_value < lm["robust LM error"].p_value else "error"
    return f"both, {stronger} more" if lag and error else "lag" if lag else "error" if error else "neither"


def read_hausman(tests: tuple[TestResult, ...], level: float) -> tuple[str, str]:
    """The result of the first test with a p-value, as a sentence and as a word."""
    test = next((t for t in tests if np.isfinite(t.p_value)), None)
    if test is None:
        return "No Hausman test can be computed; fixed effects are the safe choice.", "fixed"
    word = "fixed" if test.p_value < level else "random"
    kept = "fixed effects" if word == "fixed" else "random effects would do, fixed effects remain consistent"
    return f"{test.name} (p = {test.p_value:.3g}): {kept}.", word


def read_effects(tests: tuple[TestResult, ...], level: float) -> str:
    verdicts = [f"{t.null.removeprefix('no ')} {'belong' if t.p_value < level else 'do not belong'} in the model"
            for t in tests]  # fmt: skip
    return f"LR tests: {', '.join(verdicts)}."
