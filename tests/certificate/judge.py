"""How a case ended."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

from spillover.errors import SpatialInputError

from .cases import Case

SECONDS = 10.0
KINDS = ("right", "error", "unclear", "silent", "hang")


@dataclass(frozen=True)
class End:
    """right, error, unclear, silent or hang; and what was seen."""

    kind: str
    words: str = ""


def judged(case: Case) -> End:
    """Run a case; its time counts, so that nothing freezes."""
    start = time.monotonic()
    end = _end(case)
    return End("hang", f"{time.monotonic() - start:.0f} s") if time.monotonic() - start > SECONDS else end


def _end(case: Case) -> End:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        try:
            case.run()
        except SpatialInputError as error:
            if case.code is None or error.code != case.code or case.says not in f"{error}":
                return End("unclear", f"{case.code or 'a right answer'} expected, got {error}")
            return End("error") if error.hint else End("unclear", f"no next step: {error}")
        except AssertionError as error:
            return End("silent", str(error).strip().splitlines()[0] if str(error) else "wrong")
        except ZeroDivisionError:
            return End("silent", "not said")
        except Exception as error:
            return End("unclear", f"{type(error).__name__}: {error}")
    return End("right") if case.code is None else End("silent", f"{case.code} expected, nothing said")
