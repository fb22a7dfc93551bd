"""A fit under another W, or of another model: the formula is read and the data are aligned once, for a thousand W."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from .._data import INTERCEPT
from ..results import Fit, Specification
from ..solve.ml import maximum_likelihood
from ._checks import refuse_perfect_fit
from ._dynamic import without_bias
from ._estimate import _named, aligned
from ._random import RANDOM
from ._sample import demeaned_sample, which_correction, with_lagged_intercept

KEPT = {"entity", "time", "effects", "durbin", "wx_order", "lee_yu", "vcov", "logdet"}  # options that it knows


def again(fit: Fit, w, options: dict) -> Fit | None:
    """What the model's function gives for the same data, formula and options under ``w``; None where it must be asked.

    Parameters
    ----------
    fit : Fit
        Of the same model with these options, under another W.
    w : weights over the same units
    options : dict
        The model's keywords.
    """
    solved = solved_again(fit, w, options)
    return None if solved is None else _named(fit.specification, *solved).with_vcov(fit.settings["vcov"])


def another_model(fit: Fit, model: Callable, options: dict) -> Fit | None:
    """What another model's function gives for the same data, formula, options and W; None where it must be asked.

    Parameters
    ----------
    fit : Fit
    model : function
        One that has the same regressors: ``sdem`` beside ``sdm``, ``sem`` beside ``sar``.
    options : dict
        The models' keywords.
    """
    spec = getattr(sys.modules[model.__module__], model.__name__.upper(), None)
    if not isinstance(spec, Specification) or spec.durbin != fit.specification.durbin or "logdet" in options:
        return None
    solved = solved_again(replace(fit, specification=spec), fit.design.weights, options)
    return None if solved is None else _named(spec, *solved).with_vcov(fit.settings["vcov"])


def solved_again(fit: Fit, w, options: dict) -> tuple | None:
    """(design, sample, solution, names, settings) of it: the maximum, before anything is inferred from it."""
    d, settings, spec = fit.design, fit.settings, fit.specification
    if settings["method"] != "ml":
        return None
    if not set(options) <= KEPT or settings["effects"] in RANDOM or d.observed is not None or d.weights.ids is None:
        return None
    d = replace(d, weights=aligned(w, d, "error", name="w"))
    if spec.durbin and options.get("durbin") is None:
        d = replace(d, durbin=tuple(j for j in d.durbin if d.names[j] != INTERCEPT))
        d = with_lagged_intercept(d, settings["effects"])
    correction = which_correction(spec, d, settings["effects"], options.get("lee_yu", True))
    sample, names = demeaned_sample(spec, d, settings["effects"], correction, settings["logdet"])
    solution = without_bias(sample, maximum_likelihood(sample), d, settings["effects"], correction)
    refuse_perfect_fit(sample, solution, d.response)
    return d, sample, solution, names, {**settings, "lee_yu": correction}
