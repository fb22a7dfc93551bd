"""The spatial path: one coefficient, and one of its spatial lag, for each time since adoption."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..design.design import INTERCEPT, Design
from ..design.fixed_effects import FixedEffects
from ..models.fit import Fit
from ..records.schema import SCHEMA
from . import delete_unit
from ._tables import rows
from .channels import channels_of, presence
from .event_time import whole_numbers
from .treatment import Adopters, refuse_without_never_treated


def with_indicators(d: Design, adopters: Adopters, formula, window, reference) -> tuple[Design, dict[str, float]]:
    """The design with one column per time since adoption in place of the treatment, and the time of each."""
    refuse_without_never_treated(adopters.first, d.n_periods, adopters.treatment, "spatial_did")
    since = np.clip(adopters.since, *window)
    periods = [k for k in whole_numbers(np.unique(since[~np.isnan(since)])).tolist() if k != reference]
    columns = {f"since_{'m' if k < 0 else 'p'}{abs(k):g}".replace(".", "_"): k for k in periods}
    indicators = {name: (since == k).astype(float) for name, k in columns.items()}
    left, right = formula.split("~")
    text = f"{left}~ {right} - {adopters.treatment} + {' + '.join(columns)}"
    return d.with_columns(indicators, text, without=(adopters.treatment,)), columns


def lagged_indicators(d: Design, adopters: Adopters, durbin, columns, window, model, effects):
    """Which indicators are lagged in space: those whose lag varies beyond effects, covariates and the indicators
    themselves; the others are named."""
    if model == "sar":
        return {}, []
    kept, absorbed = [name for name in durbin if name != adopters.treatment], FixedEffects.parse(effects)
    if adopters.treatment not in durbin:
        return {"durbin": kept}, []
    since = np.clip(adopters.since, *window)
    own = np.stack([(since == k).astype(float) for k in columns.values()], axis=2)
    X = np.nan_to_num(d.X)
    others = [X[:, :, k] for k, name in enumerate(d.names) if name not in (INTERCEPT, adopters.treatment)]
    others += [d.lag(X[:, :, d.names.index(name)], absorbed) for name in kept]
    before = np.concatenate([own, np.stack(others, axis=2)], axis=2) if others else own
    free = _independent(d, absorbed, before, d.lag(own, absorbed))
    seen = [name for name, alone in zip(columns, free) if alone]
    nobody = ", ".join(f"{columns[name]:+g}" for name in columns if name not in seen)
    note = [f"no effect next door at {nobody}: nobody's neighbor is there, or only units that are there themselves"]
    return {"durbin": [*kept, *seen]}, note if nobody else []


def _independent(d: Design, effects: FixedEffects, before: np.ndarray, columns: np.ndarray) -> list[bool]:
    """Whether each of the columns (T, N, p) adds to those before it and to the effects."""
    size = before.shape[0] * before.shape[1]
    Q, R = np.linalg.qr(np.nan_to_num(d.within(before, effects)).reshape(size, -1))
    basis, out = Q[:, np.abs(np.diag(R)) > 1e-9], []
    for column in np.nan_to_num(d.within(columns, effects)).reshape(size, -1).T:
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        out.append(bool(np.linalg.norm(left) > 1e-7 * np.sqrt(size)))
        if out[-1]:
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
    return out


def path_effects(fit: Fit, columns, settings) -> pd.DataFrame:
    level, N = settings["level"], fit._design.n_units
    if settings["vcov"] == "jackknife":
        there, channels = presence(fit._design), channels_of(fit._design)
        counts = [there[:, one.periods].sum(axis=1) for one in channels]

        def read(responses):
            each = [(n @ np.diag(response), n @ response.sum(axis=1)) for n, response in zip(counts, responses)]
            direct, total = np.sum(each, axis=0) / there.sum()
            return np.array([direct, total - direct])

        V = [np.eye(N)] * len(channels)
        jackknife = delete_unit.averages(fit, delete_unit.deleted(fit), list(columns), V, read)
        table = rows(jackknife.estimates, jackknife.std_errors, level=level, df=jackknife.df,
                     effect=np.tile(["direct", "indirect"], len(columns)),
                     period=np.repeat([*columns.values()], 2))  # fmt: skip
        table = table[(np.abs(jackknife.v).max(axis=(1, 2)) > 0)]
    else:
        table = fit.effects(level=level).tidy()
        table = table[table["term"].isin(columns) & (table["effect"] != "total")]
        table = table.assign(period=table["term"].map(columns))
    zero = {"period": whole_numbers([settings["reference"]])[0], "estimate": 0.0, "std_error": 0.0, "conf_low": 0.0,
            "conf_high": 0.0, "reference": True}  # fmt: skip
    zeros = pd.DataFrame([{"effect": kind, **zero} for kind in ("direct", "indirect")])
    table = pd.concat([table.assign(reference=False), zeros]).sort_values(["effect", "period"], ignore_index=True)
    kept = ["effect", "period", *SCHEMA[1:], *(["df"] if "df" in table else []), "reference"]
    return table[kept]
