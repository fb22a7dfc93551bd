"""The command line in this process, and QGIS where there is one."""

from tests.cli.conftest import spillover  # noqa: F401
from tests.qgis.conftest import in_qgis, qgis_python  # noqa: F401
