"""Estimates with a covariance as rows of the common schema."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..records.schema import critical_value, two_sided


def rows(estimates, errors, *, level: float, df=None, **columns) -> pd.DataFrame:
    """Estimate, standard error, statistic, p and interval below the columns given first; with an array of degrees of
    freedom, one for each estimate, also ``df``. Without a standard error nothing else is known of an estimate."""
    estimates, errors = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    statistic = np.divide(estimates, errors, out=np.full(errors.shape, np.nan), where=errors > 0)
    half = quantile(level, df) * errors
    more = {} if df is None or np.ndim(df) == 0 else {"df": df}
    return pd.DataFrame({
        **columns, "estimate": estimates, "std_error": errors, "statistic": statistic,
        "p_value": two_sided(statistic, df), "conf_low": estimates - half, "conf_high": estimates + half, **more,
    })  # fmt: skip


def quantile(level: float, df=None):
    """The two-sided critical value of z or t, for one or many degrees of freedom."""
    from scipy.special import stdtrit

    if df is None or np.ndim(df) == 0:
        return critical_value(level, df)
    if not 0 < level < 1:
        raise SpatialInputError("E501", f"level={level!r} must lie between 0 and 1, as in 0.95",
                                hint="give a share such as 0.95")
    return stdtrit(np.asarray(df, dtype=float), (1 + level) / 2)
