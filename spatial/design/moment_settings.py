"""Settings of the method of moments: which lags are instruments, which moments give lambda, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from spillover.errors import SpatialInputError, check_option

ERRORS = ("kelejian", "drukker")
MAX_ROUNDS = 100


@dataclass(frozen=True)
class Moments:
    """Settings of two-stage least squares and generalised moments: ``sp.sar(..., method=sp.Moments(order=3))``.

    Parameters
    ----------
    order : {1, 2, 3}, optional
        W X up to W^order X instrument W y: 2 by default (Kelejian & Prucha 1998). In models without W y it is the
        order up to which ``instruments=`` are lagged; by default as far as ``endog=`` is.
    lag_instruments : bool
        Whether ``instruments=`` are lagged as the regressors are.
    moments : {"kelejian", "drukker"}
        Which moments of homoskedastic errors give lambda: three, the variance among them (Kelejian & Prucha 1999), or
        two weighted by their covariance (Drukker, Egger & Prucha 2013). ``vcov="robust"`` and ``"cluster"`` have
        their own.
    weighted : bool
        False: one step, lambda by unweighted moments where there are two.
    rounds : int or "converged"
        How often coefficients and lambda alternate: once by default, or until neither changes by 1e-8.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> [round(sp.sar("CRIME ~ INC + HOVAL", columbus, w, method=sp.Moments(order=k)).rho, 3) for k in (1, 2, 3)]
    [0.453, 0.461, 0.429]
    """

    order: int | None = None
    lag_instruments: bool = True
    moments: str = "kelejian"
    weighted: bool = True
    rounds: int | str = 1

    def __post_init__(self):
        if self.order is not None:
            check_option("order", self.order, (1, 2, 3))
        check_option("lag_instruments", self.lag_instruments, (True, False))
        check_option("moments", self.moments, ERRORS)
        check_option("weighted", self.weighted, (True, False))
        whole = isinstance(self.rounds, int) and not isinstance(self.rounds, bool) and 1 <= self.rounds <= MAX_ROUNDS
        if not (whole or self.rounds == "converged"):
            raise SpatialInputError("E501", f"rounds={self.rounds!r} must be a number from 1 to {MAX_ROUNDS}, or "
                                    "'converged'", hint="rounds='converged'")  # fmt: skip


USUAL = Moments()
