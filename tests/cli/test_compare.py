"""``spillover compare`` does all of it from files."""

import pandas as pd

from .test_commands import spillover  # noqa: F401 (a fixture)

PANEL = ("-d", "example:us_states", "--map", "example:us_states", "--panel", "state,year")


def test_everything_from_files(spillover, tmp_path):  # noqa: F811
    folder, journal = tmp_path / "which w", tmp_path / "curve.jsonl"
    call = ("compare", "sar,slx", "log(gsp) ~ log(emp)", *PANEL, "-w", "queen", "-w", "near=knn:k=5",
            "--folder", folder, "--placebo", "19", "--variable", "log(emp)", "--controls", "none=",
            "--controls", "capital=log(pc)", "--draws", "100", "--journal", journal)  # fmt: skip
    status, out, err = spillover(*call)
    assert status == 0, err
    assert {p.name for p in folder.iterdir()} == {
        "probabilities.png", "agreement.png", "indirect.png", "placebo.png", "curve.png", "fits.csv", "effects.csv",
        "averaged.csv", "posterior.csv", "similarity.csv", "residuals.csv", "placebo.csv", "curve.csv",
    }  # fmt: skip
    posterior = pd.read_csv(folder / "posterior.csv", index_col=0)
    assert abs(posterior.loc["all weights", "all models"] - 1) < 1e-9
    curve = pd.read_csv(folder / "curve.csv")
    assert len(curve) == 2 * 2 * 2 * 3
    assert len(journal.read_text().splitlines()) == 8
    assert "19 random relabellings" in out
    status, _, err = spillover(*call)
    assert status == 3
    assert "E603" in err
    status, _, err = spillover("compare", "sar", "log(gsp) ~ log(emp)", *PANEL, "-w", "queen", "--placebo", "9")
    assert status == 2
    assert "--folder" in err
