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
# splm's usaww: the same links by position of the states in plm's Produc, which is the order of their names.
place = states["name"].rank().astype(int)
links = wt.queen(states).standardize("row").to_frame()
positions = {"i": links["focal"].map(place), "j": links["neighbor"].map(place), "w": links["weight"]}
pd.DataFrame(positions).to_csv(folder / "usaww.csv", index=False)
columbus.drop(columns="geometry").to_csv(folder / "columbus.csv")
