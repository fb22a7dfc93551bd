"""The specification curve: one effect under every W, model, set of controls and sample.

A conclusion is as robust as the share of reasonable specifications that lead to it (Simonsohn, Simmons & Nelson 2020,
Nature Human Behaviour 4:1208-1214).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.matrix import as_weights
from spillover.provenance import made_from
from spillover.show import Shown

from ..effects.average import KINDS
from ..models.estimate import fit_of
from ..models.family import reading_of
from ..models.fit import Fit
from ..records.schema import SCHEMA
from .common import on_common_units
from .jobs import run
from .journal import description_of, digest_of, key_of, opened
from .weights import _in_one_order, _models, _named

if TYPE_CHECKING:
    from spillover.types import PathLike

CHOICES = ["weights", "model", "controls", "sample"]
NUMBERS = SCHEMA[1:]
JOURNAL = dict.fromkeys(CHOICES, "text") | {"rho": "number", "loglik": "number", "problem": "text"}
JOURNAL |= {f"{kind}_{column}": "number" for kind in KINDS for column in NUMBERS}


@dataclass(frozen=True, eq=False)
class SpecificationCurve(Shown):
    """One variable's effects under every specification.

    Attributes
    ----------
    table : DataFrame
        One row per specification and effect: weights, model, controls, sample, effect, estimate, std_error,
        statistic, p_value, conf_low, conf_high, rho, loglik, problem.
    variable, response : str
    choices : tuple of str
        Which of weights, model, controls and sample differ.
    whole : bool
        False when it was interrupted.
    """

    table: pd.DataFrame = field(repr=False)
    variable: str
    response: str
    choices: tuple[str, ...]
    whole: bool

    def tidy(self) -> pd.DataFrame:
        """One row per specification and effect, in the common schema; the choices and the problem follow."""
        return self.table.assign(term=self.variable)[SCHEMA + [c for c in self.table if c not in SCHEMA]]

    def curve(self, effect: str = "indirect") -> pd.DataFrame:
        """The specifications that have an estimate, in the order of their effect."""
        check_option("effect", effect, KINDS)
        rows = self.table[(self.table["effect"] == effect) & self.table["estimate"].notna()]
        return rows.sort_values("estimate", kind="stable", ignore_index=True)

    def agreement(self, significance: float = 0.05) -> pd.DataFrame:
        """By effect: specifications, median, shares positive, significantly positive and negative, and the share
        that agrees with the most frequent finding (positive, negative, or not told from zero)."""
        rows = []
        for effect in KINDS:
            part = self.curve(effect)
            clear = part["p_value"] < significance
            up, down = (clear & (part["estimate"] > 0)).mean(), (clear & (part["estimate"] < 0)).mean()
            rows.append((effect, len(part), part["estimate"].median(), (part["estimate"] > 0).mean(), up, down,
                         max(up, down, 1 - up - down)))  # fmt: skip
        columns = ["effect", "specifications", "median", "positive", "clearly positive", "clearly negative", "agree"]
        return pd.DataFrame(rows, columns=columns)


@takes_frames
def specification_curve(
    weights: Mapping,
    *,
    model: Callable[..., Fit] | list,
    formula: str,
    data: pd.DataFrame,
    variable: str,
    controls: Mapping[str, str] | None = None,
    samples: Mapping | None = None,
    n_jobs: int = 1,
    client: Any = None,
    progress: Callable | None = None,
    journal: PathLike | None = None,
    resume: bool = False,
    **options: Any,
) -> SpecificationCurve:
    """Estimate one variable's effects under every W x model x control set x sample.

    Parameters
    ----------
    weights, model, formula, data, **options
        As for ``compare_weights``; the formula holds what is in every specification.
    variable : str
        The term of the formula whose effects are of interest.
    controls : mapping of names to terms, optional
        Further terms, as in ``{"none": "", "prices": "log(price) + rent"}``.
    samples : mapping of names to rows, optional
        A boolean Series or array over the rows of the data, or a function that takes the data and gives one. Where
        units are left out, W is restricted to the rest.
    n_jobs, client, progress, journal, resume
        As for ``placebo_weights``.

    Returns
    -------
    SpecificationCurve
        Where a specification has no estimate, ``problem`` gives the reason.

    Raises
    ------
    SpatialInputError
        E501 nothing to vary or an empty sample, E502 a variable that is not in the formula (in every
        row's ``problem`` when only some specifications lack it), E512, E514, E515, E603, E605.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> ws = {rule: getattr(wt, rule)(columbus).standardize("row") for rule in ("queen", "rook")}
    >>> result = sp.specification_curve(ws, model=[sp.sar, sp.sdm], formula="CRIME ~ INC", data=columbus,
    ...                                variable="INC", controls={"none": "", "housing": "HOVAL"})
    >>> result.agreement()[["effect", "specifications"]].values.tolist()
    [['direct', 8], ['indirect', 8], ['total', 8]]
    """
    named, models = _named(weights), _models(model)
    if not isinstance(controls, Mapping | None) or not isinstance(samples, Mapping | None):
        raise SpatialInputError("E501", "controls and samples must be mappings of names to terms and to rows",
                                hint="controls={'all': 'x + z'}, samples={'north': data['region'] == 'north'}")
    controls = dict(controls or {"": ""})
    frames = _samples(data, samples, named, options.get("entity"))
    formulas = {name: f"{formula} + {terms}" if terms else formula for name, terms in controls.items()}
    jobs = list(product(named, range(len(models)), formulas, frames))
    settings = (frames, models, formulas, variable, options)
    keys = _keys(jobs, settings)
    fits_read: dict = {}
    shared = (*settings, fits_read)
    with opened(journal, JOURNAL, resume=resume) as book:
        done = {i: book.rows[key] for i, key in enumerate(keys) if key in book.rows}
        results, whole = run([(*job, key) for job, key in zip(jobs, keys)], _all, shared, n_jobs=n_jobs, client=client,
                           progress=progress, done=done, keep=lambda i, row: book.add(keys[i], row))  # fmt: skip
    rows = [row for i, result in results.items() for row in _rows(jobs[i], models, result)]
    columns = [*CHOICES, "effect", *NUMBERS, "rho", "loglik", "problem"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys([*NUMBERS, "rho", "loglik"], float))
    if table["estimate"].isna().all() and len(table):
        raise SpatialInputError("E501", f"no specification has an estimate; the first says {table['problem'].iloc[0]}",
                                hint="estimate one of them alone to see its error")
    many = tuple(name for name in CHOICES if table[name].nunique() > 1)
    result = SpecificationCurve(table, variable, formula.partition("~")[0].strip(), many, whole)
    return made_from(result, pd.DataFrame(data).reset_index(drop=True), _in_one_order(named))


def _samples(data, samples, named, entity) -> dict:
    """By name: the rows, and the weights of their units."""
    out = {}
    for name, rows in (samples or {"": np.ones(len(data), dtype=bool)}).items():
        rows = rows(data) if callable(rows) else rows
        if isinstance(rows, pd.Series) and not rows.index.equals(data.index):
            raise SpatialInputError("E501", f"sample {name!r} must have the data's index, in its order",
                                    hint="make it from a column of the data, such as data['region'] == 'north'")
        kept = np.asarray(rows)
        if kept.shape != (len(data),) or kept.dtype != bool or not kept.any():
            raise SpatialInputError("E501", f"sample {name!r} must be booleans by row, some of them true",
                                    hint="data['region'] == 'north' is such a sample")
        frame = data[kept]
        if samples and any(as_weights(w).labelled for w in named.values()):
            ws, frame, _ = on_common_units(named, frame, entity)
        else:
            ws = {key: as_weights(w) for key, w in named.items()}
        out[str(name)] = (frame, ws)
    return out


def _keys(jobs, shared) -> list[str]:
    frames, models, formulas, variable, options = shared
    digests = {name: digest_of(frame) for name, (frame, _) in frames.items()}
    weights = {sample: {name: description_of(w) for name, w in ws.items()} for sample, (_, ws) in frames.items()}
    how = description_of(options)
    return [
        key_of("curve", digests[sample], weights[sample][name], models[m].__name__, formulas[terms], variable, how)
        for name, m, terms, sample in jobs
    ]  # fmt: skip


def _all(shared, jobs) -> list[dict]:
    return [_one(shared, job) for job in jobs]


def _one(shared, job) -> dict:
    """The effects of the variable in one specification, as a row of the journal."""
    _, models, formulas, variable, *_ = shared
    name, m, terms, sample, _ = job
    row = dict.fromkeys(JOURNAL) | dict(zip(CHOICES, _chosen((name, m, terms, sample), models))) | {"problem": ""}
    try:
        fit = _fit(shared, name, m, terms, sample)
        table = fit.effects().tidy()
        table = table[table["term"] == variable].set_index("effect")
        if table.empty:
            raise SpatialInputError("E502", f"{variable!r} is no term of {formulas[terms]}",
                                    hint="name a term that every formula has")
        for kind, column in product(KINDS, NUMBERS):
            row[f"{kind}_{column}"] = float(table.loc[kind, column])
        return row | {"rho": float(fit.params.get("rho", np.nan)), "loglik": float(fit.loglik)}
    except SpatialInputError as error:
        return row | {"problem": f"{error.code}: {error.message}"}


def _fit(shared, name, m, terms, sample) -> Fit:
    """Under the first W by the model's function; under others without reading the data again."""
    frames, models, formulas, *_, options, leads = shared
    frame, ws = frames[sample]
    where = m, terms, sample
    lead = leads.get(where)
    if lead is not None:
        return fit_of(lead.under(ws[name]))
    lead = reading_of(models[m], formulas[terms], frame, ws[name], options)
    if lead is None:
        return models[m](formulas[terms], frame, ws[name], **options)
    if lead.repeatable:
        leads[where] = lead
    return fit_of(lead)


def _chosen(job, models):
    name, m, terms, sample = job
    return name, models[m].__name__.upper(), terms, sample


def _rows(job, models, result):
    for kind in KINDS:
        yield (*_chosen(job, models), kind, *(result[f"{kind}_{column}"] for column in NUMBERS), result["rho"],
               result["loglik"], result["problem"])  # fmt: skip
