"""Outputs: refused before the work where they cannot be written, and never left half done."""

import errno
import os

import pandas as pd
import pytest

from spillover import files
from spillover.errors import SpatialInputError
from spillover.files import check_outputs, redacted, replacing, write_table
from spillover.inputs import check_input


def refused(code, call, *args, **options):
    with pytest.raises(SpatialInputError) as caught:
        call(*args, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return str(caught.value)


def test_targets_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "old.csv").write_text("a\n1\n")
    bad = {"another suffix": ("E501", tmp_path / "out.exe"), "a folder": ("E605", tmp_path / "dir.csv"),
           "below a file": ("E605", tmp_path / "file" / "out.csv"), "exists": ("E603", tmp_path / "old.csv"),
           "name too long": ("E605", tmp_path / ("x" * 300 + ".csv")), "no place": ("E605", "/proc/out.csv"),
           "zero byte": ("E605", "a\0b.csv")}
    before = sorted(tmp_path.iterdir())
    for why, (code, path) in bad.items():
        frame = pd.DataFrame({"a": [1]})
        if why != "no place":  # /proc denies when written to, whoever asks
            refused(code, check_outputs, [path], suffixes=[".csv", ".parquet"] if why == "another suffix" else None)
        refused(code, write_table, frame, path)
        assert sorted(tmp_path.iterdir()) == before, why
    assert (tmp_path / "old.csv").read_text() == "a\n1\n"
    check_outputs([tmp_path / "new" / "deep" / "out.csv", None], suffixes=[".csv"])
    assert not (tmp_path / "new").exists()


def test_the_same_file_is_not_read_and_written(tmp_path):
    path = tmp_path / "panel.csv"
    path.write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(path)
    for target in (path, tmp_path / "." / "panel.csv", tmp_path / "link.csv"):
        assert "read" in refused("E605", check_outputs, [target], overwrite=True, inputs=[None, "example:x", path])
    check_outputs([tmp_path / "other.csv"], inputs=[path])


def test_a_full_disk_and_a_folder_without_permission(tmp_path, monkeypatch):
    full = type("Usage", (), {"free": 1000, "total": 10**9})
    with monkeypatch.context() as patch:
        patch.setattr(files.shutil, "disk_usage", lambda folder: full)
        assert "full" in refused("E605", check_outputs, [tmp_path / "x.csv"])

        def driver_fails():
            with replacing(tmp_path / "sub" / "x.gpkg") as part:
                part.write_text("half")
                part.with_name(part.name + "-journal").write_text("half")
                raise RuntimeError("failed to write features")

        assert "no space" in refused("E605", driver_fails)
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "access", lambda folder, mode: False)
        assert "permission" in refused("E605", check_outputs, [tmp_path / "x.csv"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT, errno.EISDIR])
def test_every_error_of_the_system_is_told_and_leaves_nothing(number, tmp_path):
    earlier = tmp_path / "kept.csv"
    earlier.write_text("earlier")

    def write(path, overwrite):
        with replacing(path, overwrite=overwrite) as part:
            part.write_text("half")
            raise OSError(number, os.strerror(number))

    assert os.strerror(number) in refused("E605", write, tmp_path / "a" / "b" / "out.csv", False)
    refused("E605", write, earlier, True)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.csv"]
    assert earlier.read_text() == "earlier"


def test_errors_that_are_not_of_the_disk_pass_and_leave_nothing(tmp_path):
    def write(error):
        with replacing(tmp_path / "new" / "x.csv") as part:
            part.write_text("half")
            raise error

    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error):
            write(error)
    assert list(tmp_path.iterdir()) == []
    with replacing(tmp_path / "new" / "x.csv") as part:
        part.write_text("whole")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["x.csv"]


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(SpatialInputError), replacing(tmp_path / "mine" / "x.csv") as part:
        raise OSError(errno.EIO, "broken")
    assert (tmp_path / "mine").is_dir()
    assert not part.exists()


def test_inputs(tmp_path):
    (tmp_path / "panel.csv").write_text("a\n1\n")
    (tmp_path / "empty.csv").write_text("")
    assert check_input(tmp_path / "panel.csv").name == "panel.csv"
    assert "panel.csv" in refused("E601", check_input, tmp_path / "panell.csv")
    assert "panel.csv" in refused("E602", check_input, tmp_path)
    refused("E602", check_input, tmp_path / "empty.csv")
    refused("E601", check_input, tmp_path / ("x" * 300))
    refused("E601", check_input, tmp_path / "panel.csv" / "x.csv" / "y.csv")
    refused("E602", check_input, "/dev/null")
    for text in ("https://a.b/c.csv", "PG:dbname=x", "/vsizip/x.zip", "a\0b"):
        refused("E608", check_input, text)


def test_passwords_are_cut_out():
    for text in ("PG:host=x password=hunter2 user=y", "Server=x;Pwd=hunter2;Database=z", "a://u:hunter2@h/p?x=1",
                 "token='hunter2 3'", 'PASSWORD = "hunter2"', "https://h/?api_key=hunter2&b=1"):
        assert "hunter2" not in redacted(text)
        assert "***" in redacted(text)
    assert redacted("monkey.csv keyboard=3") == "monkey.csv keyboard=3"
