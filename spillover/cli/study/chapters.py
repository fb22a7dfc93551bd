"""The steps a study can take, in the order of the report; each is one function.

A step is called as ``step(question, found, **options)`` with ``found`` the chapters before it, and returns its
``Chapter``. Its keyword-only arguments are the options that its table in a study file may set.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from spillover.errors import SpatialInputError

from .keys import REQUIRED, examples, of_step
from .kinds import check_kind, check_kinds

STEPS = {
    "columns": "before",
    "growth": "before",
    "gaps": "before",
    "weights": "basics",
    "moran": "basics",
    "lisa": "clusters",
    "tests": "basics",
    "model": "basics",
    "outcome": "basics",
    "effects": "spillovers",
    "shock": "spillovers",
    "slopes": "margins",
    "predictions": "margins",
    "by_weights": "spillovers",
    "instruments": "moments",
    "robustness": "robust",
    "dynamics": "extensions",
    "forecast": "margins",
    "heterogeneity": "extensions",
    "moderation": "extensions",
    "policy": "policies",
    "exposure": "exposure",
    "mechanism": "policies",
    "threshold": "policies",
    "what_if": "policies",
}
ALWAYS = ("weights", "model", "effects")


def function(step: str) -> Callable:
    """The step's function."""
    return getattr(import_module(f"{__package__}.{STEPS[step]}"), step)


def in_order(question) -> dict[str, dict]:
    """The steps wanted and those always taken, as the report has them."""
    wanted = {*question.steps, *ALWAYS, "outcome", *["columns"] * bool(question.computed)}
    return {name: question.steps.get(name, {}) for name in STEPS if name in wanted}


def check_step(step: str, options: dict) -> None:
    """Refuse an option that the step does not have or cannot take, and ask for one that it needs.

    Raises
    ------
    SpatialInputError
        E501.
    """
    check_kind(f"[{step}]", options, dict)
    allowed = of_step(function(step))
    for name in options:
        if name not in allowed:
            listed = ", ".join(allowed) or "none"
            raise SpatialInputError("E501", f"[{step}] has no option {name!r}", hint=f"its options: {listed}")
    missing = [name for name, key in allowed.items() if key.default == REQUIRED and options.get(name, []) == []]
    if missing:
        example = examples().get(f"steps.{step}", {}).get(missing[0], f"{missing[0]} = ...")
        raise SpatialInputError("E501", f"[{step}] needs {', '.join(missing)}", hint=f"write {example} in it")
    check_kinds(f"[{step}]", options, function(step))
