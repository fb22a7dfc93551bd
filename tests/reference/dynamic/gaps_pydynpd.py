"""Arellano-Bond in first differences by pydynpd on empluk.csv with 12 % of the rows left out. Writes gaps_pydynpd.json.

pydynpd 0.2.2 was written for numpy 1: three names and two conversions of 1 x 1 arrays are put back before it runs. Its
forward deviations are taken variable by variable where rows are missing, those here over rows that are complete; its
test of serial correlation after one step differs from plm's and is left out.
"""

import json
import math
import types
from pathlib import Path

import numpy as np
import pandas as pd

np.in1d, np.NaN = np.isin, np.nan  # noqa: NPY201
from pydynpd import regression, specification_tests  # noqa: E402


def number(value):
    return np.asarray(value).ravel()[0].item()


specification_tests.math = types.SimpleNamespace(sqrt=lambda value: math.sqrt(number(value)))
specification_tests.float = regression.float = number
HERE = Path(__file__).parent
data = pd.read_csv(HERE / "empluk.csv")
for short, name in (("n", "emp"), ("w", "wage"), ("k", "capital")):
    data[short] = np.log(data[name])
gone = np.random.default_rng(1).uniform(size=len(data)) < 0.12
data = data.loc[~gone, ["firm", "year", "n", "w", "k"]].reset_index(drop=True)
stored = {"version": "pydynpd 0.2.2"}
for case, options in {"onestep": "nolevel onestep", "twosteps": "nolevel", "collapsed": "nolevel collapse"}.items():
    model = regression.abond(f"n L1.n w k | gmm(n, 2:6) iv(w k) | {options}", data, ["firm", "year"]).models[0]
    table = model.regression_table
    stored[case] = {"coef": table["coefficient"].tolist(), "se": table["std_err"].tolist(),
                    "hansen": number(model.hansen.test_value), "df": int(model.hansen.df),
                    "ar": [number(test.AR) for test in model.AR_list]}  # fmt: skip
(HERE / "gaps_pydynpd.json").write_text(json.dumps(stored, indent=1) + "\n")
