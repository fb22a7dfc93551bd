"""How the determinants of a fit were computed, and where its spatial parameters may lie."""

from __future__ import annotations

from ..records.several import SeveralRecord


def determinant_lines(fit) -> list[str]:
    """For the header: the method, and the admissible interval of one W or the distance from the edge of several."""
    if isinstance(fit, SeveralRecord):
        return _of_several(fit)
    part = fit._sample.lag or fit._sample.error
    if part is None:
        return []
    lo, hi = part.interval
    return [f"log-determinant: {part.logdet.method}; admissible interval ({lo:.4g}, {hi:.4g})"]


def _of_several(fit: SeveralRecord) -> list[str]:
    lines = []
    for name, part, at in (("rho", fit._sample.lag, fit.rhos), ("lambda", fit._sample.error, fit.lambdas)):
        if part is not None:
            share = part.logdet.largest(at.to_numpy())
            lines.append(f"log-determinant of {name}: {part.logdet.method}; the estimates are {share:.2f} of the way "
                         "from zero to the edge of the admissible region")  # fmt: skip
    return lines
