"""``method="reml"`` and ``method="aqs"`` of models with several spatial parameters: several W, rho or lambda by regime,
lag and error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions, Settings
from ..design.specification import Specification
from ..design.stacked import Stacked, demeaned, stacked
from ..solve.aqs_several import adjusted_of_several
from ..solve.quasi_forms import Periods
from ..solve.regimes_problem import RegimeSample
from ..solve.reml_several import restricted_of_several
from ..solve.row_forms import OfRows, OfUnits
from ..solve.several_problem import SeveralSample
from ..solve.several_roots import SeveralAdjusted

AnySample = SeveralSample | Sample
ROWS_MAX = 3_000  # of M, a dense matrix


def refuse_adjusted_several(
    specification: Specification, effects: FixedEffects, options: ModelOptions
) -> None:
    """What the adjusted scores of several parameters are not there for.

    Raises
    ------
    SpatialInputError
        E501.
    """
    requested = f"method={options.method!r}"
    if not (specification.lag or specification.error):
        raise SpatialInputError("E501", f"{requested} is for spatial lags and errors; {specification.name} is least "
                                "squares", hint="leave method= out")  # fmt: skip
    if effects.random:
        raise SpatialInputError("E501", f"{requested} is not for {effects} effects", hint="method='ml'")
    if options.correction is not True:
        raise SpatialInputError("E501", f"{requested} is a correction itself: correction={options.correction!r} has no "
                                "meaning", hint="leave correction= out")  # fmt: skip


def solve_adjusted_several(
    specification: Specification, d: Design, effects: FixedEffects, method: str, sample: AnySample, inside: Callable,
    names: tuple[str, ...], starts: Callable[[], np.ndarray],
) -> SeveralAdjusted:  # fmt: skip
    """The root of the adjusted scores that ``method`` names.

    Parameters
    ----------
    sample : SeveralSample or Sample
        The likelihood's arrays.
    inside : callable
        Whether (rho, lambda) is admissible.
    names : of rho and lambda
    starts : callable
        (rho, lambda) at the maximum of the likelihood; where it has none the search begins at zero.

    Raises
    ------
    SpatialInputError
        E309 too many units, rows or effects for dense matrices; E702, E713: see ``several_root``.
    """
    try:
        start = starts()
    except SpatialInputError as error:
        if error.code not in ("E701", "E702", "E801"):
            raise
        start = np.zeros(len(names))
    if method == "reml":
        return restricted_of_several(stacked(specification, d, effects), start, inside, names)
    system, maker = _of_units(specification, d, effects, sample) if one_unknown_a_unit(d) else _of_rows(
        specification, d, effects)  # fmt: skip
    left = d.left(effects) - system.k
    df = d.n_units - 1 if d.n_periods > 1 else left
    return adjusted_of_several(system, maker, start, inside, names, left, df)


def adjusted_of_several_weights(
    specification: Specification, d: Design, settings: Settings, sample: SeveralSample, maximum: Callable, of_rho,
    of_lambda,
) -> SeveralAdjusted:  # fmt: skip
    """That of a model with several W, from the maximum of its likelihood on; ``of_rho`` and ``of_lambda`` are names."""

    def start() -> np.ndarray:
        at = maximum()
        return np.concatenate([at.rhos, at.lams])

    inside, names = region_of(sample, len(of_rho)), (*of_rho, *of_lambda)
    return solve_adjusted_several(specification, d, settings.effects, settings.method, sample, inside, names, start)


def one_unknown_a_unit(d: Design) -> bool:
    """Whether diagonals of quasi-scores are those of units: of a balanced panel under the same W in all periods."""
    return d.observed is None and not d.varies


def _of_units(specification: Specification, d: Design, effects: FixedEffects, sample: AnySample):
    T, N = d.y.shape
    if isinstance(sample, SeveralSample):
        stays = isinstance(sample, RegimeSample) and sample.estimated
        Z = np.column_stack([sample.X, sample.absorbed]) if stays else sample.X  # type: ignore[attr-defined]
        columns = {"y": sample.y, "lags": sample.lags, "Z": Z, "lagged": sample.lagged}
    else:
        stays, lags = False, np.column_stack([sample.lag_of_y])
        own = np.column_stack([sample.error_lag_of_y, sample.error_lag_of_Wy, sample.error_lag_of_X])
        columns = {"y": sample.y, "lags": lags, "Z": sample.X, "lagged": own[None]}
    periods = Periods(N, T - effects.entity, effects.time and not stays)
    system = demeaned(specification, d, effects, **columns, k=sample.k)
    return system, lambda Q: OfUnits(periods, Q)


def _of_rows(specification: Specification, d: Design, effects: FixedEffects):
    if d.nobs > ROWS_MAX:
        raise SpatialInputError("E309", f"method='aqs' with gaps or weights that vary needs dense matrices of all "
                                f"{d.nobs:,} rows, {ROWS_MAX:,} at most", n=d.nobs,
                                hint="method='ml' with vcov='robust', or method='gmm'")  # fmt: skip
    system: Stacked = stacked(specification, d, effects, turned=False)
    return system, lambda Q: OfRows(system.units, system.starts, system.Z.shape[1] - system.k, Q)


def region_of(sample: SeveralSample, rhos: int) -> Callable[[np.ndarray], bool]:
    """Whether (rho, lambda) is admissible, ``rhos`` of them of the lag."""

    def inside(psi: np.ndarray) -> bool:
        parts = zip((sample.lag, sample.error), (psi[:rhos], psi[rhos:]))
        return all(part is None or part.logdet.admissible(at) for part, at in parts)

    return inside
