"""What is estimated for a comparison: stacks of W where that can be done, single fits where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pandas as pd

from spillover.errors import SpatialInputError

from .._period_weights import PeriodWeights
from .._weights import Weights
from ..models._again import again
from ..models._stack import FEW, can_stack, over_its_units
from ..results import Fit
from .estimates import Estimate, of_fit
from .journal import digest_of, key_of, told
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
    leads : tuple of Fit or None
        By model: the first fit there is, under which others can be had without reading the data again.
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
        return replace(self, leads=tuple(self._lead(m) for m in self.models))

    def _lead(self, model) -> Fit | None:
        """The first fit that stands for all: with the transformation, which W without islands have."""
        found = None
        if model.__module__.startswith("spatial.models.family"):
            for i, w in enumerate(self.named.values()):
                if found and i >= LOOKED_AT:
                    break
                try:
                    fit = model(self.formula, self.data, w, **self.options)
                except SpatialInputError:
                    continue
                if fit.settings["lee_yu"] != "additive":
                    return fit
                found = found or fit
        return found

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
                whole = isinstance(w, Weights | PeriodWeights) and self.options.get("missing", "error") == "error"
                out[name] = w if whole and not w.varies else fits[key].design.weights
        return out


def done_together(work: Work, jobs: list) -> list[tuple[Estimate | SpatialInputError, Fit | None]]:
    """Estimates of some jobs, or the errors that say why there are none; fits where they were made."""
    out = [None] * len(jobs)
    for m, lead in enumerate(work.leads):
        mine = [i for i, job in enumerate(jobs) if job[1] == m]
        if lead is None or lead.design.weights.ids is None or not can_stack(lead, work.options):
            continue
        ready = {i: w for i in mine if (w := over_its_units(lead, work.named[jobs[i][0]])) is not None}
        for i, found in zip(ready, estimates_of(lead, list(ready.values()), work.options, work.prior)):
            out[i] = None if found is None else (found, None)
    return [_alone(work, job) if found is None else found for job, found in zip(jobs, out)]


def _alone(work: Work, job) -> tuple[Estimate | SpatialInputError, Fit | None]:
    name, m = job
    w, lead = work.named[name], work.leads[m]
    try:
        quick = None if lead is None else again(lead, w, work.options)
        fit = quick or work.models[m](work.formula, work.data, w, **work.options)
        return of_fit(fit, work.prior), fit
    except SpatialInputError as error:
        return error, None
