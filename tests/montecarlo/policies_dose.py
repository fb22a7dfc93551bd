"""Doses between .5 and 2.5 drawn at random, with effects d + d^2 / 2, for one or more dates of adoption."""

from __future__ import annotations

import numpy as np

import spatial as sp
from spatial.policy.dose import read_basis

from .cell import Draw, interval, rejection
from .policies import KEYS, errors, frame

AVERAGES = {"ATT": 1.5 + (1.5**2 + 1 / 3) / 2, "ACRT": 2.5}  # of the doses' law


def effect(d):
    return d + d**2 / 2


def dose_did(*, N, T, dates=1, basis="spline", degree=3, bins=3, control="never", band="pointwise", gaps=0.0):
    """Averages of level and slope, both in the middle of the curve, the joint test of earlier effects, and with a
    simultaneous band whether it holds all levels. A third of the units is untreated, none with
    ``control="lowest_dose"``."""
    spec = sp.Dose("dose", basis=basis, degree=degree, bins=bins)

    def results(rng):
        first = np.where((np.arange(N) % 3 == 0) & (control != "lowest_dose"), T, T - 1 - np.arange(N) % dates)
        dose = np.where(first < T, rng.uniform(0.5, 2.5, N), 0.0)
        D = (np.arange(T)[:, None] >= first) * 1.0
        data = frame(y=D * effect(dose) + errors(rng, T, N, 0.0), d=D, dose=np.broadcast_to(dose, (T, N)))
        data = data[(rng.uniform(size=len(data)) >= gaps) | (data[KEYS["time"]] == 0)]
        fit = sp.did("y ~ d", data, method="group_time", dose=spec, control=control, band=band, missing="period",
                     **KEYS)  # fmt: skip
        return fit, dose

    def counted(fit, dose):
        level, slope = true_curve(fit, spec, dose, control)
        curve = dict(iter(fit.curve.groupby("effect")))
        middle = len(level) // 2
        ends = {"ATT at the middle": (curve["ATT"].iloc[middle], level[middle]),
                "ACRT at the middle": (curve["ACRT"].iloc[middle], slope[middle])}  # fmt: skip
        if basis == "spline":
            ends |= {row["term"]: (row, AVERAGES[row["term"]]) for _, row in fit.table.iterrows()}
        measured = {name: interval(row["conf_low"], row["conf_high"], truth) for name, (row, truth) in ends.items()
                    if np.isfinite(row["std_error"])}  # fmt: skip
        if band == "simultaneous":
            holds = ((curve["ATT"]["conf_low"] <= level) & (level <= curve["ATT"]["conf_high"])).all()
            measured["whole band"] = interval(0.0 if holds else 1.0, 2.0, 0.5)
        return measured | {"joint leads": rejection(fit.pretrends.joint.p_value)}

    return Draw(results, counted)


def true_curve(fit, spec, dose, control):
    """Level and slope at the curve's doses; of bins, averages over the units in them."""
    at = fit.curve["dose"][fit.curve["effect"] == "ATT"].to_numpy()
    if spec.basis == "spline":
        return effect(at), 1 + at
    lowest = control == "lowest_dose"
    basis = read_basis(spec, dose, dose > 0, lowest)
    inside = basis.of_units * (dose > 0)[:, None]
    level = inside.T @ effect(dose) / inside.sum(axis=0)
    start = (effect(dose[basis.lowest]).mean(), dose[basis.lowest].mean()) if lowest else (0.0, 0.0)
    return level - start[0], np.diff(np.r_[start[0], level]) / np.diff(np.r_[start[1], at])
