"""The specification search that papers report, as one table: LM, Hausman, LR, Wald, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from ..inference.diagnostics import diagnose
from ..inference.restrictions import durbin_lm_tests
from ..inference.tests import hausman, lm_tests, lr_test, nests_sem, wald_test
from ..results import Fit, TestResult, TestTable
from .family import ols, sar, sdm, slx
from .family_error import sem


@dataclass(frozen=True, eq=False)
class Search:
    """A specification search.

    Attributes
    ----------
    tables : tuple of TestTable
        LM tests without and with fixed effects, LM tests for Durbin models, Hausman (panels), LR and Wald tests
        and diagnostics of the SDM.
    steps : tuple of str
        The decisions, in words.
    choice : str
        "OLS", "SLX", "SAR", "SEM" or "SDM".
    fits : dict of str to Fit
    level : float
        Significance level of the decisions, a share.
    """

    tables: tuple[TestTable, ...]
    steps: tuple[str, ...]
    choice: str
    fits: dict[str, Fit] = field(repr=False)
    level: float

    def tidy(self) -> pd.DataFrame:
        """One row per test, with the table it stands in."""
        return pd.concat([t.tidy().assign(table=t.title) for t in self.tables], ignore_index=True)

    def __str__(self) -> str:
        said = "\n".join(f"{i}. {step}" for i, step in enumerate(self.steps, 1))
        parts = [str(t) for t in self.tables]
        return "\n\n".join([*parts, f"Decisions at {self.level:.0%}:\n{said}\nChoice: {self.choice}"])

    def _repr_html_(self) -> str:
        from ..report.text import as_html

        return as_html(str(self))


def specify(formula: str, data: pd.DataFrame, w, *, level: float = 0.05, **options) -> Search:
    """Search for a specification from the regression up to the spatial Durbin model.

    LM tests on the regression ask for a spatial lag or error; Hausman asks whether unit effects may be
    random; LR and Wald tests ask whether the Durbin model reduces to SAR, SEM or SLX.

    Parameters
    ----------
    formula, data, w, **options
        As the models take them (entity, time, effects, lee_yu, durbin, vcov, missing).
    level : float
        Significance level, a share.

    Returns
    -------
    Search

    Raises
    ------
    SpatialInputError
        As the models do.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> sp.specify("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...            entity="state", time="year", effects="twoway").choice
    'SDM'

    References
    ----------
    Elhorst (2014), Spatial Econometrics, section 2.4 and figure 2.1; LeSage & Pace (2009), section 6.3.
    """
    durbin = options.pop("durbin", None)

    def fit(model, **other):
        return model(formula, data, w, **{**options, **other})

    # 1. The regression with the effects asked for, and what its residuals say.
    base = fit(ols)
    effects, is_panel = base.settings["effects"], base.design.is_panel
    tables, steps = [], []
    if is_panel and effects != "none":
        tables.append(lm_tests(fit(ols, effects="none")))
    lm = lm_tests(base)
    tables += [lm, durbin_lm_tests(base)]
    steps.append(_read_lm(lm, level))
    # 2. Fixed or random unit effects.
    if is_panel and base.design.n_periods > 1:
        fixed = base if effects == "entity" else fit(ols, effects="entity")
        test = hausman(fixed, fit(ols, effects="random"))
        tables.append(TestTable("Fixed or random unit effects (without spatial terms)", (test,)))
        steps.append(_read_hausman(test, level))
    # 3. The Durbin model and what it nests.
    fits = {
        "OLS": base,
        "SLX": fit(slx, durbin=durbin),
        "SAR": fit(sar),
        "SEM": fit(sem),
        "SDM": fit(sdm, durbin=durbin),
    }
    nested = [name for name in ("SAR", "SEM", "SLX") if name != "SEM" or nests_sem(fits["SDM"])]
    likelihood = {name: lr_test(fits[name], fits["SDM"]) for name in nested}
    wald = [wald_test(fits["SDM"], name) for name in nested]
    tables.append(TestTable("Does the spatial Durbin model reduce to a simpler one?", (*likelihood.values(), *wald)))
    tables.append(diagnose(fits["SDM"]))
    choice, said = _choose(likelihood, lm, level)
    return Search(tuple(tables), (*steps, said), choice, fits, level)


def _read_lm(lm: TestTable, level: float) -> str:
    lag, error = lm["LM lag"].p_value < level, lm["LM error"].p_value < level
    if not (lag or error):
        return "LM tests: neither a spatial lag nor a spatial error is asked for."
    robust_lag, robust_error = lm["robust LM lag"].p_value, lm["robust LM error"].p_value
    stronger = "lag" if robust_lag < robust_error else "error"
    asked = "a spatial lag and a spatial error" if lag and error else "a spatial lag" if lag else "a spatial error"
    return f"LM tests ask for {asked}; the robust ones point more to the {stronger}."


def _read_hausman(test: TestResult, level: float) -> str:
    if not test.statistic >= 0:
        return "Hausman: the statistic is negative and decides nothing; fixed effects are the safe choice."
    kept = "fixed effects" if test.p_value < level else "random effects would do, fixed effects remain consistent"
    return f"Hausman (p = {test.p_value:.3g}): {kept}."


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
    return "SDM", "SAR, SEM and SLX are all rejected: keep the spatial Durbin model."
