"""What is estimated for a comparison: stacks of W where that can be done, single fits where not."""

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
from .journal import digest_of, key_of, told
from .posterior import log_marginal
from .prior import Prior
from .stacked import estimates_of

AT_ONCE = 64  # W that are done together
LOOKED_AT = 8  # W of which one is hoped to stand for all


@dataclass(frozen=True, eq=False)
class Work:
    """Models x W over one frame; it travels to the workers.

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
        """Ready for the fits that are left; which way they are made does not depend on how many these are."""
        if not left or len(self.named) < FEW:
            return replace(self, leads=(None,) * len(self.models))
        leads = []
        for model in self.models:
            leads.append(self._lead(model, leads[0] if leads else None))
        return replace(self, leads=tuple(leads))

    def _lead(self, model, other: Reading | None) -> Reading | None:
        """Data as the model reads them under the first W that stands for all, with the transformation, which W without
        islands have; those that another model has read, where they will do."""
        if other is not None and (found := self._like(other, model)) is not None:
            return found
        found = None
        for i, w in enumerate(self.named.values()):
            if found and i >= LOOKED_AT:
                break
            try:
                reading = reading_of(model, self.formula, self.data, w, self.options)
            except SpatialInputError:
                continue
            if reading is None or not reading.repeatable:
                return None
            if reading.settings.correction != "additive":
                return reading
            found = found or reading
        return found

    def _like(self, other: Reading, model) -> Reading | None:
        """Another model of the same data, where its correction is the transformation too."""
        try:
            found = reading_of(model, self.formula, self.data, None, self.options, like=other)
        except SpatialInputError:
            return None
        return None if found is None or found.settings.correction == "additive" else found

    def fit(self, jobs: dict, key) -> Fit:
        """The fit of a key."""
        name, m = jobs[key]
        return self.models[m](self.formula, self.data, self.named[name], **self.options)

    def names(self, job) -> tuple[str, str]:
        return job[0], self.models[job[1]].__name__.upper()

    def keys(self, jobs) -> list[str]:
        """What tells the jobs' results from all others."""
        shared = digest_of(self.data), self.formula, told(self.options), told(self.prior)
        weights = {name: told(w) for name, w in self.named.items()}
        return [key_of("fit", *shared, weights[name], self.models[m].__name__) for name, m in jobs]

    def used(self, fits, jobs: dict) -> dict:
        """By name: the weights as the fits have them, cut down with the data where these were."""
        out = {}
        for key in fits:
            name, w = jobs[key][0], self.named[jobs[key][0]]
            if name not in out:
                whole = isinstance(w, SpatialWeights | TemporalWeights)
                whole = whole and self.options.get("missing", "error") == "error"
                out[name] = w if whole and not w.varies else fits[key].design.weights
        return out


def done_together(work: Work, jobs: list) -> list[tuple[Estimate | SpatialInputError, Fit | None]]:
    """Estimates of some jobs, or the errors that say why there are none; fits where they were made."""
    out, ready, order = [None] * len(jobs), {}, None
    for m, lead in enumerate(work.leads):
        if lead is None or not lead.design.weights.labelled or not can_stack(lead):
            continue
        if order is None or not order.equals(lead.design.ids):  # mostly the same for all models
            names = dict.fromkeys(name for name, _ in jobs)
            order, ready = lead.design.ids, {name: over_its_units(lead, work.named[name]) for name in names}
        mine = {i: w for i, (name, at) in enumerate(jobs) if at == m and (w := ready[name]) is not None}
        for i, found in zip(mine, estimates_of(lead, list(mine.values()), work.prior, len(work.named))):
            out[i] = None if found is None else (found, None)
    return [_alone(work, job) if found is None else found for job, found in zip(jobs, out)]


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
