"""Effects of regions in every period behind ``|``: what ``period_by`` says otherwise."""

from __future__ import annotations

from spillover.errors import SpatialInputError


def regions_of_periods(formula: str, time, period_by):
    """``| unit + year + region^year`` is ``period_by="region"``: that column, or ``period_by`` as it is.

    Raises
    ------
    SpatialInputError
        E504 a way of more columns than one beside the period, several such ways, or another ``period_by``.

    Examples
    --------
    >>> regions_of_periods("y ~ d | unit + year + region^year", None, None)
    'region'
    """
    behind = formula.rpartition("|")[2].split("+") if isinstance(formula, str) and "|" in formula else []
    names = [name.strip() for name in behind]
    ways = [[one.strip().strip("`") for one in name.split("^")] for name in names if "^" in name]
    if not ways:
        return period_by
    plain = [name.strip("`") for name in names if "^" not in name]
    period = time if time is not None else plain[-1] if plain else None
    others = [name for name in ways[0] if name != period]
    if len(ways) > 1 or len(ways[0]) != 2 or len(others) != 1 or period_by not in (None, others[0]):
        raise SpatialInputError("E504", "difference-in-differences takes one way of effects beside unit and period, of "
                                f"groups of units in every period, got {' + '.join(names)!r}",
                                hint="y ~ d | unit + year + region^year, or period_by='region'")  # fmt: skip
    return others[0]
