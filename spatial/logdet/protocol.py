"""What every log-determinant offers, whatever method computes it."""

from __future__ import annotations

from typing import Any, Protocol


class Curve(Protocol):
    """A function of rho (or of lambda) with two derivatives; points of any shape."""

    def value(self, rho, /) -> Any: ...

    def d1(self, rho, /) -> Any: ...

    def d2(self, rho, /) -> Any: ...


class Approximation(Curve, Protocol):
    """The cheap curve over the whole interval that leads to the exact one.

    ``bend`` is -L'' or its scale, ``moment(k)`` tr W^k with its standard error, ``calibrated`` itself without the
    noise of random vectors.
    """

    @property
    def n(self) -> int: ...

    @property
    def calibrated(self) -> LogDeterminant: ...

    def bend(self, rho: float) -> float: ...

    def moment(self, k: int) -> tuple[float, float]: ...


class LogDeterminant(Curve, Protocol):
    """log|I - rho W|: exact over ``domain``, cheap as ``coarse``; ``near(lo, hi)`` is exact over that interval."""

    @property
    def interval(self) -> tuple[float, float]: ...

    @property
    def domain(self) -> tuple[float, float]: ...

    @property
    def method(self) -> str: ...

    @property
    def coarse(self) -> Any: ...

    def near(self, lo: float, hi: float, /) -> LogDeterminant: ...


class Engine(Protocol):
    """Exact values by factorisation: of one rho, or of several points at once (``Band``)."""

    @property
    def name(self) -> str: ...

    def __call__(self, rho, /) -> Any: ...
