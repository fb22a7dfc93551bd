"""Several W with regimes: coefficients, rho_1 ..., lambda_1 ... and sigma2 of each regime.

    y = sum_m sum_r rho_m,r 1_r W_m y + sum_r 1_r (X beta_r + sum_m W_m X theta_m,r) + u

Coefficients by regime are more columns of the model with several W. rho_m by regime is several W once more, 1_r W_m in
place of W_m, whose likelihood is that of ``regimes``; its search begins where one rho of each W ends.
"""

from __future__ import annotations

from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions, Settings
from ..design.regimes import SplitDesign, as_regimes, regime_design, split_of
from ..design.several import SeveralDesign, with_lagged_intercepts
from ..design.specification import Specification
from ..solve.ml import Solution
from ..solve.regimes import regime_maximum
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution
from .regimes import refuse_effects, refuse_options, regime_sample_of


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
    refuse_options(options)
    regimes.check(specification)
    refuse_effects(effects, regimes)
    if regimes.rho and options.durbin is None and len(split_of(d, regimes)[0]) > 1:
        d = with_lagged_intercepts(d, d.weights.listed, effects, by_regime=True)
    return regime_design(specification, d, regimes, effects)  # type: ignore[return-value]


def sample_and_maximum_by_regime(
    specification: Specification, d: SplitDesign, effects: FixedEffects, correction, start: Solution
) -> tuple[RegimeSample, SeveralSolution]:
    """The likelihood with rho, lambda or sigma2 by regime, and its maximum from that with one of each W."""
    sample = regime_sample_of(specification, d, Settings(effects, correction))
    return sample, regime_maximum(sample, start)


def spatial_names_by_regime(d: SplitDesign, names: list[str], parameter: str) -> list[str]:
    """``rho_1`` or ``east: rho_1``, ``west: rho_1`` ... of every W."""
    assert d.split is not None
    differs = d.split.regimes.rho if parameter == "rho" else d.split.regimes.lam
    return [one for name in names for one in d.split.names(name, differs)]
