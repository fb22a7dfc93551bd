"""The text of each result: see ``spillover.show``."""

ANSWERS: dict[tuple[str, str], str] = {}
