"""``spillover compare`` does all of it from files."""

import pandas as pd
import pytest

US = "example:us_states"


def test_everything_from_files(spillover, tmp_path):
    folder, journal = tmp_path / "which w", tmp_path / "journal"
    call = ("compare", US, "log(gsp) ~ log(emp)", "--model", "sar,slx", "-w", "queen", "-w", "near=knn:k=5",
            "--folder", folder, "--placebo", "19", "--variable", "log(emp)", "--controls", "none=",
            "--controls", "capital=log(pc)", "--journal", journal)  # fmt: skip
    status, out, err = spillover(*call)
    assert status == 0, err
    assert {p.name for p in folder.iterdir()} == {
        "probabilities.png", "agreement.png", "indirect.png", "placebo.png", "curve.png", "fits.csv", "effects.csv",
        "averaged.csv", "posterior.csv", "similarity.csv", "residuals.csv", "placebo.csv", "curve.csv",
        "coefficients.csv",
    }  # fmt: skip
    posterior = pd.read_csv(folder / "posterior.csv", index_col=0)
    assert abs(posterior.loc["all weights", "all models"] - 1) < 1e-9
    curve = pd.read_csv(folder / "curve.csv")
    assert len(curve) == 2 * 2 * 2 * 3
    kept = {step.name: len(pd.read_parquet(step)) for step in journal.iterdir()}
    assert kept == {"fits": 4, "placebo": 19, "curve": 8}
    assert "19 random relabellings" in out
    status, _, err = spillover(*call)
    assert status == 3
    assert "E603" in err
    status, _, err = spillover("compare", US, "log(gsp) ~ log(emp)", "--model", "sar", "-w", "queen", "--placebo", "9")
    assert status == 2
    assert "--folder" in err


def test_searches_from_files(spillover, tmp_path):
    """A profile over a range, shares of two W; and what is no range, or two models."""
    folder = tmp_path / "searched"
    call = ("compare", US, "log(gsp) ~ log(emp)", "--model", "sar", "-w", "queen", "-w", "near=knn:k=5")
    status, out, err = spillover(*call, "--folder", folder, "--tune", "knn:k=4..60..14", "--mix")
    assert status == 0, err
    tuned = pd.read_csv(folder / "tuned.csv")
    assert tuned["value"].tolist() == [4, 18, 32, 46]
    assert "60 could not be used: E304" in out
    assert (folder / "tuned.png").exists()
    assert pd.read_csv(folder / "mixed.csv")["estimate"].sum() == pytest.approx(1)
    for wrong in (("--tune", "knn:k=4"), ("--tune", "gravity:a=1..2,b=1..2")):
        status, _, err = spillover(*call, *wrong)
        assert status == 2
        assert "needs one range" in err
    status, _, err = spillover("compare", *call[1:3], "--model", "sar,sdm", *call[5:], "--mix")
    assert "E513" in err
