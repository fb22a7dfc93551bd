"""The choice of a model: three written rules on p-values, AICc and probabilities of the models.

Every rule uses the same evidence and reports it in sentences. Edges test a small model within a larger one:

    OLS -> SAR (LM lag), SEM (LM error), SLX (LM WX)        SAR -> SDM, SAC
    SEM -> SDEM, SAC, SDM (common factor)                   SLX -> SDM, SDEM
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LARGER = {
    "OLS": ("SAR", "SEM", "SLX"), "SAR": ("SDM", "SAC"), "SEM": ("SDEM", "SAC", "SDM"), "SLX": ("SDM", "SDEM"),
}  # fmt: skip
ONE_STEP, TWO_STEPS = ("SAR", "SEM", "SLX"), ("SDM", "SDEM", "SAC")
MODELS = ("OLS", *ONE_STEP, *TWO_STEPS)


@dataclass(frozen=True)
class Evidence:
    """The evidence for a rule.

    Attributes
    ----------
    edges : dict of (small, large) to float
        p-values of "the small model is enough"; absent without a maximum or a common likelihood.
    robust : dict
        p-values of the robust LM tests: "lag", "error".
    probabilities : dict of str to float
        Of the models that were estimated.
    aicc : dict of str to float
        Of those whose likelihoods can be compared.
    """

    edges: dict[tuple[str, str], float]
    robust: dict[str, float]
    probabilities: dict[str, float]
    aicc: dict[str, float]

    def against(self, small: str) -> dict[str, float]:
        """p-values of one model against the larger ones that were estimated."""
        return {large: self.edges[small, large] for large in LARGER[small] if (small, large) in self.edges}

    def within(self, large: str) -> dict[str, float]:
        """p-values of the one-step models within a larger one."""
        return {small: p for (small, other), p in self.edges.items() if other == large and small != "OLS"}

    def likeliest(self, names) -> str:
        return max(names, key=lambda name: self.probabilities.get(name, -1.0))

    def least_aicc(self, names) -> str:
        return min(names, key=lambda name: self.aicc.get(name, np.inf))


@dataclass(frozen=True)
class Decision:
    """The model chosen and the path to it, in sentences."""

    choice: str
    steps: tuple[str, ...]


def adjusted(p_values) -> float:
    """Bonferroni's p-value of the hypothesis that all nulls hold: Holm's first step.

    Examples
    --------
    >>> adjusted([0.02, 0.4, 0.9])
    0.06
    """
    values = list(p_values)
    return min(1.0, len(values) * min(values)) if values else 1.0


def specific_to_general(evidence: Evidence, significance: float) -> Decision:
    """OLS where tests allow it; else the least AICc of the models that tests leave.

    1. OLS, unless LM lag, LM error or LM WX rejects it (Bonferroni over the three).
    2. Eligible are those of SAR, SEM and SLX that no larger model rejects, and those of SDM, SDEM and SAC that reject
       every one-step model within them, each test at twice the significance; all six where none is.
    3. Of the eligible models the one with the least AICc; those whose likelihood is of other data (period effects that
       a spatial error carries along, W whose rows do not sum to one) are named.

    At 10 % because of power: with 150 units, rho = .4 and theta half of beta, tests at 5 % keep SAR in half of the
    samples of an SDM, and the rule would end at SAR more often than at the SDM.
    """
    against = evidence.against("OLS")
    steps = [_sentence("OLS", against, significance)]
    if adjusted(against.values()) >= significance:
        return Decision("OLS", tuple(steps))
    level, eligible = min(1.0, 2 * significance), []
    for name in (name for name in ONE_STEP if name in evidence.probabilities):
        against = evidence.against(name)
        steps.append(_sentence(name, against, level, adjust=False))
        if min(against.values(), default=1.0) >= level:
            eligible.append(name)
    larger = [name for name in TWO_STEPS if name in evidence.probabilities]
    needed = [name for name in larger if all(p < level for p in evidence.within(name).values())]
    if needed:
        verb, them = ("rejects", "it") if len(needed) == 1 else ("reject", "them")
        steps.append(f"{_and(needed)} {verb} every one-step model within {them}.")
    eligible = [*eligible, *needed] or [name for name in (*ONE_STEP, *TWO_STEPS) if name in evidence.probabilities]
    choice = evidence.least_aicc(eligible)
    alike = [name for name in eligible if name in evidence.aicc]
    apart = [name for name in eligible if name not in evidence.aicc and name != choice]
    steps.append(f"Of {_and(alike)}, {choice} has the least AICc." if len(alike) > 1 else
                 f"The tests leave {choice}{' and ' * bool(apart)}{_and(apart) if apart else ''}.")  # fmt: skip
    if apart:
        have = "has a likelihood" if len(apart) == 1 else "have likelihoods"
        steps.append(f"{_and(apart)} {have} of other data, which AICc and probabilities do not compare: look at the "
                     "effects of each.")  # fmt: skip
    return Decision(choice, tuple(steps))


def general_to_specific(evidence: Evidence, significance: float) -> Decision:
    """Elhorst (2014, section 2.4 and figure 2.1), from the spatial Durbin model down.

    1. LM lag or LM error rejects OLS: start from the SDM. It reduces to SAR if theta = 0 is not rejected and the robust
       LM tests point to the lag; to SEM if the common factor is not rejected and they point to the error; else SDM.
    2. Neither does: SLX against OLS; if theta = 0 is rejected, the SDM against SLX.
    """
    lag, error = (evidence.edges[("OLS", name)] < significance for name in ("SAR", "SEM"))
    toward = "lag" if evidence.robust["lag"] < evidence.robust["error"] else "error"
    if not (lag or error):
        two = {name: evidence.edges["OLS", name] for name in ("SAR", "SEM")}
        steps = [_sentence("OLS", two, significance, adjust=False)]
        if evidence.edges.get(("OLS", "SLX"), 1.0) >= significance:
            return Decision("OLS", (*steps, "theta = 0 is not rejected in SLX: OLS."))
        if evidence.edges.get(("SLX", "SDM"), 1.0) >= significance:
            return Decision("SLX", (*steps, "theta = 0 is rejected, rho = 0 is not rejected in the SDM: SLX."))
        return Decision("SDM", (*steps, "theta = 0 and rho = 0 are rejected: the SDM."))
    favored = _and(["a lag"] * lag + ["an error"] * error)
    steps = [f"LM tests reject OLS in favor of {favored}; the robust ones point to the {toward}."]
    small, null = {"lag": ("SAR", "theta = 0"), "error": ("SEM", "the common factor")}[toward]
    p = evidence.edges.get((small, "SDM"))
    if p is not None and p >= significance:
        return Decision(small, (*steps, f"In the SDM {null} is not rejected (p = {p:.3f}): {small}."))
    why = "cannot be tested" if p is None else f"is rejected (p {_p(p)})"
    return Decision("SDM", (*steps, f"In the SDM {null} {why}: keep the SDM."))


def lesage_pace(evidence: Evidence, significance: float) -> Decision:
    """LeSage & Pace (2009, ch. 6); LeSage (2014, Review of Regional Studies 44:13-32): no tests. SLX, SDEM and SDM,
    local and global spillovers, are compared by their probabilities."""
    names = [name for name in ("SLX", "SDEM", "SDM") if name in evidence.probabilities]
    total = sum(evidence.probabilities[name] for name in names)
    shares = ", ".join(f"{name} {evidence.probabilities[name] / total:.2f}" for name in names)
    choice = evidence.likeliest(names)
    kind = {"SLX": "local spillovers", "SDEM": "local spillovers", "SDM": "global spillovers"}[choice]
    return Decision(choice, (f"Probabilities among models with W X: {shares}. {choice}: {kind}.",))


RULES = {
    "specific_to_general": specific_to_general, "general_to_specific": general_to_specific, "lesage_pace": lesage_pace,
}  # fmt: skip


def probabilities(loglik: dict[str, float], parameters: dict[str, int], n: int) -> dict[str, float]:
    """exp(-BIC / 2) over its sum, all models equally probable beforehand (Schwarz 1978; Kass & Raftery 1995, JASA
    90:773-795): the likelihoods integrated over their parameters to the first order.

    Examples
    --------
    >>> shares = probabilities({"OLS": -100.0, "SAR": -97.0}, {"OLS": 3, "SAR": 4}, 100)
    >>> {name: round(share, 3) for name, share in shares.items()}
    {'OLS': 0.332, 'SAR': 0.668}
    """
    names = list(loglik)
    score = np.array([loglik[name] - parameters[name] * np.log(n) / 2 for name in names])
    weight = np.exp(score - score.max())
    return dict(zip(names, (weight / weight.sum()).tolist()))


def aicc(loglik: float, parameters: int, n: int) -> float:
    """Akaike's criterion with the correction for small samples, Hurvich & Tsai (1989, Biometrika 76:297-307); infinite
    where parameters leave no rows.

    Examples
    --------
    >>> aicc(-100.0, 3, 24)
    207.2
    """
    left = n - parameters - 1
    return 2 * parameters - 2 * loglik + 2 * parameters * (parameters + 1) / left if left > 0 else float("inf")


def _sentence(small: str, against: dict[str, float], significance: float, *, adjust: bool = True) -> str:
    if not against:
        return f"{small}: nothing larger could be compared; it is kept."
    shown = ", ".join(f"{large} p {_p(p)}" for large, p in against.items())
    p = adjusted(against.values()) if adjust else min(against.values())
    verdict = f"{'rejected' if p < significance else 'not rejected'} at {100 * significance:.3g} %"
    count = f" ({len(against)} times the smallest {_p(p)})" if adjust and len(against) > 1 else ""
    return f"{small} against {shown}{count}: {verdict}."


def _p(p: float) -> str:
    """With its sign, to stand after the letter."""
    return "< 1e-4" if p < 1e-4 else f"= {p:.4f}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
