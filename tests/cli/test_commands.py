"""The command line as a person meets it: whole processes where the exit status or start-up matters."""

import re
import subprocess
import sys
from pathlib import Path

# ruff: noqa: E501  (command lines read better whole)
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt

FORMULA = "log(gsp) ~ log(pcap) + log(emp) + unemp"
US = "example:us_states"


def process(*args, **options):
    command = [sys.executable, "-c", "from spillover.cli import main; main()", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


# -- the steps of the main job ---------------------------------------------------------------------------------


def test_weights_are_built_described_converted_and_compared(spillover, tmp_path, states):
    queen, near = tmp_path / "q.parquet", tmp_path / "n.gwt"
    assert spillover("weights", "build", "queen", US, "-o", queen)[0] == 0
    assert wt.load(queen) == wt.queen(states).standardize("row")
    status, out, _ = spillover("weights", "info", queen)
    assert status == 0
    assert "214" in out
    assert spillover("weights", "build", "knn:k=4", US, "-o", near)[0] == 0
    assert wt.load(near).nnz == 48 * 4
    status, out, _ = spillover("weights", "compare", queen, near)
    assert status == 0
    assert spillover("weights", "convert", queen, tmp_path / "q.csv")[0] == 0
    assert spillover("weights", "plot", queen, "-m", "example:us_states", "-o", tmp_path / "q.png")[0] == 0


def test_weights_of_masses_flows_and_columns_of_a_map(spillover, tmp_path, states, panel):
    where, out = ["example:us_states"], tmp_path / "w.parquet"
    (tmp_path / "trade.csv").write_text("from,to,trade\na,b,3\nb,a,1\nb,c,2\n")
    flow = "flows:origin=from,destination=to,value=trade"
    table = ["-d", "example:us_states", "--entity", "state", "--time", "year"]
    mass = panel.groupby("state")["gsp"].mean()
    for args, expected in (
        (["border_length:share=true", *where], wt.border_length(states, share=True)),
        (["gravity:mass=gsp,cutoff=1000", *where, *table], wt.gravity(states, mass, cutoff=1000)),
        (["economic:x=gsp,k=3", *table], wt.economic(panel, "gsp", entity="state", time="year", k=3)),
        ([flow, tmp_path / "trade.csv"],
         wt.from_frame(pd.DataFrame({"focal": ["b", "a", "c"], "neighbor": ["a", "b", "b"], "weight": [3.0, 1, 2]}),
                       ids=["a", "b", "c"])),
        (["economic:x=capital_lon", "example:china_provinces"],
         wt.economic(shapefiles.load("china_provinces"), "capital_lon")),
    ):  # fmt: skip
        status, _, err = spillover("weights", "build", *args, "-o", out, "--standardize", "none", "--overwrite")
        assert status == 0, err
        assert wt.load(out) == expected


def test_moran_by_year(spillover, tmp_path, panel, queen):
    target = tmp_path / "moran.csv"
    status, out, err = spillover("moran", "example:us_states", "-c", "unemp", "-w", "queen", "-o", target)  # fmt: skip
    assert status == 0, err
    want = sp.moran_by(panel, ["unemp"], queen, time="year", entity="state", seed=1).to_frame()
    np.testing.assert_allclose(pd.read_csv(target)["I"], want["I"])
    assert "1986" in out


def test_lisa_writes_a_coloured_map(spillover, tmp_path):
    target = tmp_path / "lisa.gpkg"
    status, _, err = spillover("lisa", "example:us_states", "-c", "unemp", "-w", "queen", "--where", "year=1986", "--permutations", 999, "-o", target)  # fmt: skip
    assert status == 0, err
    assert len(gpd.read_file(target, layer=0)) == 48


def test_models_match_the_library(spillover, tmp_path, panel, queen):
    target = tmp_path / "fit.csv"
    status, out, err = spillover("fit", US, FORMULA, "--model", "sdm", "-w", "queen", "--effects", "twoway", "-o", target)
    assert status == 0, err
    want = sp.sdm(FORMULA, panel, queen, entity="state", time="year", effects="twoway")
    np.testing.assert_allclose(pd.read_csv(target)["estimate"], want.params)
    assert "weights: queen" in out
    target = tmp_path / "effects.csv"
    status, _, _ = spillover(
        "effects", US, FORMULA, "--model", "sdm", "-w", "queen", "-o", target, "--figure", tmp_path / "e.png"
    )
    assert status == 0
    np.testing.assert_allclose(pd.read_csv(target)["conf_low"], want.effects().tidy()["conf_low"])
    status, out, _ = spillover("effects", US, FORMULA, "--model", "sdm", "-w", "queen", "--shock", "OH:log(emp):0.1")
    assert status == 0
    assert f"{want.effects().shock('OH', 'log(emp)', 0.1)['OH']:.6f}" in out


def test_tables_and_covariances(spillover, tmp_path, panel, queen, states):
    keys = {"entity": "state", "time": "year", "effects": "twoway"}
    target = tmp_path / "table.tex"
    status, out, err = spillover("table", US, FORMULA, "-w", "queen", "-M", "ols", "-M", "sdm", "-o", target)
    assert status == 0, err
    assert "\\begin{tabular}" in target.read_text(encoding="utf-8")
    assert f"{sp.sdm(FORMULA, panel, queen, **keys).rho:.3f}" in out
    for spec, vcov in {
        "robust": "robust",
        "cluster:state": sp.Cluster("state"),
        "jackknife:state": sp.Jackknife("state"),
        "conley:800": sp.Conley(800, states),
    }.items():
        target = tmp_path / f"{spec[:4]}.csv"
        status, _, err = spillover("fit", US, FORMULA, "--model", "sar", "-w", "queen", "--vcov", spec, "-o", target)
        assert status == 0, err
        want = sp.sar(FORMULA, panel, queen, **keys, vcov=vcov)
        np.testing.assert_allclose(pd.read_csv(target)["std_error"], want.std_errors, rtol=1e-8)
    target = tmp_path / "gmm.csv"
    status, _, err = spillover("fit", US, FORMULA, "--model", "sar", "-w", "queen", "--method", "gmm", "--endog", "log(emp)",
                               "--instruments", "log(pc); log(hwy)", "-o", target)  # fmt: skip
    assert status == 0, err
    want = sp.sar(FORMULA, panel, queen, **keys, method="gmm", endog=["log(emp)"], instruments=["log(pc)", "log(hwy)"])
    np.testing.assert_allclose(pd.read_csv(target)["estimate"], want.params)
    target = tmp_path / "sac.csv"
    status, _, err = spillover("fit", US, FORMULA, "--model", "sac", "-w", "queen", "--w-error", "knn:k=5", "-o", target)
    assert status == 0, err
    want = sp.sac(FORMULA, panel, queen, **keys, w_error=wt.knn(states, 5).standardize("row"))
    np.testing.assert_allclose(pd.read_csv(target)["estimate"], want.params)


@pytest.mark.parametrize("error", ["kkp", "baltagi"])
def test_random_effects(spillover, tmp_path, panel, queen, error):
    target, how = tmp_path / "sem.csv", {"effects": "random", "random_error": error}
    status, out, err = spillover("fit", US, FORMULA, "--model", "sem", "-w", "queen", "--effects", "random",
                                 "--random-error", error, "-o", target)  # fmt: skip
    assert status == 0, err
    want = sp.sem(FORMULA, panel, queen, entity="state", time="year", **how)
    np.testing.assert_allclose(pd.read_csv(target)["estimate"], want.params)
    assert {"kkp": "inside", "baltagi": "beside"}[error] in out
    status, out, _ = spillover("fit", US, FORMULA, "--model", "ols", "-w", "queen", "--effects", "random")
    assert "Swamy and Arora" in out


def test_dynamic_models(spillover, panel, queen):
    status, out, err = spillover(
        "effects", US, FORMULA, "--model", "sdm", "-w", "queen", "--lags", "both", "--inference", "delta"
    )
    assert (status, err) == (0, "")
    want = sp.sdm(FORMULA, panel, queen, entity="state", time="year", lags="both").effects(method="delta").long_run
    assert f"{want.total.iloc[0]:.4f}" in out.split("long-run total")[1]
    status, out, _ = spillover(
        "effects", US, FORMULA, "--model", "sar", "-w", "queen", "--lags", "y", "--shock", "OH:log(emp):0.1"
    )
    assert status == 0
    assert "OH" in out


def test_diagnose_and_compare(spillover, tmp_path):
    status, out, _ = spillover("diagnose", US, FORMULA, "-w", "queen")
    assert status == 0
    assert "Choice:" in out
    target = tmp_path / "path.tex"
    status, out, err = spillover("diagnose", US, FORMULA, "-w", "border=queen", "-w", "knn:k=5", "-o", target)
    assert status == 0, err
    assert out.splitlines()[1].split() == ["border", "knn:k=5"]
    assert r" & \multicolumn{1}{c}{border} & \multicolumn{1}{c}{knn:k=5}" in target.read_text(encoding="utf-8")
    target = tmp_path / "compare.csv"
    status, out, _ = spillover("compare", US, FORMULA, "--model", "sar", "-w", "border=queen", "-w", "knn:k=5",
                               "-w", "economic:x=gsp", "-o", target)  # fmt: skip
    assert status == 0
    assert list(pd.read_csv(target)["weights"].unique()) == ["border", "knn:k=5", "economic:x=gsp"]


def test_the_demo_leaves_a_whole_study(spillover, tmp_path):
    folder = tmp_path / "out put"
    status, out, err = spillover("demo", "-o", folder)
    assert status == 0, err
    names = {"report.html", "effects.csv", "tables.tex", "tables.docx", "spillovers.gpkg", "weights.png", "moran.png",
             "effects.png", "spillover_map.png", "by_weights.png"}  # fmt: skip
    assert names <= {p.name for p in folder.iterdir()}
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)  # opens offline
    effects = pd.read_csv(folder / "effects.csv")
    direct = effects.query("weights == 'queen' and effect == 'direct' and term == 'log(emp)'")["estimate"].item()
    assert f"{direct:.4f}" in out
    layer = gpd.read_file(folder / "spillovers.gpkg")
    assert layer["log_emp_own"].mean() == pytest.approx(direct)
    assert layer["shock_response"].notna().all()
    assert "Step" not in err
    status, _, err = spillover("demo", "-o", folder)
    assert status == 3
    assert "E603" in err
    assert "--overwrite" in err


def test_a_report_on_files_of_ones_own(spillover, tmp_path, states, panel):
    """Chinese names of columns, a GeoPackage, ids as text, plain words for the terms."""
    states.rename_axis("省").to_file(tmp_path / "map.gpkg")
    panel.rename(columns={"gsp": "产出", "emp": "就业", "state": "省"}).to_csv(tmp_path / "p.csv", index=False)
    status, out, err = spillover("report", tmp_path / "p.csv", "log(产出) ~ log(就业) + unemp", "-m", tmp_path / "map.gpkg",
                                 "--id", "省", "--panel", "省,year", "-w", "queen", "-w", "near=knn:k=4", "--moran", "产出",
                                 "--word", "log(就业)=labour <b>", "-o", tmp_path / "study")  # fmt: skip
    assert status == 0, err
    html = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert "more labour &lt;b&gt; in a unit changes" in html
    assert "log(就业)" in out
    assert set(pd.read_csv(tmp_path / "study" / "effects.csv")["weights"]) == {"queen", "near"}


# -- files of strangers ------------------------------------------------------------------------------------------


def test_text_keys_keep_their_zeros_and_gbk_is_read(spillover, tmp_path):
    """Codes such as 010 stay text, NA is a name, Chinese headers in GBK are found."""
    ids = ["010", "020", "NA", "040", "050", "060"]
    W = pd.DataFrame(np.roll(np.eye(6), 1, 1) / 2 + np.roll(np.eye(6), -1, 1) / 2, index=ids, columns=ids)
    wt.from_dense(W).save(tmp_path / "w.parquet")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"代码": ids, "产出": rng.random(6), "资本": rng.random(6)})
    table.to_csv(tmp_path / "表.csv", index=False, encoding="gbk")
    status, out, err = spillover(
        "fit", tmp_path / "表.csv", "产出 ~ 资本", "--model", "ols", "-w", tmp_path / "w.parquet", "--entity", "代码"
    )
    assert status == 0, err
    assert "资本" in out
    assert "GB18030" in err


BAD = {
    # name: (status, said on stderr, arguments)
    "no such file": (3, "E601", ["fit", "nothing.csv", "y ~ x", "--model", "ols", "-w", "queen"]),
    "no such builder": (3, "E601", ["fit", US, FORMULA, "--model", "sar", "-w", "quen"]),
    "a builder misspelt": (3, "did you mean queen?", ["weights", "build", "quen", "example:us_states", "-o", "{tmp}/w.gal"]),
    "a builder's number": (2, "needs cutoff", ["weights", "build", "distance_band", "example:us_states", "-o", "{tmp}/w.gal"]),
    "builder's option": (2, "options: k", ["fit", US, FORMULA, "--model", "sar", "-w", "knn:q=5"]),
    "no such column": (2, "did you mean 'gsp'", ["fit", US, "gps ~ emp", "--model", "sar", "-w", "queen"]),
    "code in the formula": (2, "E503", ["fit", US, "gsp ~ {open('hacked', 'w')}", "--model", "sar", "-w", "queen"]),
    "no such model": (2, "'sdm'", ["fit", US, FORMULA, "--model", "sdn", "-w", "queen"]),
    "no map": (2, "--map", ["fit", "example:castle", "log(homicide) ~ law", "--model", "sar", "-w", "queen"]),
    "missing argument": (2, "formula", ["fit", "--model", "sar", US, "-w", "queen"]),
    "no such key": (2, "'code' is no column", ["report", US, FORMULA, "--panel", "code,year", "--moran", "gsp", "-o",
                                               "{tmp}/study"]),
    "collinear": (3, "E205", ["fit", US, "gsp ~ emp + I(2 * emp)", "--model", "sar", "-w", "queen"]),
    "perfect fit": (4, "E703", ["fit", US, "gsp ~ I(2 * gsp + 1)", "--model", "sar", "-w", "queen"]),
    "a table that is Excel": (3, "Excel", ["fit", "{tmp}/book.csv", "y ~ x", "--model", "ols", "-w", "queen"]),
    "a web address as map": (3, "download", ["weights", "build", "queen", "http://a.org/b", "-o", "{tmp}/w.gal"]),
    "output that is no table": (2, ".csv", ["fit", US, FORMULA, "--model", "ols", "-w", "queen", "-o", "{tmp}/fit.exe"]),
    "conley without km": (2, "conley:300", ["fit", US, FORMULA, "--model", "sar", "-w", "queen", "--vcov", "conley:far"]),
    "an option of other models": (2, "it is for sem, sdem, sac, gns", ["fit", US, FORMULA, "--model", "sdm", "-w", "queen", "--random-error", "kkp"]),
    "a panel without periods": (2, "UNIT,PERIOD", ["fit", US, FORMULA, "--model", "sdm"[:4], "--panel", "state", "-w", "queen"]),
    "shock": (2, "UNIT:TERM:SIZE", ["effects", US, FORMULA, "--model", "sar", "-w", "queen", "--shock", "OH"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_its_status_and_leaves_no_file(name, spillover, tmp_path, monkeypatch):
    status, message, args = BAD[name]
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04 and so on")
    monkeypatch.chdir(work)
    before = set(tmp_path.rglob("*"))
    got, _, err = spillover(*(a.replace("{tmp}", str(tmp_path)) for a in args))
    assert got == status, err
    assert message in err
    assert "Traceback" not in err
    assert set(tmp_path.rglob("*")) == before


def test_an_existing_output_is_refused_before_work_and_kept(spillover, tmp_path):
    target = tmp_path / "fit.csv"
    target.write_text("mine")
    status, out, err = spillover("fit", US, FORMULA, "--model", "sar", "-w", "queen", "-o", target)
    assert (status, out, target.read_text()) == (3, "", "mine")
    assert "E603" in err
    assert spillover("fit", US, FORMULA, "--model", "sar", "-w", "queen", "-o", target, "--overwrite")[0] == 0
    assert target.read_text() != "mine"


def test_cells_that_a_spreadsheet_would_run_are_made_inert(tmp_path):
    from spillover.files import write_table

    write_table(pd.DataFrame({"=a": ["=1+1", "@x", "-2", "ok"], "n": [-1.0, 2, 3, 4]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines() == ["'=a,n", "'=1+1,-1.0", "'@x,2.0", "'-2,3.0", "ok,4.0"]


# -- the process as a whole ---------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['spillover', '--help']\n"
        "from spillover.cli import _app\nfrom spillover.cli._errors import run\nrun(_app)\n"
        "heavy = {'numpy', 'pandas', 'geopandas', 'scipy', 'numba', 'matplotlib', 'libpysal'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in done.stdout


def test_small_moran_compiles_nothing():
    code = (
        "import sys, shapefiles, spatial as sp, weights as wt\n"
        "w = wt.queen(shapefiles.load('us_states')).standardize('row')\n"
        "sp.moran_by(shapefiles.load_panel('us_states'), ['unemp'], w, time='year', entity='state')\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_exit_status_of_a_process(tmp_path):
    done = process("fit", US, "gps ~ emp", "--model", "sar", "-w", "queen")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("E502: ")
    done = process("--debug", "fit", US, "gps ~ emp", "--model", "sar", "-w", "queen")
    assert "Traceback" in done.stderr


def test_the_wheel_holds_the_packages_and_their_data_only(tmp_path):
    """What a user installs: packages and data; no tests, no benchmarks, no build scripts."""
    import zipfile

    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", str(tmp_path), str(root)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"spillover", "spatial", "weights", "shapefiles"}
    assert "shapefiles/SOURCES.md" in names
    assert "spatial/report/report.html" in names
    data = {name for name in names if name.startswith("shapefiles/data/")}
    assert len(data) == len(list((root / "shapefiles" / "data").iterdir()))
    assert not any(name.startswith("shapefiles/sources/") for name in names)


def test_two_w_in_one_model(spillover, tmp_path, states):
    """-w twice is a list of W; the same W twice is refused as in Python."""
    both = ("-w", "queen", "-w", "knn:k=12", "--model", "sar")
    table = tmp_path / "fit.csv"
    status, _, _ = spillover("fit", US, "log(gsp) ~ log(emp) + unemp", *both, "-o", table)
    assert status == 0
    near = wt.knn(states, k=12).standardize("row")
    fit = sp.sar("log(gsp) ~ log(emp) + unemp", shapefiles.load_panel("us_states"),
                 [wt.queen(states).standardize("row"), near], entity="state", time="year")
    assert pd.read_csv(table).set_index("term")["estimate"].to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    status, out, _ = spillover("effects", US, "log(gsp) ~ log(emp) + unemp", *both, "--inference", "delta")
    assert status == 0
    assert "through W_2" in out
    assert spillover("fit", US, "log(gsp) ~ log(emp)", "-w", "queen", "-w", "queen")[0] == 3
