"""Heads of a report's tables: what stands above a column, and what its numbers are, in words."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.language import head, stored

# Column of a frame: (its head in the report, what it is). The catalogue is collected from here.
HEADS: dict[str, tuple[str, str]] = {
    "term": ("term", "regressor; W: before it is its average over a unit's neighbors"),
    "variable": ("variable", "column that is described"),
    "effect": ("effect", "direct: on the unit's own outcome; indirect: of all others on it; total: their sum"),
    "estimate": ("estimate", "estimated value, in units of the formula"),
    "std_error": ("std. error", "standard error of the estimate"),
    "statistic": ("statistic", "test statistic: estimate over standard error, or that of the test named in the row"),
    "df": ("df", "degrees of freedom"),
    "p_value": ("p", "probability of a statistic at least as extreme if the null hypothesis holds"),
    "null": ("null", "hypothesis that is tested"),
    "conf_low": ("low", "lower end of the interval, 95 % unless the table says another level"),
    "conf_high": ("high", "upper end of the interval"),
    "weights": ("weights", "weight matrix W under which the row was estimated"),
    "W": ("W", "name of the weight matrix"),
    "what it is": ("what it is", "how the weights were built and standardised"),
    "links": ("links", "pairs of neighbors with a weight that is not zero"),
    "per unit": ("per unit", "neighbors of a unit on average"),
    "range": ("range", "fewest and most neighbors of a unit"),
    "islands": ("islands", "units without a neighbor"),
    "components": ("components", "parts of the map that no link connects"),
    "rho": ("rho", "coefficient of the outcome's spatial lag: how strongly neighbors' outcomes carry over"),
    "sigma2": ("sigma2", "variance of the errors"),
    "loglik": ("log-likelihood", "log-likelihood at the estimates; higher fits better"),
    "aic": ("AIC", "Akaike's criterion; lower is better"),
    "bic": ("BIC", "Schwarz's criterion; lower is better"),
    "log_marginal": ("log marginal likelihood", "logarithm of the probability of the data under this W"),
    "probability": ("probability", "posterior probability of this W, all equally likely beforehand"),
    "I": ("I", "Moran's I: correlation of a value with its neighbors' average"),
    "expected": ("expected", "value of I without spatial dependence"),
    "sd": ("std. dev.", "standard deviation of I without spatial dependence"),
    "z": ("z", "I less its expectation, in standard deviations"),
    "p_rand": ("p, randomization", "p from the moments of I when values are shuffled over the map"),
    "p_sim": ("p, permutations", "p from random permutations of the values over the map"),
    "cluster": ("cluster", "high or low unit among high or low neighbors, where it is significant"),
    "response": ("response", "change of the unit's outcome, in units of the formula"),
    "name": ("name", "what the unit is called"),
    "group": ("group", "group of units or of indicators"),
    "groups": ("groups", "groups whose effects are compared"),
    "units": ("units", "number of units"),
    "indicator": ("indicator", "column that enters the index"),
    "direction": ("direction", "+ where more is better, - where less is"),
    "within": ("within", "part within groups; of an index the weight within its group"),
    "group_weight": ("group weight", "weight of the group in the index"),
    "weight": ("weight", "weight in the index"),
    "between": ("between", "part between groups"),
    "transvariation": ("overlap", "part from groups that overlap (Dagum's transvariation)"),
    "gini": ("Gini", "Gini coefficient: 0 equality, 1 all in one unit"),
    "theil": ("Theil", "Theil index: 0 equality"),
    "growth a period": ("growth a period", "average growth rate a period; 0.01 is 1 %"),
    "test": ("test", "test, or the group that is tested"),
    "speed": ("speed", "speed of convergence: share of the gap closed in a period"),
    "speed_error": ("std. error of the speed", "standard error of the speed"),
    "half_life": ("half-life", "periods until half of the gap is closed"),
    "neighbors": ("neighbors", "class of the neighbors' average"),
    "from": ("from", "class at the beginning of a period"),
    "moves": ("moves", "number of moves that began in this class"),
    "path": ("path", "mediated: through the mediator; unmediated: past it"),
    "number": ("number", "number of the threshold"),
    "threshold": ("threshold", "value at which the effect changes"),
    "F": ("F", "F statistic of no threshold"),
    "critical_10": ("critical 10 %", "value that F exceeds with probability 10 % if there is no threshold"),
    "critical_5": ("critical 5 %", "the same with probability 5 %"),
    "critical_1": ("critical 1 %", "the same with probability 1 %"),
    "change": ("change", "change of the regressor, in units of the formula"),
    "percent": ("per cent", "change of the outcome in per cent"),
    "percent_low": ("per cent, low", "lower end of its interval"),
    "percent_high": ("per cent, high", "upper end of its interval"),
    "share": ("share", "part of the whole"),
    "n": ("n", "number of observations averaged over"),
    "period": ("period", "period, counted from the adoption of the policy where there is one"),
    "reference": ("reference", "period that the others are compared with"),
    "variant": ("variant", "what was changed"),
    "lambda": ("lambda", "coefficient of the errors' spatial lag"),
    "model": ("model", "spatial model"),
    "head": ("head", "what stands above a column"),
    "meaning": ("meaning", "what its numbers are"),
    "observed": ("observed", "value of the outcome that was observed"),
    "error": ("error", "observed value less its forecast"),
    "r2_within": ("R2 within", "share of the variance over time within units that the regressors explain"),
}
WORDED = ("effect", "cluster", "null", "path", "neighbors", "what it is", "range", "section")


def head_of(column) -> str:
    """What stands above a column of a frame; names of the data stay as they are."""
    name = str(column)
    return head(HEADS[name][0]) if name in HEADS else stored(name)


def meanings(columns: Iterable[str]) -> list[tuple[str, str]]:
    """(head, what it is) of those of the columns that have words of their own, in the order of ``HEADS``."""
    there = set(map(str, columns))
    return [(head(text), stored(meaning)) for column, (text, meaning) in HEADS.items() if column in there]
