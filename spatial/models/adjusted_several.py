"""``method="reml"`` and ``method="aqs"`` of models with several spatial parameters: several W, rho or lambda by regime,
lag and error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions
from ..design.specification import Specification
from ..design.stacked import stacked
from ..solve.reml_several import restricted_of_several
from ..solve.several_problem import SeveralSample
from ..solve.several_roots import SeveralAdjusted


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
    specification: Specification, d: Design, effects: FixedEffects, method: str, inside: Callable,
    names: tuple[str, ...], starts: Callable[[], np.ndarray],
) -> SeveralAdjusted:  # fmt: skip
    """The root of the adjusted scores that ``method`` names.

    Parameters
    ----------
    inside : callable
        Whether (rho, lambda) is admissible.
    names : of rho and lambda
    starts : callable
        (rho, lambda) at the maximum of the likelihood; where it has none the search begins at zero.
    """
    try:
        start = starts()
    except SpatialInputError as error:
        if error.code not in ("E701", "E702", "E801"):
            raise
        start = np.zeros(len(names))
    return restricted_of_several(stacked(specification, d, effects), start, inside, names)


def region_of(sample: SeveralSample, rhos: int) -> Callable[[np.ndarray], bool]:
    """Whether (rho, lambda) is admissible, ``rhos`` of them of the lag."""

    def inside(psi: np.ndarray) -> bool:
        parts = zip((sample.lag, sample.error), (psi[:rhos], psi[rhos:]))
        return all(part is None or part.logdet.admissible(at) for part, at in parts)

    return inside
