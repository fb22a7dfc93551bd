"""Cut the minimum-wage panel of Callaway & Sant'Anna down to what the tests read.

python tests/reference/did/mpdta.py FILE    (data/mpdta.csv of the csdid repository, version 0.4.3, MIT licence,
Copyright (c) 2023 Pedro Sant'Anna, Brantly Callaway, Alexander Quispe, Carlos Guevara, Jhon Flores; the same numbers
are ``did::mpdta`` in R). One row per county: county, first.treat (0: never), log population, then log teen
employment of 2003 to 2007.
"""

import sys
from pathlib import Path

import pandas as pd

if __name__ == "__main__":
    source = pd.read_csv(sys.argv[1]).rename(columns={"countyreal": "county", "first.treat": "first"})
    wide = source.pivot(index=["county", "first", "lpop"], columns="year", values="lemp")
    assert len(wide) == 500
    wide.reset_index().to_csv(Path(__file__).with_suffix(".csv"), index=False, lineterminator="\n")
