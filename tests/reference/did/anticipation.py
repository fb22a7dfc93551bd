"""Group-time effects on the panel of ``mpdta.csv`` whose outcomes may respond one year early, as csdid computes them.

python tests/reference/did/anticipation.py    (csdid 0.4.3 with drdid 1.1.7)
"""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent

if __name__ == "__main__":
    from csdid.att_gt import ATTgt

    wide = pd.read_csv(HERE / "mpdta.csv")
    long = wide.melt(["county", "first", "lpop"], var_name="year", value_name="lemp").astype({"year": int})
    long = long[long["first"] != 2004]  # no year before 2003 for those who may respond then
    rows = []
    for control in ("nevertreated", "notyettreated"):
        for method in ("none", "reg"):
            formula = "lemp~1" if method == "none" else "lemp~lpop"
            model = ATTgt(yname="lemp", gname="first", idname="county", tname="year", xformla=formula, data=long,
                          control_group=[control], anticipation=1)  # fmt: skip
            model = model.fit(est_method="dr" if method == "none" else method, base_period="universal", bstrap=False)
            for kind in ("simple", "dynamic", "group", "calendar"):
                result = model.aggte(typec=kind, bstrap=False, cband=False).atte
                rows.append((control, method, kind, result["overall_att"], result["overall_se"]))
                if kind == "dynamic":
                    rows += [(control, method, int(k), float(att), float(se)) for k, att, se in
                             zip(result["egt"], result["att_egt"], result["se_egt"].ravel())]  # fmt: skip
    table = pd.DataFrame(rows, columns=["control", "method", "what", "estimate", "std_error"])
    table.round(8).to_csv(HERE / "anticipation.csv", index=False, lineterminator="\n")
