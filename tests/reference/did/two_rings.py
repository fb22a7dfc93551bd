"""Two-stage spillover estimates of diff-diff (version 3.13.0, MIT licence) on a simulated lattice.

PYTHONPATH=FOLDER_WITH_DIFF_DIFF python tests/reference/did/two_rings.py

``two_rings.csv`` holds the panel (balanced: it takes no other) and ``two_rings_estimates.csv`` what
``SpilloverDiD`` makes of it: the effect on the treated and on untreated units in each of two rings, by static estimates
and by event time.
"""

from pathlib import Path

import numpy as np
import pandas as pd

SIDE, T, ADOPTERS = 9, 8, 12
RINGS = [0.0, 1.01, 1.45]


def panel() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    N = SIDE**2
    row, column = np.divmod(np.arange(N), SIDE)
    first = np.full(N, T)
    first[rng.permutation(N)[:ADOPTERS]] = rng.integers(4, 7, ADOPTERS)
    D = (np.arange(T)[:, None] >= first) * 1.0
    distance = np.hypot(row[:, None] - row, column[:, None] - column)
    near = ((distance > 0) & (distance <= RINGS[1])) * 1.0
    y = rng.standard_normal((T, N)) + rng.standard_normal(N) + rng.standard_normal((T, 1)) + D + 0.5 * (D @ near > 0)
    data = pd.DataFrame({
        "unit": np.tile(np.arange(N), T), "time": np.repeat(np.arange(T), N), "row": np.tile(row, T) * 1.0,
        "column": np.tile(column, T) * 1.0, "y": y.ravel().round(4), "d": D.ravel(),
        "first": np.tile(np.where(first < T, first, 0), T),
    })  # fmt: skip
    return data


if __name__ == "__main__":
    from diff_diff.spillover import SpilloverDiD

    data, rows = panel(), []
    for event in (False, True):
        model = SpilloverDiD(rings=RINGS, conley_coords=("row", "column"), conley_metric="euclidean", cluster="unit",
                             event_study=event)  # fmt: skip
        out = model.fit(data, outcome="y", unit="unit", time="time", first_treat="first")
        if not event:
            rows.append(("treated", "", np.nan, out.att, out.se))
            rows += [("untreated", ring, np.nan, r.coef, r.se) for ring, r in out.spillover_effects.iterrows()]
            continue
        rows += [("treated", "", k, one["effect"], one["se"]) for k, one in out.event_study_effects.items() if k >= 0]
        rows += [("untreated", ring, k, r.coef, r.se) for (ring, k), r in out.spillover_effects.iterrows() if k >= 0]
    folder = Path(__file__).parent
    data.to_csv(folder / "two_rings.csv", index=False, lineterminator="\n")
    table = pd.DataFrame(rows, columns=["effect", "ring", "period", "estimate", "std_error"])
    table.to_csv(folder / "two_rings_estimates.csv", index=False, float_format="%.10g", lineterminator="\n")
