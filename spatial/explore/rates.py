"""Rates of unequal populations: standardised for tests, smoothed for maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import SpatialWeights
from spillover.matrix import align as align_to
from spillover.provenance import made_from
from spillover.show import Shown

from . import _input, _local
from .local import from_standardised

if TYPE_CHECKING:
    from spillover.types import Values, WeightsLike


@dataclass(frozen=True, eq=False, repr=False)
class SmoothedRates(Shown):
    """Empirical Bayes rates.

    Attributes
    ----------
    variable : str
    frame : DataFrame, indexed by unit
        ``events``, ``population``, ``rate``, ``prior`` (the rate it is drawn towards), ``shrinkage`` (the share of the
        way, 0 where the population is large), ``smoothed``, and ``standardised`` (the rate in standard deviations, as
        ``moran_rate`` and ``local_moran_rate`` test it).
    kind : {"global", "local"}
        Towards the overall rate, or that of the unit and its neighbors.
    weights : str
        Empty when global.
    notes : tuple of str
    """

    variable: str
    frame: pd.DataFrame
    kind: str
    weights: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``: join it to the map by its index."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema, one row per unit; a smoothed rate has no standard error here."""
        f = self.frame
        empty = dict.fromkeys(("std_error", "statistic", "p_value", "conf_low", "conf_high"), np.nan)
        return pd.DataFrame({"term": f.index, "estimate": f["smoothed"].to_numpy(), **empty}).assign(
            rate=f["rate"].to_numpy(), shrinkage=f["shrinkage"].to_numpy()
        )

@takes_frames
def smoothed_rates(events: Values, population: Values, w: WeightsLike | None = None, *,
                   data: pd.DataFrame | None = None, missing: str = "error", align: str = "labels") -> SmoothedRates:
    r"""Empirical Bayes rates: small populations are drawn towards the overall rate, or towards their neighbors'.

    .. math:: \hat\theta_i = m + \frac{A}{A + m / n_i} (r_i - m), \qquad
              A = \max\Big(0, \frac{\sum n_i (r_i - m)^2}{\sum n_i} - \frac{m}{\bar n}\Big)

    Marshall (1991), eq. 3 to 5, by the method of moments: m is the overall rate and the sums run over all units; with
    weights, over the unit and its neighbors (his section 4), links counting without their size.

    Parameters
    ----------
    events, population : Series, arrays or column names; length n
    w : weights, optional
    data, missing, align
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`; E204 no events, E211 a population that is not positive or negative events.

    Examples
    --------
    >>> events, people = [1, 2, 2, 6, 9, 9], [10, 120, 90, 110, 100, 95]
    >>> smoothed_rates(events, people).frame[["rate", "smoothed"]].round(3).head(2)
        rate  smoothed
    0  0.100     0.059
    1  0.017     0.036
    """
    if w is None:
        field = _alone(events, population, data, missing)
    else:
        field = read(events, population, w, data=data, missing=missing, align=align)
    e, p = field.values
    check(e, p, field)
    if w is None:
        prior, between = (np.repeat(part, len(e)) for part in _prior(e, p, np.ones((1, len(e)))))
    else:
        csr = field.weights.csr
        links = sparse.csr_array((np.ones(csr.nnz), csr.indices, csr.indptr), shape=csr.shape)
        prior, between = _prior(e, p, links + sparse.eye_array(len(e), format="csr"))
    noise = prior / p
    share = np.divide(noise, between + noise, out=np.zeros(len(e)), where=between + noise > 0)
    rate = e / p
    columns = {"events": e, "population": p, "rate": rate, "prior": prior, "shrinkage": share}
    columns |= {"smoothed": prior + (1 - share) * (rate - prior), "standardised": _standardise(e, p)}
    frame = pd.DataFrame(columns, index=field.ids).reindex(field.all_ids)
    kind, described = ("global", "") if w is None else ("local", field.weights.header())
    return made_from(SmoothedRates(f"{field.names[0]} / {field.names[1]}", frame, kind, described, field.notes), field)


@takes_frames
def local_moran_rate(
    events: Values,
    population: Values,
    w: WeightsLike,
    *,
    data: pd.DataFrame | None = None,
    permutations: int | None = None,
    alternative: str = "two-sided",
    significance: float = 0.05,
    correction: str = "none",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> _local.LocalStatistic:
    """Local Moran of empirical Bayes standardised rates: small populations do not pass for clusters.

    Rates are standardised as in `moran_rate` (Assunção and Reis 1999); then as `local_moran`, whose parameters and
    result these are. The layer that ``to_file`` writes holds the standardised rate.

    Raises
    ------
    SpatialInputError
        As `local_moran`; E204 no events, E211 a population that is not positive or negative events.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)
    >>> events, people = [1, 2, 2, 6, 9, 9], [100, 120, 90, 110, 100, 95]
    >>> local_moran_rate(events, people, ring).frame["I"].round(3).head(3).tolist()
    [-0.452, 1.724, 0.543]
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    variables = [("events", events), ("population", population)]
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations, "varying": False}
    field, test = _local.read(variables, w, test=test, **options)
    field = standardised(field)
    z = _input.standardised(field.values[0])
    return from_standardised(z, z, field, test, "Local Moran of rates")


def read(events, population, w, *, data, missing, align) -> _input.Field:
    """Events and populations in the order of the weights; see `_input.read`."""
    variables = [("events", events), ("population", population)]
    return _input.read(variables, w, data=data, missing=missing, align=align, varying=False)


def _alone(events, population, data, missing) -> _input.Field:
    """The same without weights: two Series are matched by their labels, arrays by position."""
    columns = [_input.column_of(data, v, name) for v, name in ((events, "events"), (population, "population"))]
    ids = columns[0].index if isinstance(columns[0], pd.Series) else pd.RangeIndex(len(columns[0]))
    nobody = SpatialWeights(sparse.csr_array((len(ids), len(ids))), ids, "none", "none")
    names = [str(getattr(c, "name", None) or name) for c, name in zip(columns, ("events", "population"))]
    values = np.array([align_to(_input.numbers(c, name), nobody, name=name) for c, name in zip(columns, names)])
    _input.check_finite(values, names, ids, missing)
    used = ~np.isnan(values).any(axis=0)
    notes = () if used.all() else (f"{(~used).sum()} units with missing values left out",)
    return _input.Field(values[:, used], tuple(names), nobody, ids, used, notes)


def standardised(field: _input.Field) -> _input.Field:
    """One variable, the empirical Bayes standardised rate (Assunção and Reis 1999, section 3)."""
    name = f"{field.names[0]} / {field.names[1]}"
    events, population = field.values
    check(events, population, field)
    rate = _standardise(events, population)
    _input.check_varies(rate, name)
    return replace(field, values=rate[None], names=(name,))


def check(events, population, field) -> None:
    """E211 for what cannot be counted, E204 when nothing is."""
    wrong = (population <= 0) | (events < 0)
    if wrong.any():
        message = f"{field.names[1]!r} must be positive and {field.names[0]!r} not negative"
        raise SpatialInputError("E211", message, ids=list(field.ids[wrong]),
                                hint="populations must be positive, events 0 or more")
    if not events.any():
        message = f"{field.names[0]!r} counts no event in any unit: every rate is 0"
        raise SpatialInputError("E204", message, column=field.names[0],
                                hint="check the column: a statistic needs values that differ")


def _standardise(events, population) -> np.ndarray:
    rate, overall = events / population, events.sum() / population.sum()
    spread = population @ (rate - overall) ** 2 / population.sum()
    between = spread - overall / population.mean()
    variance = between + overall / population
    variance = np.where(variance > 0, variance, overall / population)
    return (rate - overall) / np.sqrt(variance)


def _prior(events, population, groups) -> tuple[np.ndarray, np.ndarray]:
    """Mean m and variance A between units of each group, rows of 0/1; Marshall (1991), eq. 4 and 5."""
    people, rate = groups @ population, events / population
    mean = (groups @ events) / people
    spread = (groups @ (population * rate**2)) / people - mean**2  # sum n (r - m)^2 / sum n
    average = people / np.asarray(groups.sum(axis=1)).ravel()
    return mean, np.maximum(spread - mean / average, 0)
