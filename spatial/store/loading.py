"""Read a saved result: estimate it again from its data, and compare with the numbers that were saved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import warn

from ..compare.comparison import Comparison
from ..compare.weights import compare_weights
from ..effects.average import Effects
from ..effects.long_run import DynamicEffects
from ..models.family import MODELS
from ..models.fit import Fit
from .box import RECORD, Box
from .parts import read_value, read_weights
from .saving import FORMAT

if TYPE_CHECKING:
    from spillover.types import PathLike

SAME = 1e-6  # standard errors
BY_NAME = {model.__name__: model for model in MODELS}


def load(path: PathLike) -> Fit | Effects | DynamicEffects | Comparison:
    """Load what ``sp.save`` wrote: the model is estimated again from the data and weights beside it.

    Parameters
    ----------
    path : path-like
        A folder or a .zip file.

    Returns
    -------
    Fit, Effects or Comparison
        With a warning where an estimate differs from the saved one by more than a millionth of its standard error:
        another version of the program can bring that about.

    Raises
    ------
    SpatialInputError
        E501 no path, E601 there is nothing, E602 it is no saved result or damaged; and those of the models.

    Examples
    --------
    >>> import spatial as sp
    >>> sp.load("nowhere.zip")
    Traceback (most recent call last):
    spillover.errors.SpatialInputError: E601: there is no 'nowhere.zip'
      next:  check the path
    """
    with Box(path) as box:
        record = box.json(RECORD)
        try:
            if record["format"] > FORMAT:
                raise box.damaged(f"it was written by spillover {record['spillover']}, which is newer")
            kind = record["kind"]
            if kind == "comparison":
                return _comparison(record, box)
            fit = _fit(record, box)
            return fit.effects(**record["effects"]) if kind == "effects" else fit
        except KeyError as error:
            raise box.damaged(f"its record lacks {error}") from error
        except (TypeError, AttributeError, IndexError) as error:
            raise box.damaged(f"its record cannot be read ({error})") from error


def _fit(record: dict, box: Box) -> Fit:
    model = BY_NAME[record["model"]]
    stored = record["weights"]
    w = [read_weights(one, box) for one in stored] if isinstance(stored, list) else read_weights(stored, box)
    fit = model(record["formula"], box.frame(record["data"]), w, **_options(record, box))
    stored = record["estimates"]
    _compare(record, fit.params, pd.Series(stored["params"], dtype=float), fit.std_errors)
    return fit


def _comparison(record: dict, box: Box):
    models = [BY_NAME[name] for name in record["models"]]
    weights = {name: read_weights(w, box) for name, w in record["weights"].items()}
    result = compare_weights(
        weights, model=models if len(models) > 1 else models[0], formula=record["formula"],
        data=box.frame(record["data"]), prior=read_value(record["prior"], box), probabilities=record["probabilities"],
        **_options(record, box),
    )  # fmt: skip
    for key, params in record["estimates"].items():
        read = json.loads(key)
        one = result.estimates[tuple(read) if isinstance(read, list) else read]
        errors = pd.Series(np.sqrt(np.diag(one.covariance)), index=one.names)
        _compare(record, pd.Series(one.params, index=one.names), pd.Series(params, index=one.names), errors)
    return result


def _options(record: dict, box: Box) -> dict:
    return {name: read_value(value, box) for name, value in record["options"].items()}


def _compare(record: dict, now: pd.Series, saved: pd.Series, errors: pd.Series) -> None:
    """Warn of the parameter that differs most, in standard errors."""
    now, saved = now.align(saved)
    same = now.eq(saved) | (now.isna() & saved.isna())
    gap = ((now - saved).abs() / errors).fillna(np.inf).where(~same, 0.0)
    if gap.max() > SAME:
        name = gap.idxmax()
        warn(f"{name!r} is {now.get(name, np.nan):.8g} now and was {saved.get(name, np.nan):.8g} when spillover "
             f"{record['spillover']} saved it ({gap.max():.2g} standard errors)")  # fmt: skip
