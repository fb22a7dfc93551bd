"""Write the shipped data as the CSV files that generate.R reads: ``python inputs.py FOLDER``."""

import sys
from pathlib import Path

import pandas as pd

import shapefiles
import weights as wt

folder = Path(sys.argv[1])
states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
columbus = shapefiles.load("columbus")
for name, frame in (("states", states), ("columbus", columbus)):
    triples = wt.queen(frame).standardize("row").csr.tocoo()
    i, j = triples.coords
    pd.DataFrame({"i": i + 1, "j": j + 1, "w": triples.data}).to_csv(folder / f"{name}_w.csv", index=False)
panel.set_index("state").loc[list(states.index)].reset_index().to_csv(folder / "panel.csv", index=False)
columbus.drop(columns="geometry").to_csv(folder / "columbus.csv")
