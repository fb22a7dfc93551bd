"""Make docs/together.md: which models, data and options go together, tried one by one, and why the others do not.

    python docs/build_together.py

Every model with every shape, and with every pair of shapes, is estimated on a small panel, with effects. What is
refused (and how: an error with a code) needs a reason in together.toml; a reason for what is not refused is an error
too.
"""

from __future__ import annotations

import tomllib
import warnings
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

HERE = Path(__file__).parent
MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")
SIDE, PERIODS = 5, 8
HEAD = """# What goes together

Made by `python docs/build_together.py`, which tries all of it: the {models} models with each of {shapes} shapes
of data and options and with each pair of them, without those that contradict each other. In the spatial Durbin model
an estimate and its effects come out of {taken} of {pairs} pairs, in all models of {taken_of_all} of {all}. The others
end in an error that names the two and the way round. Why is said below: {meaning} of the Durbin model's mean nothing
together, of {proof} there is a proof, of {measured} a measurement that says that nothing is missing{open}.
"""


@dataclass(frozen=True)
class Shape:
    """One thing that data or options can be: what it sets, by name."""

    label: str
    sets: dict = field(default_factory=dict)


SHAPES = (
    Shape("no effects", {"effects": "none"}),
    Shape("unit effects", {"effects": "entity"}),
    Shape("period effects", {"effects": "time"}),
    Shape("two-way effects", {"effects": "twoway"}),
    Shape("random effects", {"effects": "random"}),
    Shape("correlated random effects", {"effects": "correlated"}),
    Shape("further effects", {"effects": " | id + year + region^year"}),
    Shape("gaps", {"data": "gaps", "missing": "period"}),
    Shape("outcomes not observed", {"data": "unseen", "missing": "model"}),
    Shape("W that moves", {"w": "moving"}),
    Shape("uneven W", {"w": "uneven"}),
    Shape("two W", {"w": "two"}),
    Shape("W by regressor", {"durbin": "own"}),
    Shape("W^2 X", {"wx_order": 2}),
    Shape("lags of y", {"lags": "both"}),
    Shape("serial errors", {"serial": "ar1"}),
    Shape("regimes", {"regimes": "half"}),
    Shape("regimes of rho", {"regimes": "rho"}),
    Shape("endogenous", {"endog": ["e"], "instruments": ["q"], "method": "gmm", "formula": "y ~ x + e"}),
    Shape("moments", {"method": "gmm"}),
    Shape("past as instruments", {"method": "past", "lags": "y"}),
    Shape("reml", {"method": "reml"}),
    Shape("aqs", {"method": "aqs"}),
    Shape("weights of observations", {"obs_weights": "people"}),
    Shape("offset", {"formula": "y ~ x + z + offset(q)"}),
    Shape("robust", {"vcov": "robust"}),
    Shape("cluster", {"vcov": "cluster"}),
    Shape("Driscoll-Kraay", {"vcov": "driscoll_kraay"}),
)


@cache
def example() -> tuple[dict[str, pd.DataFrame], dict[str, object]]:
    """Small panels by name, and weights by name."""
    rng, n = np.random.default_rng(7), SIDE**2
    ids = [f"u{i:02d}" for i in range(n)]
    at = np.array([(i, j) for i in range(SIDE) for j in range(SIDE)], float)
    apart = np.abs(at[:, None] - at).max(axis=2)
    near, far = (apart == 1).astype(float), (apart == 2).astype(float)
    alone = near.copy()
    alone[-1] = alone[:, -1] = 0.0
    one, other, uneven = (wt.from_dense(A, ids=ids).standardize("row") for A in (near, far, alone))
    years = range(2000, 2000 + PERIODS)
    moving = wt.temporal({year: one if year % 2 else wt.from_dense(near + far / 2, ids=ids).standardize("row")
                           for year in years})  # fmt: skip
    x, z, q, error = rng.normal(size=(4, PERIODS, n))
    e = q + error / 2 + rng.normal(size=(PERIODS, n)) / 2
    W, unit, y, before = one.csr, rng.normal(size=n) / 2, np.empty((PERIODS, n)), np.zeros(n)
    for t in range(PERIODS):
        right = 2 * x[t] + W @ x[t] - z[t] + e[t] + unit + before / 4 + error[t] / 4
        y[t] = before = np.linalg.solve(np.eye(n) - 0.3 * W.toarray(), right)
    frame = pd.DataFrame({"id": np.tile(ids, PERIODS), "year": np.repeat(years, n)})
    for name, values in {"y": y, "x": x, "z": z, "q": q, "e": e}.items():
        frame[name] = values.ravel()
    place = np.tile(np.arange(n), PERIODS)
    frame["region"], frame["half"] = np.array(["a", "b", "c"])[place % 3], np.where(place < n // 2, "north", "south")
    frame["people"] = rng.uniform(1, 2, size=n)[place]
    unseen = frame.copy()
    unseen.loc[[3, 40, 77, 150], "y"] = np.nan
    gaps = frame.drop([3, 4, 40, 77, 78, 102, 127, 150])
    return {"whole": frame, "gaps": gaps, "unseen": unseen}, {"one": one, "moving": moving, "uneven": uneven,
                                                              "two": [one, other], "other": other}  # fmt: skip


def refusal(model: str, *shapes: Shape) -> str:
    """The code with which this is refused; nothing where an estimate and its effects come out."""
    frames, weights = example()
    sets: dict = {}
    for shape in shapes:
        sets |= shape.sets
    data, w = frames[sets.pop("data", "whole")], weights[sets.pop("w", "one")]
    formula, effects = sets.pop("formula", "y ~ x + z"), sets.pop("effects", "twoway")
    if effects.startswith(" |"):
        formula += effects
    else:
        sets["effects"] = effects
    if "regimes" in sets and sets["regimes"] == "rho":
        spatial = {"lam": True} if model in ("sem", "sdem") else {"rho": True}
        sets["regimes"] = sp.Regimes("half", **spatial)
    if sets.get("durbin") == "own":
        sets["durbin"] = {"x": weights["other"]}
    if sets.get("method") == "past":
        sets["method"] = sp.ArellanoBond()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(sp, model)(formula, data, w, entity="id", time="year", **sets).effects().tidy()
        except SpatialInputError as error:
            return "" if error.code in ("E701", "E713") else error.code  # these two are of the few data here
        except TypeError as error:
            if "unexpected keyword" in str(error):
                return "no such option"
            raise
    return ""


def contradict(a: Shape, b: Shape) -> bool:
    """Whether both set one thing to different values."""
    return any(b.sets[name] != value for name, value in a.sets.items() if name in b.sets)


def pairs() -> list[tuple[Shape, Shape]]:
    return [(a, b) for a, b in combinations(SHAPES, 2) if not contradict(a, b)]


def reasons() -> list[dict]:
    """Each with ``kind``, ``why``, and what it is the reason of: ``pairs`` ("a + b") and ``models`` ("sac: aqs")."""
    return tomllib.loads((HERE / "together.toml").read_text(encoding="utf-8"))["reason"]


def key(a: Shape, b: Shape) -> str:
    return f"{a.label} + {b.label}"


def by_subject() -> dict[str, int]:
    """The number of the reason for each pair, each model with a shape, and each model with a pair that goes in the
    Durbin model; "sem, gns: gaps" is both."""
    numbered: dict[str, int] = {}
    for number, reason in enumerate(reasons(), 1):
        for entry in (*reason.get("pairs", ()), *reason.get("models", ())):
            models, _, what = entry.rpartition(": ")
            for subject in [f"{model}: {what}" for model in models.split(", ")] if models else [what]:
                if subject in numbered:
                    raise ValueError(f"{subject!r} has two reasons")
                numbered[subject] = number
    return numbered


def listed(number: int, reason: dict) -> str:
    """A reason as an item of the page's list, its words on one line."""
    kind = {"meaning": "By meaning", "proof": "Proof", "measured": "Measured", "not built": "Not built"}[reason["kind"]]
    return f"{number}. *{kind}.* {' '.join(reason['why'].split())}"


def tried() -> tuple[dict[str, str], dict[str, str]]:
    """The refusals of each model with a shape, and with each pair of shapes that it has: "sdm: a + b"."""
    single = {f"{m}: {s.label}": refusal(m, s) for s in SHAPES for m in MODELS}
    both = {f"{m}: {key(a, b)}": refusal(m, a, b) for m in MODELS for a, b in pairs()
            if not (single[f"{m}: {a.label}"] or single[f"{m}: {b.label}"])}  # fmt: skip
    return single, both


def others(both: dict[str, str], cell) -> list[str]:
    """Rows of the pairs that another model takes or refuses unlike the Durbin model."""
    rows = []
    for pair in (key(a, b) for a, b in pairs()):
        here, differ = f"sdm: {pair}", {}
        for model in MODELS:
            code = both.get(f"{model}: {pair}", both[here])
            if bool(code) != bool(both[here]):
                differ.setdefault(cell(f"{model}: {pair}", code), []).append(model)
        if differ:
            words = "; ".join(f"{word} in {', '.join(models)}" for word, models in differ.items())
            rows.append(f"| {pair} | {words} |")
    return rows


def page() -> str:
    """The Markdown page; ValueError where what is refused has no reason, or a reason nothing that is refused."""
    numbered, used, (single, both) = by_subject(), set(), tried()

    def cell(subject: str, code: str) -> str:
        if not code:
            return "yes"
        if subject not in numbered:
            raise ValueError(f"{subject!r} is refused ({code}) and together.toml does not say why")
        used.add(subject)
        return f"[{numbered[subject]}](#reasons)"

    durbin = {key(a, b): both[f"sdm: {key(a, b)}"] for a, b in pairs()}
    of, taken = [reason["kind"] for reason in reasons()], sum(not code for code in durbin.values())
    kinds = [of[numbered[pair] - 1] for pair, code in durbin.items() if code]
    count = {name: kinds.count(name) for name in ("meaning", "proof", "measured")}
    left = kinds.count("not built")
    lines = [HEAD.format(models=len(MODELS), shapes=len(SHAPES), pairs=len(durbin), taken=taken, all=len(both), **count,
                         taken_of_all=sum(not code for code in both.values()),
                         open=f", and {left} are not built" if left else ""),
             "## Models\n", f"| | {' | '.join(MODELS)} |", "|---|" + "---|" * len(MODELS)]  # fmt: skip
    for s in SHAPES:
        row = [cell(name, single[name]) for name in (f"{m}: {s.label}" for m in MODELS)]
        lines.append(f"| {s.label} | {' | '.join(row)} |")
    lines += ["\n## Pairs, in the spatial Durbin model\n", "| | goes with all but |", "|---|---|"]
    for s in SHAPES:
        without = [f"{b.label if s is a else a.label} {cell(key(a, b), durbin[key(a, b)])}"
                   for a, b in pairs() if s in (a, b) and durbin[key(a, b)]]  # fmt: skip
        lines.append(f"| {s.label} | {', '.join(without) or 'none: it goes with all'} |")
    lines += ["\n## Pairs in other models, where they differ from it\n", "| | goes, or does not |", "|---|---|"]
    lines += others(both, cell)
    if idle := sorted(set(numbered) - used):
        raise ValueError(f"together.toml has reasons for what is not refused: {', '.join(idle)}")
    lines += ["\n## Reasons\n", *(listed(number, r) for number, r in enumerate(reasons(), 1))]
    return "\n".join(lines) + "\n"


def main() -> None:
    text = page()
    (HERE / "together.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
