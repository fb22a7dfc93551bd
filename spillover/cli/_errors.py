"""Errors and warnings as lines a person can act on, and exit statuses a script can."""

from __future__ import annotations

import logging
import os
import sys
import warnings

from spillover import __version__
from spillover.address import refuse_password
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.files import redacted

from ._language import in_shell
from ._progress import shown

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def run(build) -> int:
    """Call the application that ``build`` returns for the words of the command line; print what went wrong on stderr;
    return the exit status."""
    words, anywhere = _anywhere(sys.argv[1:])
    sys.argv[1:] = words
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without the characters still gets the numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if anywhere["quiet"] else "default")
        warnings.showwarning = _show_warning
        logging.disable(logging.WARNING)  # libraries' own, such as matplotlib's about fonts
        try:
            status = _status(build, words, anywhere)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # the reader of our output has enough, as in "| head"; the interpreter flushes once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        finally:
            logging.disable(logging.NOTSET)


def _status(build, words: list[str], anywhere: dict) -> int:
    """Run the command; print what went wrong. BrokenPipeError where nobody reads on."""
    try:
        if anywhere["version"]:
            print(f"spillover {__version__}")
            return 0
        for word in words:
            refuse_password(word)
        with shown(anywhere["progress"], anywhere["quiet"]):
            completing = "_SPILLOVER_COMPLETE" in os.environ
            status = build(None if completing else words)(prog_name="spillover", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        raise
    except SystemExit as error:  # the completion of shells leaves this way, and the parser where nobody reads on
        if isinstance(error.__context__, OSError):
            raise BrokenPipeError from error
        return error.code if isinstance(error.code, int) else 0
    except (Exception, KeyboardInterrupt) as error:
        if anywhere["debug"]:
            import traceback

            say("".join(traceback.format_exception(error)))
        return _explain(error, as_json="--json" in words)


FLAGS = {"--debug": "debug", "--quiet": "quiet", "-q": "quiet", "--version": "version"}


def _anywhere(words: list[str]) -> tuple[list[str], dict]:
    """The command line without the flags that belong to no command, and these; words after -- stay as they are."""
    anywhere, kept = {"debug": False, "quiet": False, "version": False, "progress": "auto"}, []
    rest = iter(words)
    for word in rest:
        if word == "--":
            kept += [word, *rest]
        elif word in FLAGS:
            anywhere[FLAGS[word]] = True
        elif word == "--progress":
            anywhere["progress"] = next(rest, "")
        elif word.startswith("--progress="):
            anywhere["progress"] = word.partition("=")[2]
        else:
            kept.append(word)
    return kept, anywhere


def _explain(error: BaseException, *, as_json: bool = False) -> int:
    """Say on stderr what went wrong, with --json also on stdout; the exit status for it."""
    import typer

    if isinstance(error, SpatialInputError):
        say(in_shell(str(error)))
        if as_json:
            from .output import error_json

            print(redacted(error_json(error)))
        return error.exit_status
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, typer.Exit):
        return error.exit_code
    if hasattr(error, "format_message"):  # the parser's own: a missing or unknown option
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
        else:
            say(f"{error.format_message()}\n  next:  {_usage(error)}")
        return USAGE
    say(f"failed: {type(error).__name__}: {error}\n  next:  run it again with --debug and report the traceback")
    return FAILED


def _usage(error) -> str:
    """Where to read on after a command line that the parser refuses."""
    at = getattr(error, "ctx", None)
    path = at.command_path if at else "spillover"
    if "extra argument" in error.format_message() and path != "spillover":
        return f"a map beside a table is --map FILE; {path} --help"
    commands = at.command.list_commands(at) if at and hasattr(at.command, "list_commands") else []
    return f"{path} with one of {', '.join(commands)}" if commands else f"{path} --help"


def say(text: str) -> None:
    print(redacted(text), file=sys.stderr)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Ours in one line; other libraries' only their text."""
    if issubclass(category, SpatialInputWarning):
        say(f"warning: {in_shell(str(message))}")
