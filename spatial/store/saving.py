"""Write a result: what it was estimated from, how, and its numbers."""

from __future__ import annotations

import json
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import pandas as pd

from spillover import __version__
from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights

from ..compare.comparison import Comparison
from ..design.options import ModelOptions
from ..effects.average import Effects
from ..effects.long_run import DynamicEffects
from ..models.family import MODELS
from ..models.fit import Fit
from ..records.fit import FitRecord
from ..records.several import OfSeveralWeights
from .box import RECORD, write_box
from .parts import Writer

if TYPE_CHECKING:
    from spillover.types import PathLike

FORMAT = 1
BY_NAME = {specification: model for model, specification in MODELS.items()}


def save(result: Any, path: PathLike, *, overwrite: bool = False) -> Path:
    """Save a fit, its effects or a comparison of W, for ``sp.load``.

    Parameters
    ----------
    result : Fit, Effects or Comparison
    path : path-like
        A folder, or a file that ends in .zip.
    overwrite : bool
        What is there is refused unless true.

    Returns
    -------
    Path

    Raises
    ------
    SpatialInputError
        E501 a result of another kind, or an option that cannot be stored; E603 it exists, E605 it cannot be written.

    Notes
    -----
    Data, weights and tables are parquet, the rest is JSON: any program can read them, and nothing in them is run. The
    data are the rows of the units that were used.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC", columbus, wt.queen(columbus).standardize("row"))
    >>> path = sp.save(fit, pathlib.Path(tempfile.mkdtemp()) / "fit.zip")
    >>> sp.load(path).rho == fit.rho
    True
    """
    out = Writer()
    if isinstance(result, Comparison):
        record = _comparison(result, out)
    elif isinstance(result, Effects | DynamicEffects):
        if isinstance(result, Effects) and result.run:
            raise SpatialInputError("E501", f"{result.run} effects are saved with the others",
                                    hint="sp.save(fit.effects(), path)")
        options = {f.name: getattr(result.options, f.name) for f in fields(result.options)}
        record = {"kind": "effects", "effects": options, **_fit(result.fit, out)}
    elif isinstance(result, Fit):
        record = {"kind": "fit", **_fit(result, out)}
    else:
        raise SpatialInputError("E501", f"{type(result).__name__} cannot be saved; a fit, its effects and a comparison "
                                "can", hint="save its table: result.tidy().to_parquet('table.parquet')")  # fmt: skip
    out.add("table", result.tidy())
    record = {"spillover": __version__, "format": FORMAT, **record}
    out.files[RECORD] = json.dumps(record, ensure_ascii=False, indent=1).encode()
    return write_box(out.files, path, overwrite=overwrite)


def _fit(fit: FitRecord, out: Writer) -> dict:
    d = fit._design
    weights = d.whole if d.lags and d.whole is not None else d.weights  # loading cuts it again
    if d.lags and weights.varies:
        raise SpatialInputError("E501", "a dynamic fit under W that varies is not saved: it no longer holds W of the "
                                "first period", hint="save its table: result.tidy().to_parquet('table.parquet')")
    return {
        "model": _model(fit),
        "formula": d.formula,
        "data": out.add("data", _rows(fit)),
        "weights": [out.weights(w) for w in fit.requested_weights] if _has_several(fit) else out.weights(weights),
        "options": _options(fit, out),
        "estimates": {"params": fit.params.to_dict(), "std_errors": fit.std_errors.to_dict(), "sigma2": fit.sigma2,
                      "loglik": fit.loglik},
    }  # fmt: skip


def _has_several(fit: FitRecord) -> TypeGuard[OfSeveralWeights]:
    return isinstance(fit._design.weights, SeveralWeights)


def _comparison(result: Comparison, out: Writer) -> dict:
    fit = next(iter(result.fits.values()))
    models = dict.fromkeys(key[1].lower() for key in result.fits if isinstance(key, tuple))
    params = {json.dumps(key): list(map(float, one.params)) for key, one in result.estimates.items()}
    return {
        "kind": "comparison",
        "models": list(models) or [_model(fit)],
        "formula": fit._design.formula,
        "data": out.add("data", _rows(fit)),
        "weights": {name: out.weights(w) for name, w in result.weights.items()},
        "options": _options(fit, out),
        "prior": out.value(result.prior, "prior"),
        "probabilities": result.prior_probabilities,
        "estimates": params,
    }


def _model(fit: FitRecord) -> str:
    if fit.specification not in BY_NAME:
        raise SpatialInputError("E501", f"{fit.specification.name} is no model of the family: it cannot be saved",
                                hint="save its table: fit.tidy().to_parquet('table.parquet')")
    return BY_NAME[fit.specification].__name__


def _options(fit: FitRecord, out: Writer) -> dict:
    """Keywords of the model's function that are not its defaults."""
    requested, parameters = fit._settings.requested, signature(BY_NAME[fit.specification]).parameters
    options = {f.name: getattr(requested, f.name) for f in fields(ModelOptions) if f.name in parameters}
    same = fit._settings.vcov is requested.covariance or fit._settings.vcov == requested.covariance
    options["vcov"] = requested.vcov if same else fit._settings.vcov  # with_vcov changes it
    if fit._design.error_weights is not None:
        options["w_error"] = fit._design.error_weights
    if _has_several(fit):
        options |= fit.requested_lags
    changed = {name: value for name, value in options.items() if value is not parameters[name].default}
    return {name: out.value(value, name) for name, value in changed.items()}


def _rows(fit: FitRecord) -> pd.DataFrame:
    """The data as they were given, of the units that were used; columns that parquet cannot hold are left out."""
    import pyarrow as pa

    d = fit._design
    frame, requested = d.frame, fit._settings.requested
    if requested.entity in frame.columns:
        units = pd.Index(frame[requested.entity])
    else:
        units = frame.index.get_level_values(_level(frame, requested, d))
    inside = units.isin(d.ids)
    frame = frame.loc[inside] if inside.any() else frame
    needed = d.encoding.terms.columns
    held = []
    for j, name in enumerate(frame.columns):
        column = frame.iloc[:, j]
        if str(column.dtype) == "geometry":
            held.append(j)
            continue
        try:
            pa.array(column)
            held.append(j)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            if name in needed:
                raise SpatialInputError("E501", f"the column {name!r} cannot be saved: {error}", column=str(name),
                                        hint="make it numbers or text") from error
    return frame.iloc[:, held].rename(columns=str)


def _level(frame: pd.DataFrame, requested: ModelOptions, d) -> int:
    """The position of the index's level with the units."""
    names = list(frame.index.names)
    return next((names.index(name) for name in (requested.entity, d.ids.name) if name in names), 0)
