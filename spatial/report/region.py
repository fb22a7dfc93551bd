"""The admissible region of a model with several W, for its header."""

from __future__ import annotations

from ..logdet.several import SeveralJacobian
from ..records.several import SeveralRecord


def region_lines(fit: SeveralRecord) -> list[str]:
    """How the determinants were computed, and how far from the edge of the region the estimates are."""
    lines: list[str] = []
    for name, part, at in (("rho", fit._sample.lag, fit.rhos), ("lambda", fit._sample.error, fit.lambdas)):
        if isinstance(part, SeveralJacobian):
            share = part.logdet.largest(at.to_numpy())
            lines.append(f"log-determinant of {name}: {part.logdet.method}; the estimates are {share:.2f} of the way "
                         "from zero to the edge of the admissible region")  # fmt: skip
    return lines
