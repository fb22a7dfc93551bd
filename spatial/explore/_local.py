"""Local statistics: the door that all of them share, and the table of their answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.provenance import made_from
from spillover.show import Shown, ask

from . import _conditional, _draws, _input, _null

if TYPE_CHECKING:
    import folium

    from spillover.types import Map, PathLike

NOT_SIGNIFICANT, NO_NEIGHBORS, NO_DATA = "Not significant", "No neighbors", "No data"
CORRECTIONS = ("none", "fdr", "bonferroni")


@dataclass(frozen=True)
class LocalTest:
    """How local statistics are tested."""

    alternative: str
    significance: float
    correction: str
    seed: int


@dataclass(frozen=True)
class PlannedTest(LocalTest):
    """With the permutations that the weights and the correction need."""

    draws: _draws.Draws


@dataclass(frozen=True, eq=False, repr=False)
class LocalStatistic(Shown):
    """A statistic of every unit.

    Attributes
    ----------
    title, symbol, variable : str
    frame : DataFrame, indexed by all units of the weights
        The estimate under its symbol, ``expected``, ``sd``, ``z`` and ``p_norm`` (exact moments given the unit's
        own value), ``p_sim`` (permutations), ``p_fdr`` (Benjamini-Hochberg), for Moran ``quadrant``, and
        ``cluster``. Units without neighbors or without data are NA and labelled so.
    values : DataFrame, the same index
        The variables that were analysed.
    classes : tuple of str
        The clusters this statistic knows.
    significance : float
    correction : {"none", "fdr", "bonferroni"}
    alternative : str
    permutations, seed : int
    draws : ndarray of int, shape (units tested,)
        Permutations that each tested unit met: more where a correction needs them.
    weights : str
    notes : tuple of str
    """

    title: str
    symbol: str
    variable: str
    frame: pd.DataFrame
    values: pd.DataFrame
    classes: tuple[str, ...]
    significance: float
    correction: str
    alternative: str
    permutations: int
    seed: int
    draws: np.ndarray = field(metadata={"shape": "(tested,)"})
    weights: str
    notes: tuple[str, ...] = ()
    shapes: object = field(default=None, repr=False)  # a GeoSeries by unit, where the data came with one
    null: str = "given its own value, a unit's neighbors are drawn at random from all others"

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
        error = sides * np.sqrt(p / sides * (1 - p / sides) / self.draws)
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

    def to_file(self, map: Map, path: PathLike, *, overwrite: bool = False) -> None:
        """Write map and results: a GeoPackage that QGIS opens already coloured, or GeoJSON with a color per unit.

        Parameters
        ----------
        map : GeoDataFrame indexed by unit
        path : path that ends in .gpkg, .geojson or .json

        Raises
        ------
        SpatialInputError
            E101 when the map lacks units; E501 for another suffix; E601 to E605 for the file.
        """
        ask("save", self, map, path, overwrite=overwrite)

    def explore(self, map: Map | None = None, **options: Any) -> folium.Map:
        """The cluster map as a web page to zoom into; returns geopandas' folium map.

        Parameters
        ----------
        map : GeoDataFrame indexed by unit, optional
            May be left out where the data were one.
        **options
            For ``GeoDataFrame.explore``, such as ``tiles``.

        Raises
        ------
        SpatialInputError
            E101 when the map lacks units; E515 when folium is not installed.
        """
        return ask("explore", self, map, **options)


def read(variables, w, *, data, align, missing, permutations, test: LocalTest, always_links=False, **how):
    """Variables and weights, and the test with as many permutations as these weights and its correction need.

    Returns
    -------
    field : Field
    test : PlannedTest
    """
    check(permutations, test)
    field = _input.read(variables, w, data=data, align=align, missing=missing, **how)
    csr = _conditional.clean(field.weights.csr)
    equal = _conditional.equal_weight(csr) is not None
    options = {"significance": test.significance, "correction": test.correction, "alternative": test.alternative}
    draws = _draws.plan(csr, equal, permutations, always_links=always_links, **options)
    planned = PlannedTest(test.alternative, test.significance, test.correction, test.seed, draws)
    return replace(field, notes=field.notes + draws.notes), planned


def check(permutations, test: LocalTest) -> None:
    """E501 for options that cannot be meant."""
    _input.check_draws(0 if permutations is None else permutations, test.seed, test.alternative)
    check_option("correction", test.correction, CORRECTIONS)
    if not 0 < test.significance < 1:
        raise SpatialInputError("E501", f"significance={test.significance!r}: a number between 0 and 1 is expected",
                                hint="give a share such as 0.05")


def answer(
    field, statistic, z, counts, cluster, *, names, classes, test, tested=None, has_quadrants=False
) -> LocalStatistic:
    """Put the numbers of the used units into a frame of all units.

    Parameters
    ----------
    statistic : (estimate, expected, sd), ndarrays of shape (n,)
    z : ndarray, shape (n,)
    counts : Counts
    cluster : ndarray of int, shape (n,)
        Which of ``classes`` each unit is if it is significant.
    names : (title, symbol, variable)
    test : PlannedTest
    tested : ndarray of bool, optional
        Units that have a test; those with neighbors by default.
    has_quadrants : bool
        The classes are also shown whether significant or not.
    """
    linked = np.diff(field.weights.csr.indptr) > 0
    tested = (linked if tested is None else tested & linked) & np.isfinite(statistic[0])
    estimate, expected, sd = (np.where(linked, part, np.nan) for part in statistic)
    z = np.where(tested, z, np.nan)
    columns = {names[1]: estimate, "expected": expected, "sd": sd, "z": z}
    columns["p_norm"] = normal_p(z, test.alternative)
    columns["p_sim"] = np.where(tested, permuted_p(counts, test), np.nan)
    p = columns["p_sim"] if test.draws.first else columns["p_norm"]
    columns["p_fdr"] = adjusted(p)
    limit = cutoff(p[~np.isnan(p)], test.significance, test.correction)
    frame = pd.DataFrame(columns, index=field.ids)
    frame = frame if field.used.all() else frame.reindex(field.all_ids)
    levels = [*classes, NOT_SIGNIFICANT, NO_NEIGHBORS, NO_DATA]
    labels = np.where(p <= limit, cluster, levels.index(NOT_SIGNIFICANT))  # NaN compares false
    labels = np.where(linked, labels, levels.index(NO_NEIGHBORS))
    if has_quadrants:
        frame["quadrant"] = _categories(field, np.where(linked, cluster, -1), classes, -1)
    frame["cluster"] = _categories(field, labels, levels, levels.index(NO_DATA))
    values = pd.DataFrame(dict(zip(field.names, field.values)), index=field.ids).reindex(field.all_ids)
    title, symbol, variable = names
    result = LocalStatistic(
        title,
        symbol,
        variable,
        frame,
        values,
        tuple(classes),
        significance=test.significance,
        correction=test.correction,
        alternative=test.alternative,
        permutations=test.draws.first,
        seed=test.seed,
        draws=counts.permutations[~np.isnan(p)],
        weights=field.weights.header(),
        notes=field.notes,
        shapes=field.shapes,
    )
    return made_from(result, field)


def _categories(field, codes, labels, otherwise: int) -> pd.Categorical:
    """Codes of the used units as labels of all units."""
    everywhere = np.full(len(field.all_ids), otherwise, dtype=np.int64)
    everywhere[field.used] = codes
    return pd.Categorical.from_codes(everywhere, categories=pd.Index(labels))


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


def permuted_p(counts: _conditional.Counts, test: PlannedTest):
    """Permutation p-values; NaN when there are no permutations."""
    if not test.draws.first:
        return np.nan
    return _null.p_from_counts(counts.above, counts.below, counts.permutations, test.alternative)


def ratio(excess: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """z-scores; NaN where the reference distribution is a single value."""
    return np.divide(excess, sd, out=np.full(len(sd), np.nan), where=sd > 0)
