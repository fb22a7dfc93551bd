"""Where an interval does not hold: the words of notes and warnings and of docs/certificate.md, written once.

Whether a limit applies is decided where the numbers are. The Monte Carlo grid (``tests/montecarlo``) measures how far
it reaches, and a test sees to it that every cell which misses its bar quotes one.
"""

from __future__ import annotations

LIMITS = {
    "two parameters": (
        "rho and lambda together are weakly identified: below 500 rows (by moments 1,000), and in a gns of any size, "
        "Wald intervals of both and of indirect effects cover less than 93 %, by moments less than by maximum "
        "likelihood"
    ),
    "two parameters by likelihood": (
        "rho and lambda together are weakly identified: with fewer than 1,000 rows intervals, t and p are those of the "
        "ratios of the profile and the modified profile likelihood, the wider end of both; standard errors are of the "
        "information, and t is not estimate / std. error"
    ),
    "two parameters of reml": (
        "rho and lambda together are weakly identified: with fewer than 1,000 rows intervals, t and p are those of the "
        "ratio of the modified profile likelihood, and t is not estimate / std. error"
    ),
    "few rows by likelihood": (
        "rows are few, or rho is near the end of its interval: intervals, t and p are those of the ratios of the "
        "profile and the modified profile likelihood, the wider end of both; standard errors are of the information, "
        "and t is not estimate / std. error"
    ),
    "few rows of reml": (
        "rows are few, or rho is near the end of its interval: intervals, t and p are those of the ratio of the "
        "modified profile likelihood, and t is not estimate / std. error"
    ),
    "few rows elsewhere": (
        "rows are few, and these intervals are not the ratios of likelihoods that the fit and its effects() have: they "
        "are shorter and cover less"
    ),
    "few rows": (
        "fewer than 20 observations per parameter bias rho and lambda towards zero and shorten their intervals: "
        "method='reml' allows for them"
    ),
    "few rows of several": (
        "fewer than 20 observations per parameter bias rho_1, rho_2 towards zero and shorten their intervals: "
        "method='reml' allows for them"
    ),
    "few rows of missing": (
        "fewer than 20 observations per parameter bias rho and lambda towards zero and shorten their intervals"
    ),
    "few rows of regimes": (
        "fewer than 20 observations per parameter bias rho and lambda of regimes towards zero and shorten their "
        "intervals: method='reml' allows for them"
    ),
    "skewed effects": (
        "indirect and total effects are skewed there, and their intervals may cover as little as 80 %; "
        "intervals of method='likelihood' cover better"
    ),
    "few dynamic periods": (
        "fewer than 10 periods are few for a lagged response: what unit effects leave in tau and eta lets their "
        "intervals cover 84 to 92 %; method='aqs' has no such bias"
    ),
    "no root": (
        "close to a unit root the score less its mean has no root; the estimates are where it is shortest (Dhaene & "
        "Jochmans 2016)"
    ),
    "own past": (
        "its own past instruments an endogenous regressor weakly: intervals of it and of tau may cover 72 to 92 %, "
        "with a bias of a third of that without instruments; instruments=, or sp.ArellanoBond(predetermined=) where "
        "the error of the same period is not in it, cover 90 to 96 %"
    ),
    "few robust rows": (
        "with fewer than 100 rows robust intervals after least squares cover 88 to 93 % where variances differ: "
        "vcov='jackknife' covers more"
    ),
    "few sampled rows": (
        "where sampling weights go with the regressors few rows carry most of the weight: with fewer than 2,000 rows "
        "robust intervals then cover 74 to 93 %; vcov='jackknife' covers more"
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
