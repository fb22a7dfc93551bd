"""Formulas, tables, weights, maps and study files as strangers hand them in, at random; and what each door says."""

from __future__ import annotations

import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from shapely import box

import spatial as sp
import weights as wt
from spillover.cli.study.file import read_study
from spillover.errors import SpatialInputError
from spillover.tables import read_table

SECONDS = 10.0  # the longest that a door may take
CELLS = gpd.GeoDataFrame({"id": ["01", "02", "03", "04"], "é 1": [1.0, 2, 4, 3]},
                         geometry=[box(i, 0, i + 1, 1) for i in range(4)], crs=4326)  # fmt: skip
W = wt.queen(CELLS.set_index("id"))

# -- what is written -----------------------------------------------------------------------------------------------


def joined(*words, most=40):
    """Words in any order."""
    return st.lists(st.sampled_from(words), max_size=most).map("".join)


def as_bytes(text):
    return text.map(lambda t: t.encode("utf-8", "surrogatepass"))


EDITS = st.lists(st.tuples(st.sampled_from(["flip", "cut", "twice", "insert", "end"]), st.floats(0, 1), st.floats(0, 1),
                           st.binary(min_size=1, max_size=6)), max_size=6)  # fmt: skip


def edited(raw: bytes, edits, pieces: tuple[bytes, ...] = ()) -> bytes:
    """A file with some bytes turned, parts cut out or repeated, and pieces put in."""
    for kind, at, much, piece in edits:
        i = int(at * len(raw))
        j = i + int(much**3 * (len(raw) - i))
        if pieces and piece[0] < 128:
            piece = pieces[piece[0] % len(pieces)]
        match kind:
            case "flip":
                raw = raw[:i] + bytes(255 - b for b in raw[i : i + 1]) + raw[i + 1 :]
            case "cut":
                raw = raw[:i] + raw[j:]
            case "twice":
                raw = raw[:j] + raw[i:j] + raw[j:]
            case "insert":
                raw = raw[:i] + piece + raw[i:]
            case "end":
                raw = raw[:i]
    return raw


def versions_of(*valid: bytes, pieces: tuple[bytes, ...] = ()):
    """Valid files, edited."""
    return st.tuples(st.sampled_from(valid), EDITS).map(lambda case: edited(*case, pieces))


# -- the doors -----------------------------------------------------------------------------------------------------

WORDS = ("y", "x", "z", "g", "d", "`a b`", "`", "import", "é", "rho", "1", "0", "2", "1e999", "1.5", "٣", "+", "-",
         "*", "/",
         ":", "^", "**", "~", " ~ ", "|", "(", ")", "{", "}", ",", ".", "[", "]", "@", "=", "\0", "\n", '"', "log(",
         "I(", "C(",
         "poly(", "lag(", "center(", "scale(", "abs(", "exp(", "W(", "%in%", "lambda", "None", "True", "if",
         "__import__('os')",
         "ﬁ", "y ~ x", "x:g", "I(x**2)", "poly(x, 2)", "999999")  # fmt: skip
FORMULAS = ("y ~ x + z", "log(y) ~ I(x**2) + C(g) | unit + time", "y ~ (x + z)**2 + poly(x, 3)", "y ~ x:z + lag(x, 1)",
            "exp(y) ~ 0 + {x*z} + scale(x) + `a b`", "y ~ x*g - z %in% d", "y ~ center(log(abs(x) + 1)) + 1000:z")
TOML = (b'""', b"1", b"-1", b"1.5", b"nan", b"inf", b"true", b"[]", b"{}", b"[[1]]", b'"x"', b"\n", b"=", b"[data]",
        b'"\\u0000"',
        b"1979-05-27", b"99999999999999999999", b'"queen:order=9"', b'"knn:k=0"', b'"knn:k=99"', b'"/etc"',
        b'"example:nothing"',
        b'["y"]', b"a.b", b"'''", b"[steps.moran]\ncolumns = ['y']", b"[columns]\nz = 'log(y) + x / 0'",
        b'"\xe9"')  # fmt: skip
STUDY = b"""title = "A study"
formula = "y ~ x"
model = "sar"
draws = 99
seed = 1
lang = "en"
[data]
map = "map.gpkg"
id = "id"
panel = "panel.csv"
unit = "id"
period = "year"
periods = [2001, 2003]
[weights]
"a queen" = "queen"
near = "knn:k=2"
[columns]
logy = "log(y)"
[words]
y = "output"
[options]
effects = "entity"
[steps.moran]
columns = ["y"]
[steps.tests]
"""
KML = b"""<kml><Document><Placemark><name>a</name><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 0,0
</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"""
XML = (b"<kml>", b"</kml>", b"<Placemark>", b"</Placemark>", b"<Polygon>", b"</Polygon>", b"<Point>", b"</Point>",
       b"0,0", b" 1,0",
       b"<outerBoundaryIs>", b"</outerBoundaryIs>", b"<coordinates>", b"</coordinates>", b"<Folder>", b"</Folder>",
       b"&lol;",
       b'<!DOCTYPE x [<!ENTITY lol "lol">]>', b"<NetworkLink><href>http://127.0.0.1:9/a</href></NetworkLink>")
JSON = (b"{", b"}", b"[", b"]", b",", b":", b'"type"', b'"FeatureCollection"', b'"features"', b'"Feature"',
        b'"geometry"',
        b'"Point"', b'"coordinates"', b'"properties"', b'"crs"', b'"name"', b"1", b"null", b'"EPSG:4326"',
        b'"\\u0063rs"', b"1e999")
FRAME = pd.DataFrame({"unit": list("abcd") * 5, "time": np.repeat(range(5), 4), "y": np.arange(1.0, 21) ** 1.5,
                      "x": np.cos(np.arange(20)), "z": np.sin(np.arange(20.0) ** 2), "g": list("pqrsp") * 4,
                      "d": np.arange(20) % 3 == 0, "a b": np.arange(20) % 7, "import": 1.0, "é": np.arange(20.0) % 5,
                      "rho": np.arange(20) % 4, "ﬁ": np.tanh(np.arange(20.0))})  # fmt: skip
RING = wt.lattice(2, 2).standardize("row")
PANEL = pd.DataFrame({"id": ["01", "02", "03", "04"] * 3, "year": np.repeat([2001, 2002, 2003], 4),
                      "y": np.arange(1, 13.0), "x": np.cos(np.arange(12))}).to_csv(index=False)  # fmt: skip


def fitted(text: str):
    names = dict(zip("abcd", RING.ids))
    frame = FRAME.assign(unit=FRAME["unit"].map(names))
    return sp.ols(text, frame, RING, entity="unit", time="time", effects="none").params


def from_folder(read: Callable, name: str, beside: dict[str, bytes] | None = None) -> Callable:
    """Read bytes from a file; whatever is beside it must be there afterwards, and nothing else."""

    def run(raw: bytes, folder: Path):
        for other, content in {**(beside or {}), name: raw}.items():
            (folder / other).write_bytes(content)
        before = sorted(p.name for p in folder.rglob("*"))
        try:
            return read(folder / name)
        finally:
            assert sorted(p.name for p in folder.rglob("*")) == before, "a file was left"

    return run


@dataclass(frozen=True)
class Target:
    """A door, and what to hand in: valid files that are edited, or words and bytes of any kind."""

    read: Callable
    strategy: st.SearchStrategy = field(repr=False)


def written(folder: Path) -> dict[str, bytes]:
    """One valid file of every format."""
    w = W.standardize("row")
    numbered = wt.lattice(2, 2)
    for suffix in (".parquet", ".gwt", ".kwt", ".csv", ".xlsx", ".dta", ".txt", ".mat"):
        w.save(folder / f"w{suffix}")
    W.save(folder / "w.gal")
    numbered.save(folder / "w.swm")
    table = pd.DataFrame({"id": ["01", "02", "NA"], "y": [1.5, -2, np.nan], "é": ["a,b", 'q"', "北京"]})
    for suffix, write in ((".csv", "to_csv"), (".parquet", "to_parquet"), (".xlsx", "to_excel")):
        getattr(table, write)(folder / f"t{suffix}")
    table.rename(columns={"é": "e"}).to_stata(folder / "t.dta", version=118)
    table.to_csv(folder / "t.tsv", sep="\t")
    for suffix in (".gpkg", ".geojson", ".fgb", ".shp"):
        CELLS.rename(columns={"é 1": "e"}).to_file(folder / f"m{suffix}")
    CELLS.to_parquet(folder / "m.parquet")
    (folder / "m.kml").write_bytes(KML)
    with zipfile.ZipFile(folder / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "m.geojson", "m.geojson")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def targets(files: dict[str, bytes]) -> dict[str, Target]:
    """All doors by name."""
    any_text = as_bytes(joined("0", "1", "-1", "a", "b", "1.5", "nan", "inf", "1e999", "é", "北", " ", "\t", ",", ";",
                               "\n",
                               "\r\n", '"', "2", "110000", "²", "1_0", "0x1", "\0", "\ufeff", "focal", "neighbor",
                               "weight"))
    written_wrong = versions_of(*(f.encode() for f in FORMULAS), pieces=tuple(w.encode() for w in WORDS))
    formulas = joined(*WORDS) | st.text(max_size=30) | written_wrong.map(lambda raw: raw.decode("utf-8", "replace"))
    out = {"formula": Target(lambda text, folder: fitted(text), formulas)}
    for name in (name for name in files if name[0] in "wt" and name[1] == "."):
        read = wt.load if name[0] == "w" else read_table
        plain = Path(name).suffix in (".gal", ".gwt", ".kwt", ".csv", ".txt", ".tsv")
        strategy = versions_of(files[name], pieces=(b"nan", b"1e999", b",", b"\n", b"\t", b'"', b"-1", "é".encode()))
        out[name] = Target(from_folder(read, name), strategy | (any_text if plain else st.binary(max_size=300)))
    shapes = {name: raw for name, raw in files.items() if name in ("m.shx", "m.dbf", "m.prj")}
    for name, pieces in {"m.gpkg": (), "m.geojson": JSON, "m.fgb": (), "m.shp": (), "m.parquet": (), "m.kml": XML,
                         "m.zip": ()}.items():  # fmt: skip
        beside = shapes if name == "m.shp" else {}
        other = as_bytes(joined(*(piece.decode() for piece in pieces))) if pieces else st.binary(max_size=300)
        out[name] = Target(from_folder(wt.read_map, name, beside), versions_of(files[name], pieces=pieces) | other)
    study = {"map.gpkg": files["m.gpkg"], "panel.csv": PANEL.encode()}
    studies = versions_of(STUDY, pieces=TOML) | st.binary(max_size=99)
    out["study"] = Target(from_folder(read_study, "s.toml", study), studies)
    return out


def tried(target: Target, folder: Path, *, examples: int, start: int = 0) -> None:
    """Hand in some inputs: each gives an object, or an error of ours with a next step, soon."""

    @settings(max_examples=examples, deadline=None, database=None)
    @seed(start)
    @given(target.strategy)
    def run(content):
        begin = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                refused = None if target.read(content, folder) is not None else "nothing"
            except SpatialInputError as error:
                refused = error
        assert refused is None or (refused.hint and len(str(refused)) < 2_000), refused
        assert time.monotonic() - begin < SECONDS, "it froze"

    run()
