"""The step for two-stage least squares: endogenous regressors, the first stage, weak and invalid instruments."""

from __future__ import annotations

import numpy as np

import spatial as sp
from spatial.report.header import header
from spatial.report.html import Table
from spillover.language import phrase, stored

from .question import LEVEL, Chapter, Question

WITH_LAG = {"ols": "sar", "sem": "sar", "slx": "sdm", "sdem": "sdm"}  # where nothing else is endogenous W y is
SHARED = ("entity", "time", "effects", "durbin", "missing", "obs_weights", "w_error")
WEAK = 10.0  # the first-stage F below which instruments count as weak (Staiger & Stock 1997)


def instruments(
    q: Question, chapters: dict, *, endog: list[str] | None = None, instruments: list[str] | None = None,
    vcov: str | None = None,
) -> Chapter:  # fmt: skip
    """The model by two-stage least squares, beside maximum likelihood, with tests of its instruments below. Without
    ``endog`` a model that has no W y takes it in: sar for ols and sem, sdm for slx and sdem.

    Parameters
    ----------
    endog : list of texts
        Regressors that are correlated with the error; W y, where the model has it, always is.
    instruments : list of texts
        Terms outside the formula that move them; W X and W^2 X are instruments too.
    vcov : text
        Standard errors by moments: "classical", "robust" or "cluster"; by default "cluster" with unit effects, else
        "robust".
    """
    fit = chapters["model"].result
    name = q.model if endog else WITH_LAG.get(q.model, q.model)
    if vcov is None:
        vcov = "cluster" if q.options.get("effects") in ("entity", "twoway") else "robust"
    keys = {key: value for key, value in q.keys.items() if key in SHARED}
    moments = getattr(sp, name)(q.formula, q.panel, q.leading, method="gmm", endog=endog, instruments=instruments,
                                vcov=vcov, **keys)  # fmt: skip
    tests = sp.instrument_tests(moments)
    first = [test for test in tests if test.name.startswith("first-stage F")]
    two_stage = phrase("{model}, two-stage least squares", model=moments.specification.name)
    paper = sp.etable(
        [fit, moments], names=[fit.specification.name, two_stage], labels=q.labels, stars=True,
        caption=phrase("Maximum likelihood and two-stage least squares"),
        tests={stored(test.name): [None, test] for test in tests},
    )  # fmt: skip
    weakest = min([*first, tests["Kleibergen-Paap F"]], key=lambda test: test.statistic)
    of = {"test": stored(weakest.name), "statistic": f"{weakest.statistic:.1f}", "limit": f"{WEAK:g}"}
    if weakest.statistic < WEAK:
        answer = [phrase("Instruments are weak: {test} is {statistic} (weak below about {limit}).", **of)]
    else:
        answer = [phrase("Instruments are strong: {test} is {statistic} (weak below about {limit}).", **of)]
    names = {test.name for test in tests}
    if "Hansen J" in names and np.isfinite(p := tests["Hansen J"].p_value):
        of = {"level": f"{LEVEL:.0%}", "p": f"{p:.3g}"}
        answer.append(phrase("That they are valid is rejected at {level} (Hansen J, p = {p}).", **of) if p < LEVEL else
                      phrase("That they are valid is not rejected at {level} (Hansen J, p = {p}).", **of))  # fmt: skip
    listed = tests.tidy().rename(columns={"term": "test"}).replace({"df": {"none": ""}})
    tables = {
        "instruments": Table(listed.assign(test=listed["test"].map(stored)),
                             phrase("Are the instruments strong, and valid?")),
        "moments": Table(moments.tidy(), phrase("Coefficients by two-stage least squares")),
    }  # fmt: skip
    return Chapter(phrase("Two-stage least squares"), moments, (*answer, *header(moments), stored(tests.note)), tables,
                   papers={"moments": paper}, data=("moments",), answer=tuple(answer))  # fmt: skip
