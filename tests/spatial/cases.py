"""Inputs that anyone can write down again, for figures that were computed elsewhere."""

import numpy as np
import pandas as pd

import shapefiles
import weights as wt


def states_case():
    """48 states, queen W, y = (I - .4 W)^-1 (1 + x + .5 z + e); the data, W and the map."""
    states = shapefiles.load("us_states")
    w = wt.queen(states).standardize("row")
    i = np.arange(48)
    x, z, e = np.sin(1.7 * i), np.cos(0.9 * i**2), np.sin(5.3 * i + 0.4) + 0.3 * np.cos(0.37 * i**2)
    y = np.linalg.solve(np.eye(48) - 0.4 * w.csr.toarray(), 1 + x + 0.5 * z + e)
    return pd.DataFrame({"y": y, "x": x, "z": z}, index=w.ids), w, states


def inverse_distance_on_a_line(index) -> pd.DataFrame:
    """Row-standardised 1 / |i - j|: every pair is linked."""
    i = np.arange(len(index))
    gap = np.abs(i[:, None] - i) + np.eye(len(i))
    W = 1 / gap - np.eye(len(i))
    return pd.DataFrame(W / W.sum(axis=1, keepdims=True), index=index, columns=index)
