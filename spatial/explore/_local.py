"""The answer of every local statistic: one row per unit, and what its map may claim."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.show import Shown

from . import _input, _null, _show

NOT_SIGNIFICANT, NO_NEIGHBOURS, NO_DATA = "Not significant", "No neighbours", "No data"
CORRECTIONS = ("none", "fdr", "bonferroni")


@dataclass(frozen=True, eq=False, repr=False)
class LocalStatistic(Shown):
    """A statistic of every unit.

    Attributes
    ----------
    title, symbol, variable : str
    frame : DataFrame, indexed by all units of the weights
        The estimate under its symbol, ``expected``, ``sd``, ``z`` and ``p_norm`` (exact moments given the unit's
        own value), ``p_sim`` (permutations), ``p_fdr`` (Benjamini-Hochberg), for Moran ``quadrant``, and
        ``cluster``. Units without neighbours or without data are NA and labelled so.
    classes : tuple of str
        The clusters this statistic knows.
    significance : float
    correction : {"none", "fdr", "bonferroni"}
    alternative : str
    permutations, seed : int
    weights : str
    notes : tuple of str
    """

    title: str
    symbol: str
    variable: str
    frame: pd.DataFrame
    classes: tuple[str, ...]
    significance: float
    correction: str
    alternative: str
    permutations: int
    seed: int
    weights: str
    notes: tuple[str, ...] = ()
    null: str = "given its own value, a unit's neighbours are drawn at random from all others"

    @property
    def p_values(self) -> pd.Series:
        """Of the permutations, or of the exact moments without permutations; NA where there is no test."""
        return self.frame["p_sim" if self.permutations else "p_norm"]

    @property
    def cutoffs(self) -> dict[str, float]:
        """The largest p-value that is significant under each correction."""
        return {c: cutoff(self.p_values.dropna().to_numpy(), self.significance, c) for c in CORRECTIONS}

    @property
    def undecided(self) -> pd.Index:
        """Units so near the cut-off that another seed may decide otherwise (two Monte Carlo standard errors)."""
        p, limit = self.p_values.dropna(), self.cutoffs[self.correction]
        if not self.permutations:
            return p.index[:0]
        sides = 2 if self.alternative == "two-sided" else 1
        error = sides * np.sqrt(p / sides * (1 - p / sides) / self.permutations)
        return p.index[(p - limit).abs() <= 2 * error]

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``: join it to the map by its index."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema, one row per unit."""
        f = self.frame
        return pd.DataFrame(
            {
                "term": f.index,
                "estimate": f[self.symbol].to_numpy(),
                "std_error": f["sd"].to_numpy(),
                "statistic": f["z"].to_numpy(),
                "p_value": self.p_values.to_numpy(),
                "conf_low": math.nan,
                "conf_high": math.nan,
                "measure": self.title,
                "cluster": f["cluster"].astype(str).to_numpy(),
            }
        )

    def plot(self, map, *, kind="cluster", ax=None):
        """Map of the clusters ("cluster") or of the p-values ("significance"); returns the Axes.

        Parameters
        ----------
        map : GeoDataFrame indexed by unit
        kind : {"cluster", "significance"}
        """
        from . import plot

        check_option("kind", kind, ("cluster", "significance"))
        return (plot.cluster_map if kind == "cluster" else plot.significance_map)(self, map, ax=ax)

    def to_file(self, map, path, *, overwrite=False) -> None:
        """Write map and results to a GeoPackage that QGIS opens already coloured.

        Raises
        ------
        SpatialInputError
            E101 when the map lacks units; E601 to E605 for the file.
        """
        from . import files

        files.write_gpkg(self, map, path, overwrite=overwrite)

    def __str__(self) -> str:
        n = len(self.p_values.dropna())
        counts = self.frame["cluster"].value_counts(sort=False)
        rows = [(label, f"{count:,}") for label, count in counts.items() if count]
        limits = self.cutoffs
        rule = {"none": "no correction for many tests", "fdr": "false discovery rate", "bonferroni": "Bonferroni"}
        draws = f"{self.permutations:,} permutations, seed {self.seed}"
        lines = [
            f"{self.title} of {self.variable!r}: {n:,} units tested; weights {self.weights}",
            _show.table(("cluster", "units"), rows),
            f"significant: p <= {limits[self.correction]:.3g} ({rule[self.correction]}, {self.significance:g}); "
            f"cut-offs: FDR {limits['fdr']:.3g}, Bonferroni {limits['bonferroni']:.3g}",
            f"null: {self.null}; {self.alternative}; {draws if self.permutations else 'exact moments, normal'}",
        ]
        if len(self.undecided):
            lines.append(f"{len(self.undecided)} units lie within Monte Carlo error of the cut-off")
        return "\n".join([*lines, *self.notes])


def check(permutations, seed, alternative, significance, correction) -> None:
    """E501 for options that cannot be meant."""
    _input.check_draws(0 if permutations is None else permutations, seed, alternative)
    check_option("correction", correction, CORRECTIONS)
    if not 0 < significance < 1:
        raise SpatialInputError("E501", f"significance={significance!r}: a number between 0 and 1 is expected")


def answer(
    field, statistic, z, p_sim, cluster, *, names, classes, options, tested=None, has_quadrants=False
) -> LocalStatistic:
    """Put the numbers of the used units into a frame of all units.

    Parameters
    ----------
    statistic : (estimate, expected, sd), ndarrays of shape (n,)
    z, p_sim : ndarray, shape (n,); p_sim None without permutations
    cluster : ndarray of int, shape (n,)
        Which of ``classes`` each unit is if it is significant.
    names : (title, symbol, variable)
    options : dict of permutations, alternative, seed, significance, correction
    tested : ndarray of bool, optional
        Units that have a test; those with neighbours by default.
    has_quadrants : bool
        The classes are also shown whether significant or not.
    """
    csr = field.weights.csr
    linked = np.diff(csr.indptr) > 0
    tested = linked if tested is None else tested & linked
    estimate, expected, sd = (np.where(linked, part, np.nan) for part in statistic)
    z = np.where(tested, z, np.nan)
    columns = {names[1]: estimate, "expected": expected, "sd": sd, "z": z}
    columns["p_norm"] = normal_p(z, options["alternative"])
    columns["p_sim"] = np.full(len(z), np.nan) if p_sim is None else np.where(tested, p_sim, np.nan)
    p = columns["p_norm"] if p_sim is None else columns["p_sim"]
    columns["p_fdr"] = adjusted(p)
    limit = cutoff(p[~np.isnan(p)], options["significance"], options["correction"])
    frame = pd.DataFrame(columns, index=field.ids)
    frame = frame if field.used.all() else frame.reindex(field.all_ids)
    levels = [*classes, NOT_SIGNIFICANT, NO_NEIGHBOURS, NO_DATA]
    labels = np.where(p <= limit, cluster, levels.index(NOT_SIGNIFICANT))  # NaN compares false
    labels = np.where(linked, labels, levels.index(NO_NEIGHBOURS))
    if has_quadrants:
        frame["quadrant"] = _categories(field, np.where(linked, cluster, -1), classes, -1)
    frame["cluster"] = _categories(field, labels, levels, levels.index(NO_DATA))
    return LocalStatistic(*names, frame, tuple(classes), weights=field.weights.describe(), notes=field.notes, **options)


def _categories(field, codes, labels, otherwise: int) -> pd.Categorical:
    """Codes of the used units as labels of all units."""
    everywhere = np.full(len(field.all_ids), otherwise)
    everywhere[field.used] = codes
    return pd.Categorical.from_codes(everywhere, categories=list(labels))


def cutoff(p: np.ndarray, significance: float, correction: str) -> float:
    """Largest p-value that counts as significant; 0 when the false discovery rate allows none."""
    if correction == "none" or not len(p):
        return significance
    if correction == "bonferroni":
        return significance / len(p)
    ranked = np.sort(p)
    allowed = np.arange(1, len(p) + 1) * significance / len(p)
    passed = np.flatnonzero(ranked <= allowed)
    return float(allowed[passed[-1]]) if len(passed) else 0.0


def adjusted(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg (1995): the false discovery rate at which each unit becomes significant."""
    result = np.full(len(p), np.nan)
    valid = np.flatnonzero(~np.isnan(p))
    order = valid[np.argsort(p[valid], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result


def normal_p(z: np.ndarray, alternative: str) -> np.ndarray:
    """`_null.normal_p` for arrays."""
    from scipy.special import ndtr

    if alternative == "two-sided":
        return 2 * ndtr(-np.abs(z))
    return ndtr(-z if alternative == "greater" else z)


def permuted_p(above, below, options) -> np.ndarray | None:
    """Permutation p-values, or None when there are no permutations."""
    if not options["permutations"]:
        return None
    return _null.p_from_counts(above, below, options["permutations"], options["alternative"])


def ratio(excess: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """z-scores; NaN where the reference distribution is a single value."""
    return np.divide(excess, sd, out=np.full(len(sd), np.nan), where=sd > 0)
