"""Weights that hold other units than the data of a policy: each side by its name."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

KEYS = {"entity": "i", "time": "t"}
IDS = [f"u{i}" for i in range(12)]


def data():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame([(i, t) for i in IDS for t in range(6)], columns=["i", "t"])
    started = frame["i"].map(dict(zip(IDS, [3, 3, 4, *[99] * 9])))
    return frame.assign(y=rng.standard_normal(len(frame)), d=(frame["t"] >= started) * 1)


def line(ids):
    n = len(ids)
    return pd.DataFrame(np.eye(n, k=1) + np.eye(n, k=-1), ids, ids)


def exposure(frame, w):
    return sp.exposure_did("y ~ d", frame, w, unimputable="drop", **KEYS)


CALLS = {
    "exposure": (exposure, "the weights"),
    "rings of exposure": (lambda frame, w: exposure(frame, {"near": w}), "ring 'near'"),
    "ring_did": (lambda frame, w: sp.ring_did("y ~ d", frame, {"near": w}, **KEYS), "ring 'near'"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_units_of_one_side_only_are_said_to_be_on_that_side(name):
    call, what = CALLS[name]
    with pytest.raises(SpatialInputError, match=f"ids of {what} and of the data differ: 1 only in {what}"):
        call(data(), line([*IDS, "other"]))
    with pytest.raises(SpatialInputError, match=r"1 only in the data \('u11'\)"):
        call(data(), line(IDS[:-1]))
    assert call(data(), line(IDS)) is not None


def test_the_path_of_a_spatial_did_without_never_treated_units_points_to_its_own_option():
    frame = data()
    frame["d"] = (frame["t"] >= np.where(frame["i"].isin(IDS[:6]), 3, 4)) * 1
    w = line(IDS)
    w = w.div(w.sum(axis=1), axis=0)
    with pytest.raises(SpatialInputError, match="path=False") as caught:
        sp.spatial_did("y ~ d", frame, w, **KEYS)
    assert caught.value.code == "E234"
    assert "method=" not in str(caught.value)
    assert sp.spatial_did("y ~ d", frame, w, path=False, **KEYS).path is None
