"""A treatment that comes and goes, by diff-diff (ChaisemartinDHaultfoeuille, version 3.13.0).

python tests/reference/did/switching.py

Its horizon l is our time l - 1 since the first change; of its placebos only the nearest has our comparison, which is
all units that have not changed by then.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def panel() -> pd.DataFrame:
    """36 units, 7 periods; the treatment of some begins, of some ends, of some both."""
    t, i = (a.ravel() for a in np.mgrid[0:7, 0:36])
    y = ((i + 1) * (t + 2) * (i + 2 * t + 3)) % 17
    change = 1 + i % 7  # 7: never
    start, back = (i % 3 == 0) * 1, (i % 5 == 2) & (t >= change + 2)
    d = np.where((t >= change) & ~back, 1 - start, start)
    return pd.DataFrame({"i": i, "t": t, "y": y + 3.0 * d, "d": d})


if __name__ == "__main__":
    import diff_diff

    keys = {"outcome": "y", "unit": "i", "time": "t", "treatment": "d"}
    model = diff_diff.ChaisemartinDHaultfoeuille(drop_larger_lower=False)
    one = model.fit(panel(), **keys)
    rows = [("DID_M", one.overall_att), ("DID_M, joiners", one.joiners_att), ("DID_M, leavers", one.leavers_att),
            ("two-way", one.twfe_beta_fe), ("negative", one.twfe_fraction_negative)]  # fmt: skip
    later = model.fit(panel(), **keys, L_max=3)
    rows += [(str(k - 1), effect["effect"]) for k, effect in later.event_study_effects.items()]
    rows.append(("-2", later.placebo_event_study[-1]["effect"]))
    table = pd.DataFrame(rows, columns=["what", "estimate"])
    table.round(8).to_csv(HERE / "switching.csv", index=False, lineterminator="\n")
