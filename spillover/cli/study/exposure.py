"""A policy that reaches the neighbors, by imputation: effects on the treated and on those exposed."""

from __future__ import annotations

from typing import Any

import spatial as sp
from spatial.plot.exposure import exposure_paths
from spatial.policy.exposure_parts import ON_UNTREATED, OWN
from spatial.report.html import Figure, Table
from spatial.report.words import estimate, is_log, plain, who
from spillover.errors import SpatialInputError
from spillover.language import phrase, semicolons, stored

from .policies import with_first
from .question import Chapter, Question


def exposure(
    q: Question, chapters: dict, *, treatment: str, exposure: str = "any", unimputable: str = "error",
    window: list[int] | None = None
) -> Chapter:  # fmt: skip
    """Effect paths of the own policy and of the neighbors' under the leading W, which may differ between units.

    Parameters
    ----------
    treatment : text
        A column: 0 before, 1 from the first treated period on.
    exposure : text
        What is made of the neighbors' policy: "any", "share" or "count".
    unimputable : text
        Effects that no untreated and unexposed observation identifies: "error", or "drop", which names them.
    window : list of whole numbers
        First and last time of the paths, since adoption or first exposure.
    """
    keys: dict[str, Any] = {"window": tuple(window)} if window else {}
    result = sp.exposure_did(with_first(q.formula, treatment), q.panel, q.leading, treatment=treatment,
                             entity=q.entity, time=q.time, exposure=exposure, unimputable=unimputable,
                             missing=q.options.get("missing", "error"), **keys)  # fmt: skip
    name = q.name(treatment)
    rows, percent = result.table.set_index("term"), is_log(result.response)
    answer = (
        phrase("{policy} changed {outcome} of those that adopted it while no neighbor had by {own}; of untreated "
               "units with neighbors that had adopted it by {others}.", policy=name,
               outcome=plain(result.response, q.name), own=estimate(rows.loc[OWN], percent=percent),
               others=estimate(rows.loc[ON_UNTREATED], percent=percent)),
    )  # fmt: skip
    tables = {
        "exposure": Table(result.table, phrase("Own effects and spillovers, by imputation")),
        "exposure_levels": Table(result.levels, phrase("Effects by exposure to the neighbors' policy")),
        "exposure_paths": Table(result.path, phrase("Effects by time since adoption or first exposure")),
    }
    if len(result.dropped):
        tables["exposure_dropped"] = Table(result.dropped, phrase("Effects that cannot be imputed"))
    drawn = Figure(exposure_paths(result), phrase("Effects by time since adoption or first exposure"),
                   phrase("Points and intervals by period"))  # fmt: skip
    try:
        before: tuple[str, ...] = (str(result.pretrends),)
    except SpatialInputError:
        before = ()
    return Chapter(phrase("What {policy} did at home and next door", policy=name), result,
                   (*answer, *before, *who(result)), tables, {"exposure_paths": drawn},
                   semicolons(map(stored, result.notes)), answer=answer)  # fmt: skip
