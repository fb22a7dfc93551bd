"""The lines above a fit's numbers: model, sample, weights, corrections, standard errors, notes."""

from __future__ import annotations

from spillover.language import phrase, stored


def header(fit, errors: str | None = None) -> list[str]:
    """What was estimated, on what, with which weights and standard errors; ``errors`` says these otherwise."""
    from ..covariance.random import by_random_ml, random_text, serial_text
    from ..covariance.vcov import describe
    from ..diagnostics.small_samples import notes
    from ..logdet.several import SeveralJacobian
    from .region import region_lines

    d, s = fit._design, fit._settings
    spatial = fit.specification.lag or fit.specification.error
    estimators = {
        "ml": phrase("maximum likelihood"), "gmm": phrase("the method of moments"),
        "reml": phrase("restricted maximum likelihood"), "aqs": phrase("adjusted quasi-scores"),
    }  # fmt: skip
    regression = phrase("two-stage least squares") if s.method == "gmm" else phrase("least squares")
    by_name = spatial or by_random_ml(fit) or s.serial is not None or (d.lags and s.method != "ml")
    by = estimators[s.method] if by_name else regression
    named = {"model": fit.specification.name, "method": by, "formula": d.formula}
    first = phrase("dynamic {model} by {method}: {formula}", **named) if d.lags else phrase(
        "{model} by {method}: {formula}", **named)  # fmt: skip
    lines = [first, _size(fit), phrase("weights: {weights}", weights=stored(d.weights.header()))]
    if d.error_weights is not None:
        lines.append(phrase("weights of the error: {weights}", weights=stored(d.error_weights.header())))
    if d.obs_weights is not None:
        lines.append(phrase("weights of the observations: {weights}", weights=stored(d.obs_weights.describe())))
    lines += _absorbed(fit)
    if s.random is not None:
        lines += map(stored, random_text(fit))
    if s.serial is not None:
        lines.append(stored(serial_text(fit)))
    if (s.serial is None or s.effects.ways) and s.random is None and spatial and s.effects and s.method == "ml":
        lines.append(_correction(fit))
    part = fit._sample.lag or fit._sample.error
    lines.append(phrase("standard errors: {how}", how=errors or stored(describe(fit))))
    if any(isinstance(one, SeveralJacobian) for one in (fit._sample.lag, fit._sample.error)):
        lines += region_lines(fit)
    elif part is not None:
        low, high = (f"{end:.4g}" for end in part.interval)
        lines.append(phrase("log-determinant: {method}; admissible interval ({low}, {high})", low=low, high=high,
                            method=stored(part.logdet.method)))  # fmt: skip
    if d.lags:
        lines.append(stored(fit.stationarity.line))
    return lines + [note_line(note) for note in (*d.notes, *notes(fit))]


def note_line(note: str) -> str:
    """A note on a line of its own."""
    return phrase("note: {text}", text=stored(note))


def _size(fit) -> str:
    """Observations, units and periods, and which effects there are."""
    d, n = fit._design, f"{fit.nobs:,}"
    if not d.is_panel and not fit._settings.effects.ways:
        return phrase("{n} observations", n=n)
    if not d.is_panel:
        return phrase("{n} observations ({effects} effects)", n=n, effects=str(fit._settings.effects))
    effects = stored("no" if str(fit._settings.effects) == "none" else str(fit._settings.effects))
    of = {"n": n, "units": f"{d.n_units:,}", "periods": d.n_periods, "effects": effects}
    if d.observed is not None:
        return phrase("{n} observations ({units} units x {periods} periods, unbalanced, {effects} effects)", **of)
    return phrase("{n} observations ({units} units x {periods} periods, {effects} effects)", **of)


def _of_ways(fit) -> str:
    """How many effects of many ways leave a likelihood."""
    from ..design.invariant import is_exact
    from ..records.missing import MissingRecord
    from ..solve.several_problem import SeveralSample

    d, spec, effects = fit._design, fit.specification, fit._settings.effects
    if isinstance(fit._sample, SeveralSample):
        return phrase("by the mean of the score") if _keeps_periods(fit) else phrase("by transformation")
    if not fit._settings.correction:
        return phrase("none (the likelihood with dummies)")
    if isinstance(fit, MissingRecord):
        return phrase("by the mean of the score") if spec.lag else phrase("by transformation")
    used = [d.weights] * spec.lag + [d.weights_of_error] * spec.error
    return phrase("by transformation") if is_exact(d, effects, *used) else phrase("by the mean of the score")


def _absorbed(fit) -> list[str]:
    """How many effects were absorbed, and in how many steps."""
    effects = fit._settings.effects
    if not effects.ways:
        return []
    converged = effects.ways.projection.convergence
    rank = f"{effects.ways.rank:,}"
    return [phrase("absorbed: {rank} effects; conjugate gradients converged in {steps} steps", rank=rank,
                   steps=converged.steps)]  # fmt: skip


def _keeps_periods(fit) -> bool:
    """Whether period effects are estimated, as where rho, lambda or sigma2 differ between regimes."""
    if (problem := getattr(fit._sample, "problem", None)) is not None:
        return problem.mean_of_score
    return getattr(fit._sample, "periods", None) is not None


def _correction(fit) -> str:
    """The correction for the number of fixed effects."""
    d, effects, correction = fit._design, fit._settings.effects, fit._settings.correction
    if effects.ways:
        return phrase("correction: {how}", how=_of_ways(fit))
    if not d.lags or not effects.entity:
        from ..design.arrays import by_gls

        carried = by_gls(fit._sample)
        by_score = d.varies or _keeps_periods(fit) or carried
        how = {
            True: phrase("by the mean of the score") if by_score else phrase("by transformation"),
            "additive": phrase("additive for the time effects"),
            False: phrase("none (the likelihood with dummies)") if carried else phrase(
                "none (data are demeaned, then lagged, as in xsmle and splm)"),
        }  # fmt: skip
        return phrase("Lee-Yu correction: {how}", how=how[correction])
    if not correction:
        return phrase("correction: none")
    if correction is True and getattr(fit._sample, "dummies", None):
        return phrase("correction: {how}", how=phrase("by the mean of the score"))
    if effects.time and correction == "additive":
        return phrase("correction: bias of time effects, bias of unit effects (Yu, de Jong & Lee 2008)")
    if effects.time:
        return phrase("correction: time effects by transformation, bias of unit effects (Yu, de Jong & Lee 2008)")
    return phrase("correction: bias of unit effects (Yu, de Jong & Lee 2008)")
