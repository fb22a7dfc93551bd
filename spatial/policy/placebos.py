"""Joint tests of effects before a policy that are not coefficients of one regression: of switchers, and by dose.

With d'V^-1 d of q such effects d and eta of ``comparisons.together``, F = (eta - q + 1) / (eta q) d'V^-1 d is referred
to (q, eta - q + 1) degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..records.tests import TestResult
from . import dose_response, switching
from .comparisons import together
from .pretrends import MAX_LEADS, FTest, Pretrends

OF_SWITCHERS = "units that change against those that have not yet"
OF_DOSES = "cohorts by dose against their comparison"


@dataclass(frozen=True, eq=False)
class Placebos(Pretrends):
    """The joint test of effects before a policy.

    Attributes
    ----------
    compared : str
    """

    compared: str = ""

    @property
    def basis(self) -> str:
        return self.compared

    def wild(self, *, draws: int = 999, seed: int = 1) -> TestResult:
        """There is none: these effects are no coefficients of one regression.

        Raises
        ------
        SpatialInputError
            E533.
        """
        raise SpatialInputError("E533", "these effects before the policy have no bootstrap of a regression",
                                hint="the joint test, .joint")  # fmt: skip


def of_switchers(result) -> Placebos:
    """The nearest effects before the first change are zero, up to three.

    Raises
    ------
    SpatialInputError
        E206 where there are none.
    """
    sample, settings = result.sample, result.settings
    changes = switching.read_changes(sample, settings["control"], settings["adjustment"])

    def of(leads):
        return together(changes.model, sample.y.T, [changes.at(k) for k in leads])

    return _nearest(result, result.path, of, 1, "earlier effects are zero", OF_SWITCHERS)


def of_doses(result) -> Placebos:
    """Average effects and slopes of the nearest times before outcomes may respond are zero, up to three of each.

    Raises
    ------
    SpatialInputError
        E206 where there are none.
    """
    sample, settings, path = result.sample, result.settings, result.path
    doses = dose_response.read_doses(sample, settings["dose"], settings["control"], settings["adjustment"])
    since = sample.clock[doses.period] - sample.clock[doses.start]
    may_respond = np.unique(since[doses.period > doses.base])
    slopes = path[(path["effect"] == "ACRT") & ~path["period"].isin(may_respond)]

    def of(leads):
        some = [dose_response.Estimate(k, (since == t) & doses.usable[:, k], False) for k in (0, 1) for t in leads]
        return dose_response.joint(doses, sample, some)

    return _nearest(result, slopes, of, 2, "earlier effects and slopes are zero", OF_DOSES)


def _nearest(result, path, test: Callable, each: int, null: str, basis: str) -> Placebos:
    leads = path["period"][(path["period"] < 0) & (path["std_error"] > 0)].to_numpy()[-MAX_LEADS:]
    while len(leads):
        statistic, eta = test(leads)
        q = each * len(leads)
        if eta - q + 1 >= 1:
            joint = FTest("joint leads", (eta - q + 1) / (eta * q) * statistic, (q, eta - q + 1), null)
            return Placebos(joint, None, tuple(leads.tolist()), result.att, None, (), basis)  # type: ignore[arg-type]
        leads = leads[1:]
    why = "nobody is observed twice before the policy"
    if (path["period"][~path["reference"]] < 0).any():
        why = "too few units identify the effects before the policy"
    raise SpatialInputError("E206", f"{why}: there is no placebo",
                            hint="there is nothing to test; say so instead of a test")  # fmt: skip
