"""The estimation of a comparison: stacks of W where possible, else single fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..models.estimate import fit_of
from ..models.family import MODELS, reading_of
from ..models.fit import Fit
from ..models.reading import Reading
from ..models.stack import FEW, can_stack, over_its_units
from .estimates import Estimate, of_fit
from .journal import description_of, digest_of, key_of
from .posterior import log_marginal
from .prior import Prior
from .stacked import estimates_of

AT_ONCE = 64  # W that are done together


@dataclass(frozen=True, eq=False)
class Work:
    """Models x W over one frame; sent to the workers.

    Attributes
    ----------
    named : dict of weights, in one order of units where they have one
    models : list of functions
    formula, data, options
        As the models take them.
    prior : Prior
    leads : tuple of Reading or None
        By model: the data, read once for all W.
    """

    named: dict = field(repr=False)
    models: list[Callable]
    formula: str
    data: pd.DataFrame = field(repr=False)
    options: dict
    prior: Prior
    leads: tuple = ()

    def with_leads(self, left: int) -> Work:
        """Prepared for the remaining fits; the method does not depend on their number."""
        if not left or len(self.named) < FEW:
            return replace(self, leads=(None,) * len(self.models))
        leads: list[Reading | None] = []
        for model in self.models:
            leads.append(self._lead(model, leads[0] if leads else None))
        return replace(self, leads=tuple(leads))

    def _lead(self, model, other: Reading | None) -> Reading | None:
        """The data of a model under a template W: the first that it takes. The data of another model are used where
        they suffice."""
        if other is not None and (template := self._like(other, model)) is not None:
            return template
        for w in self.named.values():
            try:
                reading = reading_of(model, self.formula, self.data, w, self.options)
            except SpatialInputError:
                continue
            return reading if reading is not None and reading.repeatable else None
        return None

    def _like(self, other: Reading, model) -> Reading | None:
        """Another model on the same data."""
        try:
            return reading_of(model, self.formula, self.data, None, self.options, like=other)
        except SpatialInputError:
            return None

    def fit(self, jobs: dict, key) -> Fit:
        """The fit of a key."""
        name, m = jobs[key]
        return self.models[m](self.formula, self.data, self.named[name], **self.options)

    def names(self, job) -> tuple[str, str]:
        return job[0], self.models[job[1]].__name__.upper()

    def keys(self, jobs) -> list[str]:
        """One key per job, unique to its result."""
        shared = digest_of(self.data), self.formula, description_of(self.options), description_of(self.prior)
        weights = {name: description_of(w) for name, w in self.named.items()}
        return [key_of("fit", *shared, weights[name], self.models[m].__name__) for name, m in jobs]

    def used(self, fits, jobs: dict) -> dict:
        """By name: the weights as the fits used them, restricted to the units of the data."""
        out = {}
        for key in fits:
            name, w = jobs[key][0], self.named[jobs[key][0]]
            if name not in out:
                whole = isinstance(w, SpatialWeights | TemporalWeights)
                whole = whole and self.options.get("missing", "error") == "error"
                out[name] = w if whole and not w.varies else fits[key]._design.weights
        return out


def done_together(work: Work, jobs: list) -> list[tuple[Estimate | SpatialInputError, Fit | None]]:
    """Estimates of some jobs, or the errors of those that failed; fits where they were estimated singly."""
    out: list[tuple[Estimate | SpatialInputError, Fit | None] | None] = [None] * len(jobs)
    ready, order = {}, None
    for m, lead in enumerate(work.leads):
        if lead is None or not lead.design.weights.labelled or not can_stack(lead):
            continue
        if order is None or not order.equals(lead.design.ids):  # usually the same for all models
            names = dict.fromkeys(name for name, _ in jobs)
            order, ready = lead.design.ids, {name: over_its_units(lead, work.named[name]) for name in names}
        mine = {i: w for i, (name, at) in enumerate(jobs) if at == m and (w := ready[name]) is not None}
        for i, estimate in zip(mine, estimates_of(lead, list(mine.values()), work.prior, len(work.named))):
            out[i] = None if estimate is None else (estimate, None)
    return [_alone(work, job) if result is None else result for job, result in zip(jobs, out)]


def uncorrected(work: Work, jobs: dict) -> dict:
    """log p(y | W, model) of the likelihoods without the Lee-Yu correction, by key."""
    out = {key: log_marginal(work.fit(jobs, key), work.prior, correction=False) for key, (_, m) in jobs.items()
           if work.models[m] not in MODELS}  # fmt: skip
    plain = replace(work, options={**work.options, "correction": False}).with_leads(len(jobs))
    keys, size = [key for key in jobs if key not in out], AT_ONCE * len(work.models)
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        for key, (one, _) in zip(part, done_together(plain, [jobs[key] for key in part])):
            out[key] = np.nan if isinstance(one, SpatialInputError) else one.log_marginal
    return out


def _alone(work: Work, job) -> tuple[Estimate | SpatialInputError, Fit | None]:
    name, m = job
    w, lead = work.named[name], work.leads[m]
    try:
        fit = fit_of(lead.under(w)) if lead else work.models[m](work.formula, work.data, w, **work.options)
        return of_fit(fit, work.prior), fit
    except SpatialInputError as error:
        return error, None
