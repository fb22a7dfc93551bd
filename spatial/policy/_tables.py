"""Estimates with a covariance as rows of the common schema."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..records.schema import critical_value, two_sided
from ..records.tests import TestResult


def rows(estimates, errors, *, level: float, df: int | None = None, **columns) -> pd.DataFrame:
    """Estimate, standard error, statistic, p and interval below the columns given first."""
    estimates, errors = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    statistic = np.divide(estimates, errors, out=np.full(errors.shape, np.nan), where=errors > 0)
    half = critical_value(level, df) * errors
    return pd.DataFrame({
        **columns, "estimate": estimates, "std_error": errors, "statistic": statistic,
        "p_value": two_sided(statistic, df), "conf_low": estimates - half, "conf_high": estimates + half,
    })  # fmt: skip


def wald(name: str, estimates, V, null: str) -> TestResult:
    """All estimates are zero: chi-squared, with a generalised inverse where clusters are too few for the rank."""
    rank = int(np.linalg.matrix_rank(V))
    return TestResult(name, float(estimates @ np.linalg.pinv(V, hermitian=True) @ estimates), rank, null)
