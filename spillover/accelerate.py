"""One place decides how kernels are compiled.

Kernels live in modules that are imported inside the function that needs them, so importing a package
compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# fastmath stays off: reordering sums would make results depend on the compiler.
njit: Callable[[Callable], Callable[..., Any]] = numba.njit(cache=True, nogil=True)
# 1 / 0 is infinite instead of an error: loops that divide can then work on several numbers at a time.
ieee: Callable[[Callable], Callable[..., Any]] = numba.njit(cache=True, nogil=True, error_model="numpy")


def wrapping(kernel):
    """Compile a loop over hashes, whose 64-bit products wrap around; uncompiled, too, without numpy's warning."""
    uncompiled = getattr(numba.config, "DISABLE_JIT")  # noqa: B009  (set at run time, from the environment)
    return np.errstate(over="ignore")(kernel) if uncompiled else njit(kernel)
