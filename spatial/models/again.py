"""A fit under another W: the formula is read and the data are aligned once, for a thousand W and all models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from ..design.checks import refuse_perfect_fit
from ..design.design import INTERCEPT
from ..design.sample import demeaned_sample, which_correction, with_lagged_intercept
from ..design.specification import Specification
from ..solve.ml import maximum_likelihood
from .dynamic import without_bias
from .estimate import Reading, _named, aligned, read
from .fit import Fit

KEPT = {"entity", "time", "effects", "durbin", "wx_order", "correction", "vcov", "logdet"}  # options that it knows


def again(fit: Fit | Reading, w, options: dict) -> Fit | None:
    """What the model's function gives for the same data, formula and options under ``w``; None where it must be asked.

    Parameters
    ----------
    fit : Fit or Reading
        Of the same model with these options, under another W.
    w : weights over the same units
    options : dict
        The model's keywords.
    """
    solved = solved_again(fit, w, options)
    return None if solved is None else _named(fit.specification, *solved).with_vcov(fit.settings.vcov)


def read_first(model: Callable, formula: str, data: pd.DataFrame, w, options: dict) -> Reading | None:
    """What a model's fits under all W have in common; None where each must be asked for on its own.

    Raises
    ------
    SpatialInputError
        As the model's function, of what is wrong before anything is estimated.
    """
    spec = specification_of(model)
    return read(spec, formula, data, w, **options) if spec is not None and set(options) <= KEPT else None


def as_another(reading: Reading, model: Callable, options: dict) -> Reading | None:
    """The same for another model that has the same regressors: ``sdem`` beside ``sdm``, ``sem`` beside ``sar``."""
    spec = specification_of(model)
    if spec is None or spec.durbin != reading.specification.durbin:
        return None
    effects = reading.settings.effects
    correction = which_correction(spec, reading.design, effects, options.get("correction", True))
    return replace(reading, specification=spec, settings=reading.settings.with_(correction=correction))


def specification_of(model: Callable) -> Specification | None:
    """Of one of the models that are estimated here; None of any other function."""
    if not model.__module__.startswith("spatial.models."):
        return None
    found = getattr(sys.modules[model.__module__], getattr(model, "__name__", "").upper(), None)
    return found if isinstance(found, Specification) else None


def solved_again(fit: Fit | Reading, w, options: dict) -> tuple | None:
    """(design, sample, solution, names, settings) of it: the maximum, before anything is inferred from it."""
    d, settings, spec = fit.design, fit.settings, fit.specification
    if settings.method != "ml":
        return None
    if not set(options) <= KEPT or settings.effects.random or d.observed is not None or not d.weights.labelled:
        return None
    d = replace(d, weights=aligned(w, d, "error", name="w"))
    if spec.durbin and options.get("durbin") is None:
        d = replace(d, durbin=tuple(j for j in d.durbin if d.names[j] != INTERCEPT))
        d = with_lagged_intercept(d, settings.effects)
    correction = which_correction(spec, d, settings.effects, options.get("correction", True))
    sample, names = demeaned_sample(spec, d, settings.effects, correction, settings.logdet)
    solution = without_bias(sample, maximum_likelihood(sample), d, settings.effects, correction)
    refuse_perfect_fit(sample, solution, d.response)
    return d, sample, solution, names, settings.with_(correction=correction)
