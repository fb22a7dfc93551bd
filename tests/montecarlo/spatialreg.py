"""``python -m tests.montecarlo.spatialreg FOLDER``: samples for tests/reference/montecarlo/spatialreg.R."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from .cross import ERROR, LAG, CrossSection
from .grid import named

CELLS = ("sar-n48-knn-k4-normal-default-peers",)
SAMPLES = 200


def write(folder: Path) -> None:
    """W, data and truth of every cell."""
    for name in CELLS:
        (cell,) = named(name)
        design = cell.design
        world = CrossSection(*(design.get(key, 0.4) for key in ("model", "n", "w", "k", "errors", "rho", "lam")))
        data = [world.sample(np.random.default_rng([cell.seed, r])).assign(sample=r) for r in range(SAMPLES)]
        model = design["model"]
        measures = ["beta", *["rho"] * (model in LAG), *["lambda"] * (model in ERROR)]
        measures += ["direct", "indirect", "total"] * (model in LAG)
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        np.savetxt(place / "W.csv", world.W, delimiter=",")
        pd.concat(data).to_csv(place / "data.csv", index=False)
        truth = [world.truth[measure] for measure in measures]
        pd.DataFrame({"model": model, "measure": measures, "truth": truth}).to_csv(place / "cell.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
