"""One model estimated thousands of times: other responses, other regressors, other places, other weights.

What placebo tests, permutation inference and comparisons of weights need. The formula is read and the data are
aligned once; then every replicate goes through the functions that a single fit goes through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying
from spillover.progress import report
from spillover.provenance import made_from
from spillover.show import Shown

from ..covariance.vcov import as_vcov
from ..design.checks import refuse_perfect_fit, refuse_psi
from ..design.design import refuse_offset
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..effects.propagate import Averages, combine, selectors
from ..records.missing import refuse_missing
from ..records.schema import rows_of
from .dynamic import without_bias
from .estimate import estimates
from .fit import Fit
from .refit_joint import has_joint_effects, is_joint, joint_effects, joint_estimates, joint_labels
from .refit_maxima import Rows, maxima_of
from .replicates import Changes, changes
from .stack import under_other_w

if TYPE_CHECKING:
    from spillover.types import WeightsLike


@dataclass(frozen=True, eq=False)
class Refits(Shown):
    """R estimates of one model; ``refits["rho"]`` is a column of ``params``.

    Attributes
    ----------
    names : tuple of p str
        As in ``fit.params``.
    params : ndarray, shape (R, p)
        NaN where a replicate has no estimate; likewise below.
    loglik, sigma2 : ndarray, shape (R,)
    std_errors : ndarray, shape (R, p), or None
    variables : tuple of v str
        The regressors whose effects are in ``effects``.
    effects : ndarray, shape (R, 3, v), or None
        Direct, indirect, total.
    failed : dict of int to str
        Replicates without an estimate, and why.
    """

    names: tuple[str, ...]
    params: np.ndarray = field(repr=False)
    loglik: np.ndarray = field(repr=False)
    sigma2: np.ndarray = field(repr=False)
    std_errors: np.ndarray | None = field(repr=False)
    variables: tuple[str, ...]
    effects: np.ndarray | None = field(repr=False)
    failed: dict[int, str]

    @property
    def responses(self) -> np.ndarray:
        """``effects``, (R, 3, v), where they were requested.

        Raises
        ------
        SpatialInputError
            E501 otherwise.
        """
        if self.effects is None:
            raise SpatialInputError("E501", "these refits are without effects", hint="sp.refit(..., effects=True)")
        return self.effects

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise SpatialInputError("E502", f"no parameter is called {name!r}", hint=f"there are {list(self.names)}")
        return self.params[:, self.names.index(name)]

    def to_frame(self) -> pd.DataFrame:
        """One row per replicate: parameters, sigma2 and log-likelihood."""
        frame = pd.DataFrame(self.params, columns=list(self.names))
        return frame.assign(sigma2=self.sigma2, loglik=self.loglik).rename_axis("replicate")

    def tidy(self) -> pd.DataFrame:
        """One row per replicate and parameter, in the common schema; no tests and no intervals."""
        R, p = self.params.shape
        errors = np.nan if self.std_errors is None else self.std_errors.ravel()
        return rows_of(self.names * R, self.params.ravel(), std_error=errors, replicate=np.repeat(np.arange(R), p))


def refit(fit: Fit, *, y: np.ndarray | pd.DataFrame | None = None, x: Mapping | None = None,
          relabel: np.ndarray | Sequence | None = None,
          w: Sequence[WeightsLike] | Mapping[Any, WeightsLike] | None = None, std_errors: bool = False,
          effects: bool = False) -> Refits:
    """Estimate a model again on R replicates of its data.

    What is not given stays as it is in ``fit``; what is given together changes together, replicate by replicate.

    Parameters
    ----------
    fit : Fit
        By maximum likelihood or least squares. Its effects, correction and weights hold for all replicates.
    y : array (R, T, N), or DataFrame with R columns, optional
        Responses: values of the formula's left side. Arrays are in the order of ``fit.periods`` and ``fit.units``,
        (R, N) in a cross-section; a frame is matched by its index of units, or (unit, period). In a dynamic model the
        lagged responses follow: of the first period they are the starting values of the fit.
    x : mapping of terms to arrays or frames like ``y``, optional
        Regressors, placebo treatments for instance; their spatial lags follow.
    relabel : array of int, shape (R, N), optional
        Permutations: the unit at position ``relabel[r, i]`` of ``fit.units`` takes, with all its data, the
        place of unit i in W; its regime goes with it. W keeps its eigenvalues.
    w : sequence or mapping of R weights over the same units, optional
        Each has a determinant of its own, so they take longer. Not of models with several W.
    std_errors, effects : bool
        Whether these are wanted; standard errors as in ``fit._settings.vcov``. Effects are those of the short run in a
        dynamic model, and those of ``fit.effects()`` with regimes.

    Returns
    -------
    Refits
        Equal to single fits of the same data, to the last bit where W's eigenvalues are known (up to 300 units, and
        dense weights); beyond, for other weights and several rho, to less than a millionth of a standard error. After
        Ctrl-C those that were done; the others are "interrupted" in ``failed``.

    Raises
    ------
    SpatialInputError
        E525 a fit that cannot be refitted, E526 wrong shapes, E502 an unknown term, E501 nothing is given, E1xx
        labels. What goes wrong with a replicate is told in ``failed`` and stops no other.

    Examples
    --------
    >>> import numpy as np, shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> rng = np.random.default_rng(1)
    >>> elsewhere = sp.refit(fit, relabel=[rng.permutation(49) for _ in range(199)])
    >>> float((1 + (elsewhere["rho"] >= fit.rho).sum()) / 200)
    0.005
    """
    changed = _checked(fit, std_errors, y, x, relabel, w)
    rows = Rows.of(len(changed), len(fit.params), len(_variables(fit)) if effects else 0)
    done, R = 0, len(changed)
    report("refits", 0, R)
    try:
        for count in _replicates(fit, changed, rows, std_errors=std_errors, effects=effects):
            done += count
            report("refits", done, R)
        report("refits", R, R)  # with those that have no maximum
    except KeyboardInterrupt:
        if not rows.done.any():
            raise
        rows.failed.update(dict.fromkeys(np.flatnonzero(~rows.done).tolist(), "interrupted"))
    return _refits(fit, rows, std_errors, effects)


def all_refits(fit: Fit, *, y=None, x: Mapping | None = None, relabel=None, effects: bool = False) -> Refits:
    """:func:`refit` as part of other work, which reports and ends by itself."""
    changed = _checked(fit, False, y, x, relabel, None)
    rows = Rows.of(len(changed), len(fit.params), len(_variables(fit)) if effects else 0)
    for _ in _replicates(fit, changed, rows, std_errors=False, effects=effects):
        pass
    return _refits(fit, rows, False, effects)


def _checked(fit: Fit, std_errors: bool, y, x, relabel, w) -> Changes:
    """What changes from replicate to replicate, at the door."""
    refuse_unbalanced(fit._design.observed, "refit")
    refuse_psi(fit, "refit", "estimate the replicates one by one")
    refuse_weighted(fit._design.obs_weights, "refit", "estimate the replicates one by one")
    refuse_missing(fit, "refit")
    refuse_offset(fit._design, "refit")
    if fit._sample.dummies:
        refuse_varying(fit._design.weights_of_error, "refit of a spatial error with fixed effects")
    changed = changes(fit, y, x, relabel, w)
    if std_errors and fit._settings.random and fit._settings.random.by_likelihood:
        raise SpatialInputError("E525", "random effects by maximum likelihood are refitted without standard errors",
                                hint="leave std_errors= out")  # fmt: skip
    return changed


def _refits(fit: Fit, rows: Rows, std_errors: bool, effects: bool) -> Refits:
    for values in (rows.params, rows.errors, rows.loglik, rows.sigma2, rows.responses):
        values[~rows.done] = np.nan
    result = Refits(tuple(fit.params.index), rows.params, rows.loglik, rows.sigma2,
                    rows.errors if std_errors else None, _variables(fit), rows.responses if effects else None,
                    dict(sorted(rows.failed.items())))  # fmt: skip
    return made_from(result, fit)


def _variables(fit: Fit) -> tuple[str, ...]:
    return joint_labels(fit) if has_joint_effects(fit) else fit._design.regressors


def _replicates(fit: Fit, changed: Changes, rows: Rows, *, std_errors: bool, effects: bool) -> Iterator[int]:
    """Fill the rows; how many more are done."""
    if changed.w is not None and changed.alone(changed.w) and not effects and not has_joint_effects(fit):
        for which, results in under_other_w(fit, changed.w, std_errors):
            rows.params[which], rows.sigma2[which], rows.loglik[which], rows.errors[which] = results
            rows.done[which] = True
            yield len(which)
    joint = effects and has_joint_effects(fit)
    whole = std_errors or joint or changed.w is not None  # what needs a design of the replicate's own
    averages, picks = (Averages(fit), selectors(fit, _variables(fit))) if effects and not joint else (None, None)
    for r, d, sample, at in maxima_of(fit, changed, np.flatnonzero(~rows.done), rows, whole):
        try:
            at = at if is_joint(fit) else without_bias(sample, at, d, fit._settings)
            refuse_perfect_fit(sample, at, d.response)
            values, s2 = joint_estimates(fit, d, sample, at) if is_joint(fit) else estimates(
                fit.specification, d, sample, at, fit._settings)[:2]  # fmt: skip
            if whole:
                one = replace(fit, _estimates=values, sigma2=s2, _design=d, _sample=sample, _solution=at)
                vcov = as_vcov(fit._settings.vcov)
                rows.errors[r] = np.sqrt(np.diag(vcov.covariance(one))) if std_errors else np.nan
                averages = Averages(one) if effects and not joint and changed.w is not None else averages
            if effects:
                rows.responses[r] = joint_effects(one) if joint else combine(  # type: ignore[arg-type]
                    np.array([values]), at.rho, averages, picks)[0]  # fmt: skip
            rows.params[r], rows.sigma2[r], rows.loglik[r] = values, s2, at.loglik
            rows.done[r] = True
        except SpatialInputError as error:
            rows.errors[r] = np.nan
            rows.fail(r, error)
        yield 1
