"""Effects by dose, by diff-diff (ContinuousDiD, version 3.13.0).

python tests/reference/did/doses.py

Two cohorts with the same lowest and highest dose, and one of doses 1, 2 and 4 without untreated units.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
AT = [1.5, 2.5, 4.5]


def staggered() -> pd.DataFrame:
    """240 units, 5 periods, adoption in 2, in 3 or never; doses from 1 to 5."""
    t, i = (a.ravel() for a in np.mgrid[0:5, 0:240])
    first = np.array([2, 3, 0])[i % 3]
    dose = np.where(first > 0, 1 + 4 * ((i // 3) * 5 % 13 / 12), 0.0)
    after = (first > 0) & (t >= first)
    y = ((i + 1) * (t + 2) * (i + 2 * t + 3)) % 17 / 4 + after * dose**2 / 2
    return pd.DataFrame({"i": i, "t": t, "y": y, "d": after * 1, "dose": dose, "first": first})


def all_treated() -> pd.DataFrame:
    """120 units, 3 periods; all are treated in the last."""
    t, i = (a.ravel() for a in np.mgrid[0:3, 0:120])
    dose = np.array([1.0, 2.0, 4.0])[i * i % 7 % 3]
    y = ((i + 1) * (t + 2) * (i + 2 * t + 3)) % 17 / 4 + (t == 2) * dose
    return pd.DataFrame({"i": i, "t": t, "y": y, "d": (t == 2) * 1, "dose": dose, "first": 2})


def figures(name, frame, dvals, **options):
    import diff_diff

    model = diff_diff.ContinuousDiD(base_period="universal", dvals=dvals, **options)
    fit = model.fit(frame, outcome="y", unit="i", time="t", first_treat="first", dose="dose")
    rows = [(name, "ATT", "average", fit.overall_att, fit.overall_att_se),
            (name, "ACRT", "average", fit.overall_acrt, fit.overall_acrt_se)]  # fmt: skip
    for effect, curve in (("ATT", fit.dose_response_att), ("ACRT", fit.dose_response_acrt)):
        rows += [(name, effect, f"{d:g}", value, error)
                 for d, value, error in zip(curve.dose_grid, curve.effects, curve.se)]  # fmt: skip
    return rows


if __name__ == "__main__":
    rows = []
    for control in ("never", "not_yet"):
        of = {"control_group": f"{control}_treated"}
        rows += figures(f"{control} cubic", staggered(), AT, degree=3, **of)
        rows += figures(f"{control} knots", staggered(), AT, degree=2, num_knots=1, **of)
    one = staggered()
    one = one[one["first"] != 3]
    one = one.assign(dose=np.ceil(one["dose"] / 2))
    rows += figures("levels", one, None, treatment_type="discrete")
    rows += figures("lowest levels", all_treated(), None, treatment_type="discrete", control_group="lowest_dose")
    table = pd.DataFrame(rows, columns=["design", "effect", "dose", "estimate", "std_error"])
    table.round(8).to_csv(HERE / "doses.csv", index=False, lineterminator="\n")
