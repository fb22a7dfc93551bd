"""The specification search that papers report, as one table: LM, Hausman, LR, Wald, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import TemporalWeights

from ..design.fixed_effects import RANDOM
from ..diagnostics.cross_dependence import pesaran_cd
from ..diagnostics.hausman import hausman
from ..diagnostics.panel_tests import serial_correlation
from ..diagnostics.random_nested import mundlak_test
from ..diagnostics.residuals import diagnose
from ..diagnostics.restrictions import durbin_lm_tests, effects_test
from ..diagnostics.robust_hausman import robust_hausman
from ..diagnostics.tests import lm_tests, lr_test, nests_sem, wald_test
from ..models.family import ols, sar, sdm, slx
from ..models.family_error import sem
from ..models.fit import Fit
from ..records.tests import TestResult, TestTable
from .searches import Search, Searches

OPTIONS = ("entity", "time", "effects", "correction", "durbin", "vcov", "missing", "method")
CONTAINED = {"twoway": ("entity", "time"), **dict.fromkeys(RANDOM, ("entity",))}  # besides none and themselves
NESTED = {"twoway": ("entity", "time"), "correlated": ("none", "random"), "chamberlain": ("none", *RANDOM[:2]),
          "none": ()}  # "none" in all others  # fmt: skip


def specify(formula: str, data: pd.DataFrame, w, *, level: float = 0.05, **options) -> Search | Searches:
    """Search for a specification from the regression up to the spatial Durbin model.

    LM tests on the regression ask for a spatial lag or error; Hausman asks whether unit effects may be
    random; LR tests ask for the effects together; LR and Wald tests ask whether the Durbin model reduces to
    SAR, SEM or SLX.

    Parameters
    ----------
    formula, data, **options
        As the models take them (entity, time, effects, correction, durbin, vcov, missing, method).
    w : weights, or a mapping of names to weights
        With several, the search runs under each, and they stand side by side in one table.
    level : float
        Significance level, a share.

    Returns
    -------
    Search, or Searches for a mapping
        Both print; ``.table`` is a report table: ``.to_latex()``, ``.to_markdown()``, ``.to_html()``, ``.save(path)``.

    Raises
    ------
    SpatialInputError
        As the models do; E501 for an empty mapping. A W of several under which a model cannot be estimated is reported
        in ``failed``; the rest goes on.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, keys = shapefiles.load("us_states"), {"entity": "state", "time": "year", "effects": "twoway"}
    >>> ws = {"queen": wt.queen(states).standardize("row"), "knn5": wt.knn(states, 5).standardize("row")}
    >>> found = sp.specify("log(gsp) ~ log(emp) + unemp", shapefiles.load_panel("us_states"), ws, **keys)
    >>> found.choice.to_dict()
    {'queen': 'SDM', 'knn5': 'SEM'}

    References
    ----------
    Elhorst (2014), Spatial Econometrics, section 2.4 and figure 2.1; LeSage & Pace (2009), section 6.3.
    """
    if not isinstance(w, Mapping) or isinstance(w, TemporalWeights):  # a mapping of periods is one W
        return _search(formula, data, w, level, options)
    if not w:
        raise SpatialInputError("E501", "w is a mapping without weights", hint="one name and weights at least")
    searches, failed, first = {}, {}, None
    for name, one in w.items():
        try:
            searches[str(name)] = _search(formula, data, one, level, options)
        except SpatialInputError as error:
            first = first or error
            failed[str(name)] = f"{error.code}: {error.message}"
    if not searches:
        raise first
    return Searches(searches, failed)


def _search(formula, data, w, level, options) -> Search:
    if unknown := [name for name in options if name not in OPTIONS]:
        raise SpatialInputError("E501", f"{unknown[0]}= has no meaning for specify",
                                hint="it takes " + ", ".join(OPTIONS))  # fmt: skip
    options = dict(options)
    durbin = options.pop("durbin", None)
    if options.get("effects") in RANDOM:  # regressions too: moments have no likelihood to compare
        options.setdefault("method", "ml")

    def fit(model, **other):
        return model(formula, data, w, **{**options, **other})

    # 1. The regression with the effects asked for, and what its residuals say, without the effects too.
    base = fit(ols)
    effects, T = base.settings.effects.name, base.design.n_periods
    panel = base.design.is_panel and T > 1
    regressions = {name: base if name == effects else fit(ols, effects=name)
                   for name in (*["none"] * panel, *CONTAINED.get(effects, ()))} | {effects: base}  # fmt: skip
    tables = [lm_tests(regression) for regression in regressions.values()]
    lm = tables[-1]
    tables.append(durbin_lm_tests(base))
    steps, decisions = [_read_lm(lm, level)], {"LM tests": _short_lm(lm, level)}
    # 2. The models.
    fits = {"OLS": base, "SLX": fit(slx, durbin=durbin), "SDM": fit(sdm, durbin=durbin)}
    for model, name in ((sar, "SAR"), (sem, "SEM")):
        try:
            fits[name] = fit(model)
        except SpatialInputError as error:  # under a dense W lambda may reach the edge: the others are still there
            if not error.code.startswith("E7"):
                raise
            steps.append(f"{name} could not be estimated: {error.message}.")
    if panel and base.design.observed is None:
        # 3. Dependence before period effects, unit effects fixed or random, effects together.
        within = regressions.get("entity", regressions["none"])
        tables += _dependence(within)
        unit = within if within.settings.effects.name == "entity" else fit(ols, effects="entity")
        tests = _hausman_tests(unit, fit(ols, effects="random"), fits["SDM"])
        tables.append(TestTable("Fixed or random unit effects", tests))
        said, decisions["Unit effects"] = _read_hausman(tests, level)
        steps.append(said)
        smaller = [partial(fit, sdm, durbin=durbin, effects=less) for less in NESTED.get(effects, ("none",))]
        together = _together(fits["SDM"], smaller)
        if together:
            tables.append(TestTable(f"Joint significance of effects (SDM, {effects} effects)", together))
            steps.append(_read_effects(together, level))
    # 4. The Durbin model and what it nests.
    nested = [name for name in ("SAR", "SEM", "SLX") if name in fits and (name != "SEM" or nests_sem(fits["SDM"]))]
    same = [name for name in nested if not fits[name].sample.dummies]  # a SEM that keeps the effects: Wald alone
    likelihood = {name: lr_test(fits[name], fits["SDM"]) for name in same}
    wald = [wald_test(fits["SDM"], name) for name in nested]
    tables.append(TestTable("Does the spatial Durbin model reduce to a simpler one?", (*likelihood.values(), *wald)))
    tables.append(diagnose(fits["SDM"]))
    choice, said = _choose(likelihood, lm, level)
    return Search(tuple(tables), (*steps, said), choice, fits, level, {**decisions, "Model": choice})


def _dependence(fit: Fit) -> list[TestTable]:
    """Pesaran's CD and serial correlation of a regression's residuals, where there are periods enough."""
    T, effects = fit.design.n_periods, fit.settings.effects
    tests = [pesaran_cd(fit), pesaran_cd(fit, neighbours=True)] if T > 2 else []
    tests += [*serial_correlation(fit)] if T > 3 else []
    title = "Dependence of the residuals, OLS" + f" with {effects} effects" * bool(effects)
    return [TestTable(title, tuple(tests))] if tests else []


def _together(full: Fit, smaller: list) -> tuple[TestResult, ...]:
    """LR tests of the effects that smaller models lack, where these have a maximum."""
    tests = []
    for estimate in smaller:
        try:
            tests.append(effects_test(estimate(), full))
        except SpatialInputError as error:
            if not error.code.startswith("E7"):
                raise
    return tuple(tests)


def _hausman_tests(fixed: Fit, random: Fit, durbin: Fit) -> tuple[TestResult, ...]:
    """Without spatial terms and of the Durbin model, as far as they can be computed.

    That of the Durbin model is the regression form, which needs no second fit and is F in small samples.
    """
    more = {
        "Hausman, SDM": lambda: robust_hausman(durbin, vcov="oim"),
        "robust Hausman": lambda: robust_hausman(fixed),
        "robust Hausman, SDM": lambda: robust_hausman(durbin),
        "Mundlak, SDM": lambda: mundlak_test(durbin),
    }
    tests = [hausman(fixed, random)]
    for name, test in more.items():
        with suppress(SpatialInputError):  # other unit effects, as many regressors as units, no maximum
            tests.append(replace(test(), name=name))
    return tuple(tests)


def _read_lm(lm: TestTable, level: float) -> str:
    lag, error = lm["LM lag"].p_value < level, lm["LM error"].p_value < level
    if not (lag or error):
        return "LM tests: neither a spatial lag nor a spatial error is asked for."
    robust_lag, robust_error = lm["robust LM lag"].p_value, lm["robust LM error"].p_value
    stronger = "lag" if robust_lag < robust_error else "error"
    asked = "a spatial lag and a spatial error" if lag and error else "a spatial lag" if lag else "a spatial error"
    return f"LM tests ask for {asked}; the robust ones point more to the {stronger}."


def _short_lm(lm: TestTable, level: float) -> str:
    lag, error = lm["LM lag"].p_value < level, lm["LM error"].p_value < level
    stronger = "lag" if lm["robust LM lag"].p_value < lm["robust LM error"].p_value else "error"
    return f"both, {stronger} more" if lag and error else "lag" if lag else "error" if error else "neither"


def _read_hausman(tests: tuple[TestResult, ...], level: float) -> tuple[str, str]:
    """In a sentence and in a word; the robust test where the classical one decides nothing."""
    test = next((t for t in tests if "not positive definite" not in t.null), None)
    if test is None:
        return "Hausman: V_F - V_R is not positive definite; fixed effects are the safe choice.", "fixed"
    word = "fixed" if test.p_value < level else "random"
    kept = "fixed effects" if word == "fixed" else "random effects would do, fixed effects remain consistent"
    return f"{test.name} (p = {test.p_value:.3g}): {kept}.", word


def _read_effects(tests: tuple[TestResult, ...], level: float) -> str:
    said = [f"{t.null.removeprefix('no ')} {'belong' if t.p_value < level else 'do not belong'} in the model"
            for t in tests]  # fmt: skip
    return f"LR tests: {', '.join(said)}."


def _choose(likelihood, lm: TestTable, level: float) -> tuple[str, str]:
    """Elhorst's rule: keep the SDM unless a simpler model is not rejected and the LM tests agree with it."""
    sar_ok, sem_ok, slx_ok = (n in likelihood and likelihood[n].p_value >= level for n in ("SAR", "SEM", "SLX"))
    points_to_lag = lm["robust LM lag"].p_value < lm["robust LM error"].p_value
    if sar_ok and (points_to_lag or not sem_ok):
        return "SAR", "The Durbin model reduces to SAR: theta = 0 is not rejected."
    if sem_ok:
        return "SEM", "The Durbin model reduces to SEM: the common factor is not rejected."
    if slx_ok:
        return "SLX", "The Durbin model reduces to SLX: rho = 0 is not rejected."
    *others, last = likelihood
    return "SDM", f"{', '.join(others)} and {last} are rejected: keep the spatial Durbin model."
