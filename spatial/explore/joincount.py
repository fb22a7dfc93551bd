"""Join counts: how often neighbors have the same label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from . import _conditional, _draws, _input, _local, _moments, _null

if TYPE_CHECKING:
    from spillover.types import Values, WeightsLike

LARGEST = 100_000_000  # numbers in a table of labels by units, or by permutations
CLASSES = ("Joined", "Alone")


@dataclass(frozen=True, eq=False, repr=False)
class JoinCounts(Shown):
    """Joins of equal labels, and of different ones.

    Attributes
    ----------
    variable : str
    frame : DataFrame
        One row per label ("a:a") and one for all joins of different labels ("different"): count, expected, sd, z,
        p_rand (moments without replacement), p_sim. With ``pairs=True`` also one row per pair of labels ("a:b").
    permutations, seed, n : int
    alternative, weights : str
    notes : tuple of str
    """

    variable: str
    frame: pd.DataFrame
    permutations: int
    seed: int
    n: int
    alternative: str
    weights: str
    notes: tuple[str, ...] = ()
    null: str = "labels fall on the units at random"

    def to_frame(self) -> pd.DataFrame:
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema, one row per kind of join."""
        f = self.frame.rename(
            columns={"joins": "term", "count": "estimate", "sd": "std_error", "z": "statistic"}
        ).assign(p_value=lambda t: t["p_sim"].fillna(t["p_rand"]), conf_low=np.nan, conf_high=np.nan)
        first = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
        return f[[*first, "expected", "p_rand", "p_sim"]]

@takes_frames
def join_counts(
    y: Values,
    w: WeightsLike,
    *,
    pairs: bool = False,
    data: pd.DataFrame | None = None,
    permutations: int = 999,
    alternative: str = "two-sided",
    seed: int = _input.DEFAULT_SEED,
    missing: str = "error",
    align: str = "labels",
) -> JoinCounts:
    r"""Join counts of two or more labels.

    .. math:: J_{aa} = \tfrac12 \sum_{ij} w_{ij} [y_i = a][y_j = a], \qquad
              J_{ab} = \tfrac12 \sum_{ij} w_{ij} ([y_i = a][y_j = b] + [y_i = b][y_j = a]), \qquad
              J_{\ne} = \sum_{a < b} J_{ab}

    Cliff and Ord (1981), section 1.4; moments for sampling without replacement, exact for any number of labels.

    Parameters
    ----------
    y : Series, array or column name of length n, with two or more labels of any type
    pairs : bool
        Also a row for every pair of different labels. With two labels that is the row "different".
    w, data, permutations, alternative, seed, missing, align
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`; E204 when there is one label only, E501 when there are thousands.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.eye(6, k=1) + np.eye(6, k=-1)
    >>> join_counts(list("aaabbb"), path, permutations=99).frame[["joins", "count", "expected"]]
           joins  count  expected
    0        a:a    2.0       1.0
    1        b:b    2.0       1.0
    2  different    1.0       3.0
    """
    _input.check_draws(permutations, seed, alternative)
    codes, labels = _codes(_input.column_of(data, y, "y"))
    field = _input.read([("y", codes)], w, data=data, missing=missing, align=align)
    csr, links = field.weights.csr, _moments.link_sums(field.weights.csr)
    _refuse_many(len(labels), pairs, field, permutations)
    is_label = (field.values[0] == np.arange(len(labels))[:, None]).astype(float)
    sizes, two = is_label.sum(axis=1), list(combinations(range(len(labels)), 2)) if pairs else []
    both = np.array([is_label[a] + is_label[b] for a, b in two]).reshape(-1, field.weights.n)
    _draws.announce_global(csr, len(labels) + len(two), permutations)
    counts = np.einsum("kn,kn->k", np.vstack([is_label, both]), (csr @ np.vstack([is_label, both]).T).T) / 2
    simulated = _null.permuted_sums(np.vstack([is_label, both]), csr, permutations, seed)[0] / 2
    names = [f"{label}:{label}" for label in labels] + [f"{labels[a]}:{labels[b]}" for a, b in two] + ["different"]
    moments = [_moments.joins(links, field.weights.n, sizes[[k]]) for k in range(len(labels))]
    moments += [_moments.joins_between(links, field.weights.n, sizes[[a, b]], sizes[[a, b]].sum()) for a, b in two]
    moments += [_moments.joins_between(links, field.weights.n, sizes, field.weights.n)]
    rows = []
    counts, simulated = (_with_pairs(part, two, links.s0 / 2, len(labels)) for part in (counts, simulated))
    for name, count, draws, (mean, variance) in zip(names, counts, simulated, moments):
        sd = np.sqrt(variance) if variance > 1e-13 * mean**2 else np.nan
        z = (count - mean) / sd
        p_sim = _null.pseudo_p(count, draws, alternative)
        rows.append([name, count, mean, sd, z, _null.normal_p(z, alternative), np.nan if p_sim is None else p_sim])
    frame = pd.DataFrame(rows, columns=["joins", "count", "expected", "sd", "z", "p_rand", "p_sim"])
    described = field.weights.header()
    result = JoinCounts(field.names[0], frame, permutations, seed, field.weights.n, alternative, described, field.notes)
    return made_from(result, field)


def _refuse_many(k: int, pairs: bool, field, permutations: int) -> None:
    """E501 where labels are so many that they are hardly labels: one row of zeros and ones for each."""
    rows = k + (k * (k - 1) // 2 if pairs else 0)
    if rows * max(field.weights.n, permutations) > LARGEST:
        what = f"{k:,} labels" + (f" with {rows - k:,} pairs" if pairs else "")
        message = f"{field.names[0]!r} has {what}: their join counts do not fit into memory"
        raise SpatialInputError("E501", message, column=field.names[0], hint="fewer classes: pd.cut(column, 5)")


def _with_pairs(joins, two, whole, k):
    """Joins inside each label, between the labels of each pair, and of all different ones.

    ``joins`` counts those inside each label and inside each union of two labels.
    """
    between = [joins[k + m] - joins[a] - joins[b] for m, (a, b) in enumerate(two)]
    return np.array([*joins[:k], *between, whole - joins[:k].sum(axis=0)])


@takes_frames
def local_join_counts(
    y: Values,
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
    r"""Local join counts of a 0/1 variable: for each unit with 1, its neighbors with 1.

    .. math:: J_i = y_i \sum_j w_{ij} y_j

    Anselin and Li (2019). Units with 0 count 0 and have no test. Parameters and result as `local_moran`; clusters
    "Joined" (more neighbors with 1 than by chance) and "Alone" (fewer).

    Raises
    ------
    SpatialInputError
        As `moran`; E203 for values other than 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> local_join_counts([1, 1, 1, 0, 0, 0, 1, 0], ring).frame["J"].tolist()
    [1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    test = _local.LocalTest(alternative, significance, correction, seed)
    options = {"data": data, "align": align, "missing": missing, "permutations": permutations}
    field, test = _local.read([("y", y)], w, test=test, **options)
    x, csr = field.values[0], field.weights.csr
    if not np.isin(x, (0, 1)).all():
        other = ~np.isin(x, (0, 1))
        message = f"column {field.names[0]!r} must hold 0 and 1, got {x[other][0]:g}"
        raise SpatialInputError("E203", message, column=field.names[0], ids=list(field.ids[other]),
                                hint="give labels, or 0 and 1")
    lag = csr @ x
    mean, variance = _conditional.lag_moments(x, csr)
    sd = np.sqrt(variance)
    return _local.answer(
        field,
        (x * lag, mean, sd),
        _local.ratio(lag - mean, sd),
        _conditional.lag_counts(x, csr, test.draws, test.seed),
        np.where(lag > mean, 0, 1),
        names=("Local join count", "J", field.names[0]),
        classes=CLASSES,
        test=test,
        tested=x == 1,
    )


def _codes(y):
    """Labels as 0, 1, ... (a Series keeps its index, missing stays missing), and the labels."""
    series = y if isinstance(y, pd.Series) else pd.Series(y)
    numbers, labels = pd.factorize(series, sort=True)
    codes = pd.Series(np.where(numbers < 0, np.nan, numbers), index=series.index, name=series.name)
    return (codes if isinstance(y, pd.Series) else codes.to_numpy()), list(labels)
