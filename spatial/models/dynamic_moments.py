"""GMM for the dynamic spatial panel: which past values and spatial lags instrument it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.values import counted

from ..covariance.adjusted import name_of_kind
from ..design.checks import refuse_degenerate
from ..design.design import Design
from ..design.dynamic_effects import cell_weights, dummies_of, leave_by_means, period_deviations
from ..design.fixed_effects import FixedEffects
from ..design.lags_of_response import lags_of_response
from ..design.moment_settings import Moments
from ..design.options import ModelOptions, Settings
from ..design.sample import regressor_columns
from ..design.several import SeveralDesign, several_regressors, weights_of_response
from ..design.specification import Specification
from ..solve.gmm import MomentSample, regressors, split
from ..solve.gmm_dynamic import DynamicMoments, panel_gmm
from .dynamic_instruments import are_exogenous, instruments_of_panel, not_exogenous
from .moments import warn_outside

TRANSFORMS = {"orthogonal": "forward orthogonal deviations", "differences": "first differences"}


@dataclass(frozen=True)
class ArellanoBond:
    """Settings of GMM for dynamic panels: ``sp.sdm(..., lags="both", method=sp.ArellanoBond(depth=4))``.

    Parameters
    ----------
    transform : {"orthogonal", "differences"}
        How unit effects leave: forward orthogonal deviations (Arellano & Bover 1995) or first differences (Arellano &
        Bond 1991). Time effects leave by period means before; in an unbalanced panel they have dummies. There
        deviations are from the mean of the later rows that a unit has, differences need two rows in turn, and
        instruments of periods in which a unit was not observed are zero, others are less their period's mean.
    depth : int or None
        From how many past periods y, W y (and W^2 y, where W y of the past is a regressor) instrument each equation,
        the nearest valid one first; None for all. Few, since estimates move towards the biased ones with many.
        Likewise regressors that their own past instruments, and their spatial lags.
    collapse : bool
        One moment per lag, or one per lag and period (Roodman 2009).
    steps : {1, 2}
        Two have the efficient weight, and standard errors with Windmeijer's (2005) correction.
    predetermined : list of str, optional
        Regressors that earlier errors move, as last year's outcome moves a policy: their values of one period or more
        before instrument them.

    Notes
    -----
    Regressors, W X and W^2 X (for Durbin models W^3 X too) instrument themselves and W y: they must be strictly
    exogenous, but for those that the model's ``endog=`` names: with ``instruments=`` these (and W, W^2 of them)
    instrument them, without it their own values of two periods or more before. Lee & Yu (2014, J. Econometrics
    180:174-197), the linear moments. Errors may be heteroskedastic, but not correlated between units.

    With ``obs_weights=`` moments are sum_i w_i H_i' D v_i, and deviations those from weighted means of the later rows;
    more effects behind ``|`` leave as transformed dummies. Of several W each W_k y_t has W_k y of the past and
    W_k W_l x; with ``regimes=`` past values are cut by regime.
    """

    transform: str = "orthogonal"
    depth: int | None = 2
    collapse: bool = True
    steps: int = 2
    predetermined: Sequence[str] | None = None

    def __post_init__(self):
        check_option("transform", self.transform, TRANSFORMS)
        check_option("steps", self.steps, (1, 2))
        whole = isinstance(self.depth, int) and not isinstance(self.depth, bool)
        if self.depth is not None and not (whole and self.depth >= 1):
            raise SpatialInputError("E501", f"depth={self.depth!r} must be a number of periods, 1 or more, or None",
                                    hint="depth=2, or None for all")
        names = (self.predetermined,) if isinstance(self.predetermined, str) else tuple(self.predetermined or ())
        if not all(isinstance(name, str) for name in names):
            raise SpatialInputError("E501", f"predetermined={self.predetermined!r} must be a list of terms",
                                    hint="predetermined=['x']")
        object.__setattr__(self, "predetermined", names or None)

    def describe(
        self, instruments: int, past: tuple[str, ...] = (), outside: tuple[str, ...] = (), spatial: bool = True,
        others: bool = False,
    ) -> str:  # fmt: skip
        """Words for the header: whose past, which ``outside`` instruments, whether spatial lags of them, and whether
        ``others`` than the lags of y are not strictly exogenous."""
        step = "two-step" if self.steps == 2 else "one-step"
        deep = "all periods" if self.depth is None else counted(self.depth, "period")
        collapsed = " (collapsed)" * self.collapse
        own = ", ".join(("exogenous " * others + "regressors", *outside)) + " and their spatial lags" * spatial
        return (f"{step} GMM in {TRANSFORMS[self.transform]}, {instruments} instruments: the past of "
                f"{', '.join(('y', *past))}, {deep}{collapsed}, {own}")  # fmt: skip


def checked_dynamic(specification: Specification, options: ModelOptions) -> None:
    """Models and options that GMM on past values does not have; its covariance is robust, the only one.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if options.lags is None:
        raise SpatialInputError("E501", "ArellanoBond is for dynamic models", hint="give lags='y', 'Wy' or 'both'")
    if specification.error:
        raise SpatialInputError("E501", f"GMM on past values is for errors that are not correlated between units, "
                                f"and {specification.name} has a spatial error",
                                hint="method='ml' or 'aqs'; or sar, sdm")  # fmt: skip
    if isinstance(options.method, Moments):
        raise SpatialInputError("E501", "sp.Moments is for static models; a dynamic one has sp.ArellanoBond",
                                hint="method=sp.ArellanoBond(), or leave lags= out")
    if not (isinstance(options.covariance, str) and options.covariance in ("classical", "robust", "cluster")):
        raise SpatialInputError("E501", "GMM on past values has one covariance, for errors that are correlated within "
                                f"units, not vcov={name_of_kind(options.covariance)}",
                                hint="leave vcov= out")  # fmt: skip


def dynamic_method_of_moments(
    specification: Specification, d: Design, effects: FixedEffects, settings: ArellanoBond, columns: Design
) -> tuple[MomentSample, DynamicMoments, tuple[str, ...]]:
    """Sample, estimates and whose past instruments beside y; residuals are those of the levels, without fixed effects.
    ``columns`` are the data with the first period.

    Raises
    ------
    SpatialInputError
        E208 an instrument that the effects absorb, E501 without unit effects, E704 too few or too many instruments.
    """
    if not effects.entity:
        raise SpatialInputError("E501", f"effects={effects.name!r} leaves no unit effects to difference out",
                                hint="use effects='entity' or 'twoway', or method='ml'")  # fmt: skip
    demeaned, weights = leave_by_means(d, effects), cell_weights(columns)

    def levels(values):
        return period_deviations(values, cell_weights(d)) if demeaned else values

    def around_mean(values):
        return period_deviations(values, weights) if effects.time else values

    def within(values):
        return d.rows(d.within(values, effects))

    def scaled(values):
        return (d.root * within(values).T).T

    X, names = several_regressors(d, effects) if isinstance(d, SeveralDesign) else regressor_columns(d, effects)
    refuse_degenerate(d, d.rows(X), within(X), within(d.y), names, effects)
    Wy = lags_of_response(d, weights_of_response(d), effects) if specification.lag else None
    Z = X if Wy is None else np.concatenate([X, Wy.reshape(*d.y.shape, -1)], axis=2)
    predetermined = tuple(settings.predetermined or ())
    by = instruments_of_panel(d, columns, effects, predetermined, specification)
    result = panel_gmm(
        levels(d.y),
        levels(Z),
        around_mean(by.past),
        levels(by.own),
        predetermined=around_mean(by.predetermined),
        dummies=levels(dummies_of(d, effects)),
        rows=d.observed,
        weights=None if d.obs_weights is None else cell_weights(d),
        differences=settings.transform == "differences",
        depth=settings.depth,
        collapse=settings.collapse,
        steps=settings.steps,
    )
    n = d.left(effects)
    sample = MomentSample(
        y=scaled(d.y), X=scaled(X), n=n, Wy=None if Wy is None else scaled(Wy), names=tuple(names),
        H=np.empty((d.nobs, 0)), exogenous=are_exogenous(d, names, not_exogenous(d, columns, predetermined)),
    )  # fmt: skip
    own = slice(0, Z.shape[2])
    beta, rho, rhos = split(result.coef[own], sample)
    resid = sample.y - regressors(sample) @ result.coef[own]
    sigma2 = float(resid @ resid) / (n - own.stop)
    if specification.lag:
        warn_outside(d, rhos)
    V = result.vcov[own, own]
    return sample, DynamicMoments(beta, rho, 0.0, sigma2, float("nan"), resid, V, rhos, gmm=result), by.terms


def past_moments(
    specification: Specification, d: Design, settings: Settings, columns: Design
) -> tuple[Design, MomentSample, DynamicMoments, Settings]:
    """The estimates, the design with words for the header, and the settings with the one covariance."""
    method = settings.requested.method
    moments = method if isinstance(method, ArellanoBond) else ArellanoBond()
    sample, at, past = dynamic_method_of_moments(specification, d, settings.effects, moments, columns)
    words = moments.describe(
        at.gmm.instruments, past, tuple(columns.instruments), specification.lag or specification.durbin,
        bool(past or columns.endog),
    )  # fmt: skip
    return replace(d, notes=(*d.notes, words)), sample, at, settings.with_(vcov="robust")
