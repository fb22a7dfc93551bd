"""Join counts: how often neighbours have the same label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown

from . import _conditional, _input, _local, _moments, _null, _show

CLASSES = ("Joined", "Alone")


@dataclass(frozen=True, eq=False, repr=False)
class JoinCounts(Shown):
    """Joins of equal labels, and of different ones.

    Attributes
    ----------
    variable : str
    frame : DataFrame
        One row per label ("a:a") and one for all joins of different labels ("different"): count, expected, sd, z,
        p_rand (moments without replacement), p_sim.
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

    def __str__(self) -> str:
        rows = [
            [r["joins"], f"{r['count']:g}", *(_show.number(r[c]) for c in ("expected", "sd", "z"))]
            + [_show.p_text(r[c]) for c in ("p_rand", "p_sim")]
            for r in self.frame.to_dict("records")
        ]
        head = f"Join counts of {self.variable!r}: {self.n:,} units; weights {self.weights}"
        table = _show.table(("joins", "count", "expected", "sd", "z", "p", "p (perm.)"), rows)
        foot = f"null: {self.null}; {self.alternative}; {self.permutations:,} permutations, seed {self.seed}"
        return "\n".join([head, table, foot, *self.notes])


def join_counts(
    y, w, *, permutations=999, alternative="two-sided", seed=_input.DEFAULT_SEED, missing="error"
) -> JoinCounts:
    r"""Join counts of two or more labels.

    .. math:: J_{aa} = \tfrac12 \sum_{ij} w_{ij} [y_i = a][y_j = a], \qquad
              J_{\ne} = \tfrac12 \sum_{ij} w_{ij} [y_i \ne y_j]

    Cliff and Ord (1981), section 1.4; moments for sampling without replacement. The moments of different joins
    are given for two labels; the permutations serve any number.

    Parameters
    ----------
    y : Series or array of length n, with two or more labels of any type
    w, permutations, alternative, seed, missing
        As `moran`.

    Raises
    ------
    SpatialInputError
        As `moran`; E204 when there is one label only.

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
    codes, labels = _codes(y)
    field = _input.read([("y", codes)], w, missing=missing)
    csr, links = field.weights.csr, _moments.link_sums(field.weights.csr)
    is_label = (field.values[0] == np.arange(len(labels))[:, None]).astype(float)
    counts = np.einsum("kn,kn->k", is_label, (csr @ is_label.T).T) / 2
    simulated = _null.permuted_sums(is_label, csr, permutations, seed)[0] / 2
    moments = [tuple(m / s for m, s in zip(_moments.quadratic(links, len(x), x), (2, 4))) for x in is_label]
    if len(labels) == 2:  # s = 1 and -1: s'Ws = S0 - 4 x joins of different labels
        mean, variance = _moments.quadratic(links, field.weights.n, 2 * is_label[0] - 1)
        moments.append(((links.s0 - mean) / 4, variance / 16))
    else:
        moments.append((links.s0 / 2 - sum(mean for mean, _ in moments), np.nan))
    counts = np.append(counts, links.s0 / 2 - counts.sum())
    simulated = np.vstack([simulated, links.s0 / 2 - simulated.sum(axis=0)])
    rows = []
    for name, count, draws, (mean, variance) in zip(
        [*(f"{label}:{label}" for label in labels), "different"], counts, simulated, moments
    ):
        sd = np.sqrt(variance) if variance > 1e-13 * mean**2 else np.nan
        z = (count - mean) / sd
        p_sim = _null.pseudo_p(count, draws, alternative)
        rows.append([name, count, mean, sd, z, _null.normal_p(z, alternative), np.nan if p_sim is None else p_sim])
    frame = pd.DataFrame(rows, columns=["joins", "count", "expected", "sd", "z", "p_rand", "p_sim"])
    described = field.weights.describe()
    return JoinCounts(field.names[0], frame, permutations, seed, field.weights.n, alternative, described, field.notes)


def local_join_counts(
    y,
    w,
    *,
    permutations=None,
    alternative="two-sided",
    significance=0.05,
    correction="none",
    seed=_input.DEFAULT_SEED,
    missing="error",
) -> _local.LocalStatistic:
    r"""Local join counts of a 0/1 variable: for each unit with 1, its neighbours with 1.

    .. math:: J_i = y_i \sum_j w_{ij} y_j

    Anselin and Li (2019). Units with 0 count 0 and have no test. Parameters and result as `local_moran`; clusters
    "Joined" (more neighbours with 1 than by chance) and "Alone" (fewer).

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
    _local.check(permutations, seed, alternative, significance, correction)
    field = _input.read([("y", y)], w, missing=missing)
    permutations = _conditional.enough(field.weights.csr, permutations)
    options = {"permutations": permutations, "alternative": alternative, "seed": seed}
    options |= {"significance": significance, "correction": correction}
    x, csr = field.values[0], field.weights.csr
    if not np.isin(x, (0, 1)).all():
        other = ~np.isin(x, (0, 1))
        message = f"column {field.names[0]!r} must hold 0 and 1, got {x[other][0]:g}"
        raise SpatialInputError("E203", message, column=field.names[0], ids=list(field.ids[other]))
    lag = csr @ x
    mean, variance = _conditional.lag_moments(x, csr)
    above, below = _conditional.lag_counts(x, csr, permutations, seed)
    sd = np.sqrt(variance)
    return _local.answer(
        field,
        (x * lag, mean, sd),
        _local.ratio(lag - mean, sd),
        _local.permuted_p(above, below, options),
        np.where(lag > mean, 0, 1),
        names=("Local join count", "J", field.names[0]),
        classes=CLASSES,
        options=options,
        tested=x == 1,
    )


def _codes(y):
    """Labels as 0, 1, ... (a Series keeps its index, missing stays missing), and the labels."""
    series = y if isinstance(y, pd.Series) else pd.Series(y)
    codes, labels = pd.factorize(series, sort=True)
    codes = pd.Series(np.where(codes < 0, np.nan, codes), index=series.index, name=series.name)
    return (codes if isinstance(y, pd.Series) else codes.to_numpy()), list(labels)
