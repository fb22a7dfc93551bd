"""Predictions averaged over rows, with some columns at other values: what the model expects from the regressors.

    E[y | X] = A^-1 (X beta + W X theta + c),    A = I - rho W,    c = P (A y - X beta - W X theta)

with P the projection on the fixed effects, 0 without them. Given rho this is linear in beta and theta,

    g'E[y | X*] = sum_k g'A^-1 (x*_k - P x_k) beta_k + g'A^-1 [P (y - o - rho W y) + o*]

x* the columns at the other values, o the offset and g the shares of the rows that are averaged: the exact distribution
of effects serves (``linear``). Source: Goulard, Laurent & Thomas-Agnan (2017, Spatial Economic Analysis 12:304-325),
section 2, predictor TC; of averages at fixed values Stata's ``margins``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown
from spillover.values import share

from ..design.design import Design, spatial_lag
from ..design.entry import starts
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.unsplit import unsplit
from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.schema import SCHEMA
from ..records.several import SeveralRecord
from .counterfactual import check_run, groups_of, label_of, offset_at, regressors_at, settings_of
from .curves import between_poles
from .linear import Law, RatioLaw, infer_by_default
from .mixture import Inference
from .propagate import determinant
from .regressors import column_of, held_by_effects
from .several_linear import predicted_by_several

if TYPE_CHECKING:
    from spillover.types import Groups


@dataclass(frozen=True, eq=False)
class Predictions(Shown):
    """Average predictions of the response by group and setting, with inference.

    Attributes
    ----------
    labels : tuple of s str
    inference : Inference
        Estimates, standard errors, statistics (of zero), p-values and intervals, (s,) each; in units of the formula's
        left side.
    law : Law or None
        Their joint distribution. None without standard errors.
    fit : FitRecord
    level : float
    """

    labels: tuple[str, ...]
    inference: Inference = field(repr=False)
    law: Law | RatioLaw | None = field(repr=False)
    fit: FitRecord = field(repr=False)
    level: float = 0.95

    @property
    def estimates(self) -> pd.Series:
        """By label."""
        return pd.Series(self.inference.estimate, pd.Index(self.labels, name="term"), name="estimate")

    def tidy(self) -> pd.DataFrame:
        """One row per average, in the common schema."""
        return _table(self.labels, self.inference)

    def differences(self) -> pd.DataFrame:
        """Every later average less every earlier one, in the common schema.

        Raises
        ------
        SpatialInputError
            E501 one average only.
        """
        pairs = [(i, j) for i in range(len(self.labels)) for j in range(i)]
        if not pairs:
            raise SpatialInputError("E501", "there is one average only: nothing to compare it with",
                                    hint="at={'column': [a, b]}, or by=")
        unit = np.eye(len(self.labels))
        A = np.array([unit[i] - unit[j] for i, j in pairs])
        at = A @ self.inference.estimate
        if self.law is None:
            inference = Inference(at, *np.full((5, len(at)), np.nan))
        else:
            inference = self.law.combined(A).inference(at, self.level)
        return _table([f"{self.labels[i]} less {self.labels[j]}" for i, j in pairs], inference)


def predictions(fit: FitRecord, *, at: Mapping | str | None = None, by: Groups | None = None,
                level: float = 0.95) -> Predictions:
    """The response that the model expects, averaged over units and periods, at values of the data or at others.

    Parameters
    ----------
    fit : Fit
        Of a dynamic model averages are those of each period given the one before it, as it was observed.
    at : mapping, or "mean"; optional
        Columns and the values that all units are given, in all combinations: ``{"income": [10, 20]}``; "mean" gives
        every numeric column its mean. All units change together, so that what neighbors bring is in it.
    by : str or Series, optional
        A column, "entity", "time" or a Series by unit (and period): averages over the units of each group.
    level : float
        Coverage of the intervals of the *average*, a share. Fixed effects are taken as they were estimated: their own
        sampling error, and that of single observations, is not in it.

    Returns
    -------
    Predictions
        ``.tidy()``, ``.differences()``.

    Raises
    ------
    SpatialInputError
        E501 an unknown option; E502 no such column or level; E203 no number;
        E505 a term that is not finite at these values.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> sp.predictions(fit, at={"INC": [10, 20]}).estimates.round(1).to_dict()
    {'INC = 10': 46.5, 'INC = 20': 21.3}
    """
    if not isinstance(fit, FitRecord):
        raise SpatialInputError("E501", f"predictions are those of a fit, got {type(fit).__name__}",
                                hint="give the result of sp.sdm(...) or of another model")  # fmt: skip
    share("level", level)
    check_run(fit)
    d = unsplit(fit._design)
    if starts(d) is not None:
        raise SpatialInputError("E501", "average predictions of dynamic panels in which units enter are not there: "
                                "they have no equation then", hint="fit.predict() has the rows; sp.slopes is there")
    labels, curves = [], []
    for (group, members), setting in product(groups_of(d, by), settings_of(d, at)):
        labels.append(", ".join(filter(None, (group, label_of(setting, at)))) or "all")
        curves.append((members / members.sum(), regressors_at(d, setting) if setting else d.X, offset_at(d, setting)))
    law, inference = _infer(fit, curves, level)
    return Predictions(tuple(labels), inference, law, fit, level)


def _infer(fit: FitRecord, cases: list[tuple[np.ndarray, np.ndarray, np.ndarray]], level: float):
    """The law and the inference of averages; a case has its shares of rows (m,), its regressors (T, N, k) and its
    offset (T, N)."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return predicted_by_several(fit, cases, level)
    d, names = fit._design, [name for name in fit.params.index if name not in ("rho", "lambda")]
    own, effects = _columns(d, names, NO_EFFECTS), fit._settings.effects
    held = held_by_effects(d, effects, own, _columns(d, names, effects))
    Z = np.array([d.rows(np.nan_to_num(_columns(replace(d, X=X), names, NO_EFFECTS) - held)) for _, X, _ in cases])
    shares = np.array([g for g, *_ in cases])
    offsets = np.array([d.rows(np.nan_to_num(offset)) for *_, offset in cases])
    whole = spatial_lag(d.weights, d.outcome)
    lagged = d.lag(d.outcome, effects)
    y, Wy = (d.rows(np.nan_to_num(held_by_effects(d, effects, *values))) for values in ((d.y, d.y), (whole, lagged)))

    def coefficients(rho: float) -> np.ndarray:
        """(K + 1, s): what each coefficient brings, and what needs none."""
        h = _solved(d, float(rho), shares)
        return np.vstack([np.einsum("sm,smk->ks", h, Z), h @ (y - rho * Wy) + np.sum(h * offsets, axis=1)])

    interval = determinant(fit).interval if fit.specification.lag else (-np.inf, np.inf)
    p = len(fit.params)
    picks = np.zeros((len(names) + 1, 1, p + 1))
    picks[np.arange(len(names)), 0, fit.params.index.get_indexer(pd.Index(names))] = 1
    picks[-1, 0, -1] = 1
    estimates = (picks[:, 0, :-1] @ fit.params.to_numpy() + picks[:, 0, -1]) @ coefficients(fit.rho)

    def over(low, high):
        return between_poles(coefficients, low, high, interval)

    return infer_by_default(fit, over, picks, estimates, level)


def _columns(d: Design, names: list[str], effects: FixedEffects) -> np.ndarray:
    """The columns of the coefficients, (T, N, K), what W lags as the effects have it (``Design.centered``)."""
    return np.stack([np.broadcast_to(column_of(d, name, effects), d.y.shape) for name in names], axis=-1)


def _solved(d: Design, rho: float, shares: np.ndarray) -> np.ndarray:
    """A^-1' of shares by row (s, m)."""
    if not rho:
        return shares
    if d.weights.varies:
        return Inverse(d.weights.stacked, rho).solve(shares.T, transposed=True).T
    by_unit = shares.reshape(-1, d.n_units)
    return Inverse(d.weights, rho).solve(by_unit.T, transposed=True).T.reshape(shares.shape)


def _table(labels, inference: Inference) -> pd.DataFrame:
    frame = pd.DataFrame(inference.columns(), index=pd.Index(labels, name="term")).reset_index()
    return frame[list(SCHEMA)]
