"""Errors and warnings as lines a person can act on, and exit statuses a script can."""

from __future__ import annotations

import os
import sys
import warnings

from spillover.errors import SpatialInputError, SpatialInputWarning

from ._progress import QUIET

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def run(app) -> int:
    """Call the application; print what went wrong on stderr; return the exit status."""
    debug, quiet = _flag("--debug"), _flag("--quiet", "-q")
    QUIET.set(quiet)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without the characters still gets the numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if quiet else "default")
        warnings.showwarning = _show_warning
        try:
            status = app(standalone_mode=False)
            sys.stdout.flush()
            return status if isinstance(status, int) else 0
        except (BrokenPipeError, SystemExit):  # the reader of our output has enough, as in "| head"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
            return 0
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                import traceback

                traceback.print_exception(error)
            return _explain(error)


def _flag(*names: str) -> bool:
    """Whether a flag stands anywhere in the command; it is taken out, since it belongs to no command."""
    there = any(name in sys.argv for name in names)
    sys.argv[1:] = [word for word in sys.argv[1:] if word not in names]
    return there


def _explain(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit status for it."""
    import typer

    if isinstance(error, SpatialInputError):
        say(str(error))
        return error.exit_status
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, typer.Exit):
        return error.exit_code
    if hasattr(error, "format_message"):  # the parser's own: a missing or unknown option
        if message := error.format_message():  # empty where the help was printed, for want of a command
            say(f"{message}\n  next:  {_usage(error)}")
        return USAGE
    say(f"failed: {type(error).__name__}: {error}\n  next:  run it again with --debug and report the traceback")
    return FAILED


def _usage(error) -> str:
    """Where to read on after a command line that the parser refuses."""
    at = getattr(error, "ctx", None)
    path = at.command_path if at else "spillover"
    commands = at.command.list_commands(at) if at and hasattr(at.command, "list_commands") else []
    return f"{path} with one of {', '.join(commands)}" if commands else f"{path} --help"


def say(text: str) -> None:
    print(text, file=sys.stderr)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Ours in one line; other libraries' only their text."""
    if issubclass(category, SpatialInputWarning):
        say(f"warning: {message}")
