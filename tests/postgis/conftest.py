"""The command line in this process."""

from tests.cli.conftest import spillover  # noqa: F401
