"""Several W with regimes: coefficients, rho_1 ..., lambda_1 ... and sigma2 of each regime.

    y = sum_m sum_r rho_m,r 1_r W_m y + sum_r 1_r (X beta_r + sum_m W_m X theta_m,r) + u

Coefficients by regime are more columns of the model with several W. rho_m by regime is several W once more, 1_r W_m in
place of W_m, whose likelihood is that of ``regimes``; its search begins where one rho of each W ends.
"""

from __future__ import annotations

from collections.abc import Callable

from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions, Settings
from ..design.regime_columns import regime_design, split_of
from ..design.regimes import SplitDesign, as_regimes
from ..design.several import SeveralDesign, with_lagged_intercepts
from ..design.specification import Specification
from ..solve.ml import maximum_likelihood
from ..solve.regimes import regime_maximum
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution
from .regimes import refuse_data, refuse_options, regime_sample_of


def with_regimes_of_several(
    specification: Specification, d: SeveralDesign, effects: FixedEffects, options: ModelOptions
) -> SplitDesign:
    """The design with several W, its columns split by regime.

    Raises
    ------
    SpatialInputError
        As ``regimes.read_regimes``.
    """
    regimes = as_regimes(options.regimes)
    refuse_options(specification, options)
    regimes.check(specification)
    refuse_data(d, Settings(effects, options.correction, options.estimator), regimes)
    if regimes.rho and options.durbin is None and len(split_of(d, regimes)[0]) > 1:
        d = with_lagged_intercepts(d, d.weights.listed, effects, by_regime=True)
    return regime_design(specification, d, regimes, effects)  # type: ignore[return-value]


def sample_and_search_by_regime(
    specification: Specification, d: SplitDesign, effects: FixedEffects, correction, same, maximum: Callable
) -> tuple[RegimeSample, Callable[[], SeveralSolution]]:
    """The likelihood with rho, lambda or sigma2 by regime, and the search for its maximum from that with one of each W,
    which ``maximum`` finds in the sample ``same``."""
    sample = regime_sample_of(specification, d, Settings(effects, correction))

    def search() -> SeveralSolution:
        start = maximum()
        return regime_maximum(sample, maximum_likelihood(same) if start is None else start)

    return sample, search


def names_by_regime(d: SplitDesign, of_rho: list[str], of_lambda: list[str]) -> tuple[list[str], list[str]]:
    """``rho_1`` or ``east: rho_1``, ``west: rho_1`` ... of every W."""
    assert d.split is not None
    return ([one for name in of_rho for one in d.split.names(name, d.split.regimes.rho)],
            [one for name in of_lambda for one in d.split.names(name, d.split.regimes.lam)])  # fmt: skip
