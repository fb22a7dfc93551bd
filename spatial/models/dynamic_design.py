"""The design of a dynamic panel with several W."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.errors import SpatialInputError

from ..design.design import Design
from ..design.gaps import refuse_unbalanced
from ..design.options import ModelOptions
from .dynamic import with_lagged_response
from .ways import refuse_dynamic_ways


def with_past(d: Design, options: ModelOptions, lag: list, error: list | None, durbin) -> Design:
    """The design with y_{t-1} and W_k y_{t-1} of every W of ``w=``.

    Raises
    ------
    SpatialInputError
        E109 gaps, E320 W that vary over time; E501 regimes, or another method than maximum likelihood and
        moments; else as with one W.
    """
    own = [w for each in durbin.values() for w in each] if isinstance(durbin, Mapping) else []
    refuse_unbalanced(d.observed, f"lags={options.lags!r} with several W", "one W, or missing='drop'")
    if options.estimator != "gmm":
        refuse_dynamic_ways(d, f"lags={options.lags!r} with several W")
    if options.regimes is not None:
        raise SpatialInputError("E501", f"lags={options.lags!r} with several W is there without regimes",
                                hint="one W with regimes=, or several without")
    if any(w.varies for w in (*lag, *(error or ()), *own)):
        raise SpatialInputError("E320", f"lags={options.lags!r} with several W needs each W to be the same in all "
                                "periods",
                                hint="w.mean() of each, or one W that varies")  # fmt: skip
    if options.estimator not in ("ml", "gmm"):
        raise SpatialInputError("E501", f"method={options.method!r} with lags= takes one W",
                                hint="method='ml' or 'gmm' takes several")
    return with_lagged_response(d, str(options.lags), options.effects, lag)
