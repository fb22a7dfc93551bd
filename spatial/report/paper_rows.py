"""The rows below the estimates: effects, rows of the user, size and criteria, tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.language import phrase, stored
from spillover.values import mapping, texts

from ..records.tests import TestResult
from .decimals import decimals, fixed, p_fixed

STATISTICS = {
    "nobs": "Observations", "size": "Units x periods", "units": "Units", "periods": "Periods", "n": "Observations left",
    "r2": "R2", "r2_adjusted": "R2, adjusted", "r2_within": "R2 within", "r2_between": "R2 between",
    "r2_overall": "R2 overall", "r2_corr": "Squared correlation", "loglik": "Log-likelihood", "aic": "AIC",
    "bic": "BIC", "sigma2": "sigma2", "sigma2_mu": "sigma2_mu", "df_resid": "Degrees of freedom",
}  # fmt: skip
USUAL = ("nobs", "size", "r2", "r2_within", "loglik", "aic", "sigma2", "sigma2_mu")
CRITERIA = ("loglik", "aic", "bic")  # two decimals


def about(columns, rows, tests, statistics, labels):
    """Effects, rows of the user, size and criteria, tests; only rows that say something."""
    out: dict[str, tuple[str, ...]] = {}
    for label in dict.fromkeys(label for column in columns for label in column.rows):
        cells = tuple(str(column.rows.get(label, "")) for column in columns)
        if label != "Method" or not set(cells) <= {phrase("likelihood"), ""}:
            out[labels.get(label, stored(label))] = cells
    for label, values in mapping("rows", rows).items():
        out[label] = _user_row(label, values, len(columns))
    for name in USUAL if statistics is None else texts("statistics", statistics):
        cells = tuple(_statistic(column.glance.get(name), name) for column in columns)
        if name not in STATISTICS and not any(name in column.glance for column in columns):
            check_option("statistics", name, tuple(STATISTICS))
        if any(cells) and not (statistics is None and name == "r2" and _has_panel(columns)):
            out.setdefault(labels.get(name, stored(STATISTICS.get(name, name))), cells)
    if isinstance(tests, Mapping):
        for label, results in tests.items():
            out[label] = tuple(map(_test_cell, _per_column(label, results, len(columns))))
    return tuple((label, cells) for label, cells in out.items() if any(cells))


def _has_panel(columns) -> bool:
    """R2 of a panel is that within units; with the effects it is close to one whatever the regressors do."""
    return any(np.isfinite(float(column.glance.get("r2_within", np.nan))) for column in columns)


def _statistic(value, name: str) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, str):
        return value
    if float(value).is_integer() and name not in CRITERIA:
        return f"{int(value):,}"
    return fixed(float(value), 2 if name in CRITERIA else decimals([float(value)], 4))


def _per_column(label: str, values, count: int) -> list:
    several = list(values) if isinstance(values, list | tuple) else [values] * count
    if len(several) != count:
        raise SpatialInputError("E501", f"the row {label!r} has {len(several)} values for {count} columns",
                                hint="give one value per column, or one for all")
    return several


def _user_row(label: str, values, count: int) -> tuple[str, ...]:
    def word(value) -> str:
        if value is None:
            return ""
        return (phrase("yes") if value else phrase("no")) if isinstance(value, bool | np.bool_) else str(value)

    return tuple(word(value) for value in _per_column(label, values, count))


def _test_cell(test: TestResult | None) -> str:
    if test is None:
        return ""
    if not isinstance(test, TestResult):
        raise SpatialInputError("E501", f"tests= holds results of tests, got {type(test).__name__}",
                                hint="tests={'Wald': sp.wald_test(...)}; numbers and words of your own go into rows=")
    p = p_fixed(test.p_value, 3)
    return fixed(test.statistic, 2) + (f" [{p}]" if p else "")
