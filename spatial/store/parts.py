"""Weights, frames and options as files and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..compare.prior import Prior
from ..covariance.vcov import KINDS
from ..design.moment_settings import Moments
from ..design.obs_weights import Sampling
from ..design.regimes import Regimes
from ..models.dynamic_moments import ArellanoBond
from .box import Box, frame_bytes

OBJECTS = {kind.__name__: kind for kind in (*KINDS.values(), ArellanoBond, Moments, Prior, Regimes, Sampling)}
WORDS = ("kind", "standardization", "unit", "labelled")


class Writer:
    """Collects the files of one result."""

    def __init__(self):
        self.files: dict[str, bytes] = {}

    def add(self, name: str, frame: pd.DataFrame) -> str:
        """A frame under its name, with a number where that is taken."""
        taken = sum(file.startswith(f"{name}.") or file.startswith(f"{name}-") for file in self.files)
        file = f"{name}-{taken}.parquet" if taken else f"{name}.parquet"
        self.files[file] = frame_bytes(frame)
        return file

    def weights(self, w: SpatialWeights | TemporalWeights) -> dict:
        """One W, or one for each period."""
        if isinstance(w, TemporalWeights):
            return {"periods": self.add("periods", pd.DataFrame({"period": w.periods})), "notes": list(w.notes),
                    "matrices": [self.weights(each) for each in w.matrices]}  # fmt: skip
        coo = w.csr.tocoo()
        links = pd.DataFrame({"focal": coo.row.astype(np.int32), "neighbor": coo.col.astype(np.int32),
                              "weight": coo.data})  # fmt: skip
        links = links if w.raw is None else links.assign(raw=w.raw)
        return {"links": self.add("weights", links), "ids": self.add("ids", pd.DataFrame({"id": w.ids})),
                "id_name": w.ids.name, "n": w.n, "notes": list(w.notes), **{key: getattr(w, key) for key in WORDS}}

    def value(self, value: Any, name: str) -> Any:
        """An option as JSON; frames and W become files.

        Raises
        ------
        SpatialInputError
            E501 what cannot be stored.
        """
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, list | tuple):
            return [self.value(each, name) for each in value]
        if isinstance(value, Mapping):
            return {"mapping": {str(key): self.value(each, name) for key, each in value.items()}}
        if isinstance(value, SpatialWeights | TemporalWeights):
            return {"weights": self.weights(value)}
        if isinstance(value, pd.Series):
            return {"series": self.add("option", value.rename("value").to_frame()), "name": value.name}
        if isinstance(value, pd.DataFrame):
            return {"frame": self.add("option", value)}
        kind = type(value).__name__
        if is_dataclass(value) and OBJECTS.get(kind) is type(value):
            inside = {f.name: self.value(getattr(value, f.name), f.name) for f in fields(value) if f.init}
            return {"object": kind, "fields": inside}
        raise SpatialInputError("E501", f"{name}={value!r} cannot be saved", hint="save the table of results: "
                                "result.tidy().to_parquet('table.parquet')")  # fmt: skip


def read_value(stored: Any, box: Box) -> Any:
    """What ``Writer.value`` wrote.

    Raises
    ------
    SpatialInputError
        E602 a kind of value that is not known.
    """
    if isinstance(stored, list):
        return [read_value(each, box) for each in stored]
    if not isinstance(stored, dict):
        return stored
    if "mapping" in stored:
        return {name: read_value(each, box) for name, each in stored["mapping"].items()}
    if "weights" in stored:
        return read_weights(stored["weights"], box)
    if "series" in stored:
        return box.frame(stored["series"])["value"].rename(stored["name"])
    if "frame" in stored:
        return box.frame(stored["frame"])
    if stored.get("object") in OBJECTS:
        inside = {name: read_value(each, box) for name, each in stored["fields"].items()}
        return OBJECTS[stored["object"]](**{n: tuple(v) if isinstance(v, list) else v for n, v in inside.items()})
    raise box.damaged(f"it holds a value of an unknown kind, {sorted(stored)}")


def read_weights(stored: dict, box: Box) -> SpatialWeights | TemporalWeights:
    """What ``Writer.weights`` wrote; a matrix is checked like any other."""
    if "matrices" in stored:
        periods = pd.Index(box.frame(stored["periods"])["period"])
        return TemporalWeights(tuple(_read_matrix(one, box) for one in stored["matrices"]), periods.rename(None),
                               tuple(stored["notes"]))  # fmt: skip
    return _read_matrix(stored, box)


def _read_matrix(stored: dict, box: Box) -> SpatialWeights:
    links, ids = box.frame(stored["links"]), pd.Index(box.frame(stored["ids"])["id"], name=stored["id_name"])
    n = int(stored["n"])
    where = links[["focal", "neighbor"]].to_numpy()
    if len(ids) != n or (len(links) and (where.min() < 0 or where.max() >= n)):
        raise box.damaged("its weights are damaged")
    csr = sparse.csr_array((links["weight"].to_numpy(), where.T), shape=(n, n))
    raw = links["raw"].to_numpy() if "raw" in links else None
    return SpatialWeights(csr, ids, notes=tuple(stored["notes"]), raw=raw, **{key: stored[key] for key in WORDS})
