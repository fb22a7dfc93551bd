"""Endogenous, predetermined and instrumented regressors of a dynamic panel by pydynpd.

Reads empluk.csv, writes pydynpd.json. Run with pydynpd 0.2.2 and numpy 1: python pydynpd_endogenous.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pandas as pd
from pydynpd import regression

FOLDER = Path(__file__).parent
data = pd.read_csv(FOLDER / "empluk.csv")
for column in ("emp", "wage", "capital"):
    data[column] = np.log(data[column])
data = data.rename(columns={"emp": "n", "wage": "w", "capital": "k"})
# in first differences gmm(w, 2:3) is c of two and three periods before, gmm(k, 1:2) that of one and two
CASES = {
    "endogenous": ("n L1.n w k | gmm(n, 2:3) gmm(w, 2:3) iv(k)", "nolevel"),
    "predetermined": ("n L1.n w k | gmm(n, 2:3) gmm(k, 1:2) iv(w)", "nolevel"),
    "both collapsed": ("n L1.n w k | gmm(n, 2:3) gmm(w, 2:3) gmm(k, 1:2)", "nolevel collapse"),
    "one step": ("n L1.n w k | gmm(n, 2:3) gmm(w, 2:3) iv(k)", "nolevel onestep"),
    "deviations": ("n L1.n w k | gmm(n, 2:3) gmm(w, 2:3) gmm(k, 1:2)", "nolevel fod collapse"),
}
out = {"versions": f"pydynpd {importlib.metadata.version('pydynpd')}"}
for name, (command, options) in CASES.items():
    model = regression.abond(f"{command} | {options}", data, ["firm", "year"]).models[0]
    table = model.regression_table
    out[name] = {
        "names": list(table["variable"]),
        "coef": list(map(float, table["coefficient"])),
        "se": list(map(float, table["std_err"])),
        "hansen": float(model.hansen.test_value),
        "df": int(model.hansen.df),
        "ar": [float(one.AR) for one in model.AR_list],
    }
(FOLDER / "pydynpd.json").write_text(json.dumps(out, indent=1) + "\n")
