"""Tests of models with several W: which W count (LR), which simpler model is enough (Wald)."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..covariance.vcov import wald_of
from ..design.design import INTERCEPT
from ..design.regimes import matrices_of
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from ..records.tests import TestResult


def restrictions(restricted: FitRecord, full: SeveralRecord) -> str:
    """The null of a likelihood ratio in words: ``rho_2 = 0 and theta_2 = 0``.

    Raises
    ------
    SpatialInputError
        E501 where the restricted model has a term under a W that the full model does not have.
    """
    small, large = _roles(restricted), _roles(full)
    if alone := [name for name, role in small.items() if role not in large.values()]:
        message = f"{alone[0]} of the smaller model has no equal in the larger: its W is not there"
        raise SpatialInputError("E501", message, hint="fit both models with the same weights")
    gone = [name for name, role in large.items() if role not in small.values()]
    words, thetas = [], [name for name in gone if name.startswith("W_")]
    for name in gone:
        if name not in thetas:
            words.append(f"{name} = 0")
    for place in sorted({name.partition(":")[0] for name in thetas}):
        own = [name for name in thetas if name.startswith(f"{place}:")]
        every = [name for name in large if name.startswith(f"{place}:")]
        words.append(f"theta_{place[2:]} = 0" if own == every else " and ".join(f"{name} = 0" for name in own))
    return " and ".join(words)


def _roles(fit: FitRecord) -> dict[str, tuple[str, str, SpatialWeights | TemporalWeights]]:
    """What every spatial parameter lags by which W."""
    d, spec = fit._design, fit.specification
    if isinstance(fit, SeveralRecord):
        d = fit._design
        W, names = d.weights.matrices, list(fit.params.index)
        used = [("lag", m) for m in d.weights.lag] + [("error", m) for m in d.weights.error]
        spatial = dict(zip(names[len(names) - len(used) :], ((kind, "", W[m]) for kind, m in used)))
        return spatial | {f"W_{m + 1}:{d.names[j]}": ("x", d.names[j], W[m]) for j, m in d.weights.pairs}
    lag = {"rho": ("lag", "", d.weights)} if spec.lag else {}
    error = {"lambda": ("error", "", d.weights_of_error)} if spec.error else {}
    return lag | error | {f"W:{d.names[j]}": ("x", d.names[j], d.weights) for j in d.durbin}


def null_of_regimes(restricted: FitRecord, full: RegimesRecord, df: int) -> str:
    """The null of a likelihood ratio against a model with regimes, in words.

    Raises
    ------
    SpatialInputError
        E501 where the smaller model has a W, or regimes, that the larger one does not have.
    """
    name, by = restricted.specification.name, full.split.regimes.by
    if any(w not in matrices_of(full._design) for w in matrices_of(restricted._design)):
        raise SpatialInputError("E501", "the smaller model has a W that the larger one does not have",
                                hint="fit both models with the same weights")
    if not isinstance(restricted, RegimesRecord):
        return f"the regimes of {by} are alike, {name} is enough"
    if len(set(zip(restricted.split.codes, full.split.codes))) > len(full.split.labels):
        raise SpatialInputError("E501", f"regimes of {restricted.split.regimes.by!r} do not hold those of {by!r}",
                                hint="fit both models with the same regimes")  # fmt: skip
    return f"{name} with {df} parameters fewer is enough"


def wald_of_several(fit: SeveralRecord, against: str) -> TestResult:
    """``wald_test`` of an SDM with several W: theta = 0, rho = 0, both, or theta_m + rho_m beta = 0 for every W.

    Raises
    ------
    SpatialInputError
        E501 against "SEM" where not every regressor is lagged by every W of the lag.
    """
    names, params, weights = list(fit.params.index), fit.params.to_numpy(), fit._design.weights
    rho = {m: len(fit._sample.names) + i for i, m in enumerate(weights.lag)}
    thetas = [(f"W_{m + 1}:{fit._design.names[j]}", fit._design.names[j], m) for j, m in weights.pairs]
    if against == "SEM":
        needed = {(name, m) for name in fit._design.regressors for m in weights.lag}
        if {(name, m) for _, name, m in thetas if name != INTERCEPT} != needed:
            raise SpatialInputError("E501", "SEM is nested in an SDM only when every regressor is lagged by every W of "
                                    "the lag", hint="leave durbin= out of the SDM")  # fmt: skip
    value, slopes = [], []
    for name, of, m in thetas if against != "SLX" else ():
        if name.endswith(f":{INTERCEPT}") and against in ("SAR", "SEM"):
            continue
        row = np.zeros(len(names))
        row[names.index(name)] = 1
        value.append(params[names.index(name)])
        if against == "SEM":
            beta = names.index(of)
            value[-1] += params[rho[m]] * params[beta]
            row[beta], row[rho[m]] = params[rho[m]], params[beta]
        slopes.append(row)
    for place in rho.values() if against in ("SLX", "OLS") else ():
        value.append(params[place])
        slopes.append(np.eye(len(names))[place])
    statistic, df = wald_of(fit, np.array(value), np.array(slopes))
    nulls = {"SAR": "every theta = 0", "SLX": "every rho = 0", "OLS": "every rho and theta = 0",
             "SEM": "theta_m + rho_m beta = 0 for every W"}  # fmt: skip
    return TestResult(f"Wald SDM vs {against}", statistic, df, nulls[against])
