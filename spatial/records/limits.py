"""Where an interval does not hold: the words of notes and warnings and of docs/certificate.md, written once.

Whether a limit applies is decided where the numbers are. The Monte Carlo grid (``tests/montecarlo``) measures how far
it reaches, and a test sees to it that every cell which misses its bar quotes one.
"""

from __future__ import annotations

LIMITS = {
    "two parameters": (
        "rho and lambda together are weakly identified: below 500 rows, and in a gns of any size, intervals of both "
        "and of indirect effects cover less than 93 %"
    ),
    "few rows": (
        "fewer than 20 observations per parameter bias rho and lambda towards zero and shorten their intervals: "
        "method='reml' allows for them"
    ),
    "few periods": (
        "fewer than 15 periods are few for Driscoll and Kraay's standard errors: intervals of rho and of effects then "
        "cover 88 to 93 %, not 95"
    ),
    "unequal variances": (
        "squared residuals go with the number of neighbors: maximum likelihood then misses the spatial parameters"
    ),
    "correlated errors": (
        "errors that are correlated over space bias rho and lambda by maximum likelihood: Conley's intervals for them "
        "then cover 0 to 8 % instead of 95"
    ),
    "few groups": "groups are few: clustered intervals after least squares then cover about 91 %, not 95",
    "linearized effects": "the delta method covers too little for indirect and total effects",
}
