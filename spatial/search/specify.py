"""The specification search that papers report: LM, Hausman, LR, Wald, and the model chosen by a written rule."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, overload

import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.matrix import SpatialWeights, TemporalWeights
from spillover.types import WeightsLike

from ..design.arrays import keeps_effects
from ..design.fixed_effects import RANDOM
from ..diagnostics.cross_dependence import pesaran_cd
from ..diagnostics.hausman import hausman
from ..diagnostics.panel_tests import serial_correlation
from ..diagnostics.random_nested import mundlak_test
from ..diagnostics.residuals import diagnose
from ..diagnostics.restrictions import durbin_lm_tests, effects_test
from ..diagnostics.robust_hausman import robust_hausman
from ..diagnostics.tests import lm_tests, lr_test, nests_sem, wald_test
from ..models.estimate import fit_of
from ..models.family import ols, reading_of, sac, sar, sdem, sdm, sem, slx
from ..models.fit import Fit
from ..records.tests import TestResult, TestTable
from .readings import read_effects, read_hausman, read_lm, short_lm
from .rules import LARGER, RULES, Evidence, aicc, probabilities
from .searches import Search, Searches

OPTIONS = ("entity", "time", "effects", "correction", "durbin", "vcov", "missing", "method")
CONTAINED = {"twoway": ("entity", "time"), **dict.fromkeys(RANDOM, ("entity",))}  # besides none and themselves
NESTED = {"twoway": ("entity", "time"), "correlated": ("none", "random"), "chamberlain": ("none", *RANDOM[:2]),
          "none": ()}  # "none" in all others  # fmt: skip


@overload
def specify(
    formula: str, data: pd.DataFrame, w: dict, *, significance: float = ..., rule: str = ..., **options: Any
) -> Searches: ...


@overload
def specify(
    formula: str, data: pd.DataFrame, w: SpatialWeights | TemporalWeights, *, significance: float = ...,
    rule: str = ..., **options: Any,
) -> Search: ...  # fmt: skip


@takes_frames
def specify(formula: str, data: pd.DataFrame, w: WeightsLike | Mapping[str, WeightsLike], *, significance: float = 0.05,
            rule: str = "specific_to_general", **options: Any) -> Search | Searches:
    """Search for a specification: OLS, SLX, SAR, SEM, SDM, SDEM or SAC.

    LM tests of the regression are for a spatial lag, a spatial error and lagged regressors. In panels the Hausman test
    is of random against fixed unit effects, and LR tests are of the effects jointly. LR and Wald tests compare the
    spatial models. All are corrected for small samples. A rule chooses one model from them; the probabilities of all
    models are reported too.

    Parameters
    ----------
    formula, data, **options
        As the models take them (entity, time, effects, correction, durbin, vcov, missing, method).
    w : weights, or a mapping of names to weights
        With several, the search runs under each, and one table shows all.
    significance : float
        Of the decisions, a share.
    rule : {"specific_to_general", "general_to_specific", "lesage_pace"}
        "specific_to_general": OLS unless LM tests reject it; then, of the models that tests against smaller and larger
        ones leave, the one with the least AICc. "general_to_specific": Elhorst's, from the SDM down. "lesage_pace":
        the most probable of SLX, SDEM and SDM. ``spatial.search.rules`` has them step by step.

    Returns
    -------
    Search, or Searches for a mapping
        Both print; ``.probabilities`` are those of the models; ``.table`` is a report table: ``.to_latex()``,
        ``.to_markdown()``, ``.to_html()``, ``.save(path)``.

    Raises
    ------
    SpatialInputError
        As the models do; E501 for an empty mapping. A W of several under which a model cannot be estimated is reported
        in ``failed``; the others are estimated.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, keys = shapefiles.load("us_states"), {"entity": "state", "time": "year", "effects": "twoway"}
    >>> ws = {"queen": wt.queen(states).standardize("row"), "knn5": wt.knn(states, 5).standardize("row")}
    >>> result = sp.specify("log(gsp) ~ log(emp) + unemp", shapefiles.load_panel("us_states"), ws, **keys)
    >>> result.choice.to_dict()
    {'queen': 'SDM', 'knn5': 'SEM'}

    References
    ----------
    Florax, Folmer & Rey (2003, Regional Science and Urban Economics 33:557-579), specific to general; Elhorst (2014),
    Spatial Econometrics, section 2.4 and figure 2.1; LeSage & Pace (2009), section 6.3; LeSage (2014, Review of
    Regional Studies 44:13-32). Probabilities: Schwarz (1978), from the same likelihoods.
    """
    check_option("rule", rule, RULES)
    if not 0 < significance < 1:
        raise SpatialInputError("E501", f"significance={significance!r} must lie between 0 and 1, as in 0.05",
                                hint="give a share such as 0.05")
    how = (significance, rule, options)
    if not isinstance(w, Mapping) or isinstance(w, TemporalWeights):  # a mapping of periods is one W
        return _search(formula, data, w, *how)
    if not w:
        raise SpatialInputError("E501", "w is a mapping without weights", hint="one name and weights at least")
    searches, failed, errors = dict[str, Search](), dict[str, str](), []
    for name, one in w.items():
        try:
            searches[str(name)] = _search(formula, data, one, *how)
        except SpatialInputError as error:
            errors.append(error)
            failed[str(name)] = f"{error.code}: {error.message}"
    if not searches:
        raise errors[0]
    return Searches(searches, failed)


def _search(formula, data, w, level, rule, options) -> Search:
    if unknown := [name for name in options if name not in OPTIONS]:
        raise SpatialInputError("E501", f"{unknown[0]}= has no meaning for specify",
                                hint="it takes " + ", ".join(OPTIONS))  # fmt: skip
    options = dict(options)
    durbin = options.pop("durbin", None)
    if options.get("effects") in RANDOM:  # regressions too: moments have no likelihood to compare
        options.setdefault("method", "ml")

    lead = reading_of(ols, formula, data, w, options)  # the frame is read once for all models

    def fit(model, **other):
        how = {**options, **other}
        reading = reading_of(model, formula, data, w, how, like=lead)
        return model(formula, data, w, **how) if reading is None else fit_of(reading)

    # 1. The regression with the requested effects, and tests of its residuals; also without the effects.
    base = fit(ols)
    effects, T = base._settings.effects.name, base._design.n_periods
    panel = base._design.is_panel and T > 1
    regressions = {name: base if name == effects else fit(ols, effects=name)
                   for name in (*["none"] * panel, *CONTAINED.get(effects, ()))} | {effects: base}  # fmt: skip
    tables = [lm_tests(regression) for regression in regressions.values()]
    lm = tables[-1]
    durbin_lm = _durbin_lm(base)
    tables += [] if durbin_lm is None else [durbin_lm]
    steps, decisions = [read_lm(lm, level)], {"LM tests": short_lm(lm, level)}
    # 2. The models.
    fits, failures = _models(fit, base, durbin)
    steps += failures
    if panel and base._design.observed is None:
        # 3. Dependence before period effects, unit effects fixed or random, effects together.
        within = regressions["entity" if "entity" in regressions else "none"]
        tables += _dependence(within)
        unit = within if within._settings.effects.name == "entity" else fit(ols, effects="entity")
        tests = _hausman_tests(unit, fit(ols, effects="random"), fits["SDM"])
        tables.append(TestTable("Fixed or random unit effects", tests))
        sentence, decisions["Unit effects"] = read_hausman(tests, level)
        steps.append(sentence)
        smaller = [partial(fit, sdm, durbin=durbin, effects=less) for less in NESTED.get(effects, ("none",))]
        together = _together(fits["SDM"], smaller)
        if together:
            tables.append(TestTable(f"Joint significance of effects (SDM, {effects} effects)", together))
            steps.append(read_effects(together, level))
    # 4. The Durbin model and what it nests.
    compared = _compared(fits)
    nested = [name for name in ("SAR", "SEM", "SLX") if name in fits and (name != "SEM" or nests_sem(fits["SDM"]))]
    wald: dict[str, TestResult] = {name: wald_test(fits["SDM"], name) for name in nested}
    tables += _nested_tables(compared, wald)
    tables.append(diagnose(fits["SDM"]))
    # 5. The rule.
    evidence = _evidence(fits, lm, durbin_lm, compared, wald)
    decision = RULES[rule](evidence, level)
    decisions |= {"Model": decision.choice, "Probabilities": _shares(evidence.probabilities)}
    path = [*steps, *decision.steps]
    probable = evidence.likeliest(evidence.probabilities)
    if probable != decision.choice:
        path.append(f"By probability alone it would be {probable} ({evidence.probabilities[probable]:.2f}).")
    compared_shares = {name: evidence.probabilities[name] for name in evidence.aicc}
    return Search(tuple(tables), tuple(path), decision.choice, fits, level, decisions, rule, compared_shares)


def _models(fit, base: Fit, durbin) -> tuple[dict[str, Fit], list[str]]:
    """The seven models by name, and why one could not be estimated. The regressions share the likelihood of the SDM:
    where its correction is additive, theirs is too.

    Parameters
    ----------
    fit, base : function of a model and its keywords, the regression
    """
    full, failures = fit(sdm, durbin=durbin), []
    like = {"correction": "additive"} if full._settings.correction == "additive" else {}
    fits = {"OLS": fit(ols, **like) if like else base, "SLX": fit(slx, durbin=durbin, **like), "SDM": full}
    for name, model in {"SAR": sar, "SEM": sem, "SDEM": sdem, "SAC": sac}.items():
        try:
            fits[name] = fit(model, **({"durbin": durbin} if model is sdem else {}))
        except SpatialInputError as error:  # under a dense W lambda may reach the edge: the other models remain
            additive = like and error.code == "E501"  # which no model with a spatial error has
            if not (additive or error.code.startswith(("E109", "E3", "E7", "E8"))):
                raise
            failures.append(f"{name} could not be estimated: {error.message}.")
    return fits, failures


def _nested_tables(compared: dict, wald: dict[str, TestResult]) -> list[TestTable]:
    """Likelihood ratios and Wald tests of what the Durbin model nests, and of what others nest."""
    likelihood = [test for (_, large), test in compared.items() if large == "SDM"]
    tables = [TestTable("Does the spatial Durbin model reduce to a simpler one?", (*likelihood, *wald.values()))]
    others = tuple(test for (_, large), test in compared.items() if large != "SDM")
    return [*tables, *[TestTable("Are other models enough?", others)] * bool(others)]


def _durbin_lm(base: Fit) -> TestTable | None:
    """None where no lagged regressor is new."""
    with suppress(SpatialInputError):
        return durbin_lm_tests(base)
    return None


def _compared(fits: dict[str, Fit]) -> dict[tuple[str, str], TestResult]:
    """Likelihood ratios along the edges, of fits that share their likelihood; a SEM with dummies does not."""
    tests = {}
    for small, larger in LARGER.items():
        for large in larger:
            pair = [fits[name] for name in (small, large) if name in fits]
            if small == "OLS" or len(pair) < 2 or any(keeps_effects(fit._sample) for fit in pair):
                continue
            if (small, large) == ("SEM", "SDM") and not nests_sem(fits["SDM"]):
                continue
            tests[small, large] = lr_test(fits[small], fits[large])
    return tests


def _evidence(fits, lm, durbin_lm, compared, wald) -> Evidence:
    """p-values along the edges, the Wald test where there is no ratio; probabilities of models of one likelihood."""
    edges = {("OLS", "SAR"): lm["LM lag"].p_value, ("OLS", "SEM"): lm["LM error"].p_value}
    if durbin_lm is not None:
        edges["OLS", "SLX"] = durbin_lm["LM WX"].p_value
    edges |= {(small, "SDM"): test.p_value for small, test in wald.items()}
    edges |= {pair: test.p_value for pair, test in compared.items()}
    robust = {name: lm[f"robust LM {name}"].p_value for name in ("lag", "error")}
    n = fits["OLS"]._sample.n
    alike = {name: fit for name, fit in fits.items() if fit._sample.n == n and not keeps_effects(fit._sample)}
    shares = probabilities({name: fit.loglik for name, fit in alike.items()},
                           {name: fit.n_parameters for name, fit in alike.items()}, n)  # fmt: skip
    criteria = {name: aicc(fit.loglik, fit.n_parameters, n) for name, fit in alike.items()}
    return Evidence(edges, robust, {**dict.fromkeys(fits, 0.0), **shares}, criteria)


def _shares(shares: dict[str, float]) -> str:
    """The two most probable models."""
    first = sorted(shares.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{name} {share:.2f}" for name, share in first)


def _dependence(fit: Fit) -> list[TestTable]:
    """Pesaran's CD and serial correlation of a regression's residuals, where there are periods enough."""
    T, effects = fit._design.n_periods, fit._settings.effects
    tests = [pesaran_cd(fit), pesaran_cd(fit, neighbors=True)] if T > 2 else []
    tests += [*serial_correlation(fit)] if T > 3 else []
    title = "Dependence of the residuals, OLS" + f" with {effects} effects" * bool(effects)
    return [TestTable(title, tuple(tests))] if tests else []


def _together(full: Fit, smaller: list) -> tuple[TestResult, ...]:
    """LR tests against models with fewer effects, where these have a maximum."""
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


