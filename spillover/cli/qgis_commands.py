"""``spillover qgis install`` and ``doctor``: the plugin for QGIS's Processing toolbox, and what is wrong with it."""

from __future__ import annotations

from typing import Annotated

import typer

from .groups import App, Output, command

PROFILE = Annotated[str, typer.Option(help="Name or folder of a profile of QGIS.")]


def register(app: App) -> None:
    command(app)(install)
    command(app)(doctor)


def install(output: Output, *, profile: PROFILE = "default") -> None:
    """Copy the plugin into a profile of QGIS, tell it which command to run, and switch it on.

    Examples:
      spillover qgis install
      spillover qgis install --profile ./portable
    """
    import pandas as pd

    from . import output as out
    from .qgis_profile import Profile

    out.check(output)
    place = Profile.of(profile)
    place.install()
    frame = pd.DataFrame({"what": ["plugin", "command"], "where": [str(place.plugin), " ".join(place.command)]})
    text = (f"Installed in {place.plugin}\nIt runs: {' '.join(place.command)}\n"
            "Start QGIS again: the Processing toolbox has a group Spillover.")  # fmt: skip
    out.show(text, lambda: frame, output)


def doctor(output: Output, *, profile: PROFILE = "default") -> None:
    """What is wrong with the plugin in a profile of QGIS, and what mends it; exit status 1 where something is.

    Examples:
      spillover qgis doctor
      spillover qgis doctor --json
    """
    import pandas as pd

    from . import output as out
    from .qgis_profile import Profile

    out.check(output)
    checks = Profile.of(profile).checks()
    frame = pd.DataFrame(checks, columns=["check", "state", "next"])
    lines = [f"{state:<8} {check}" + (f"\n         next: {hint}" if hint else "") for check, state, hint in checks]
    out.show("\n".join(lines), lambda: frame, output)
    if (frame["state"] == "wrong").any():
        raise typer.Exit(1)
