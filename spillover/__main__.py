"""``python -m spillover`` is the command line."""

from spillover.cli import main

main()
