"""How a command fails: one message on stderr and the exit code of its kind, no traceback unless ``--debug``."""

from __future__ import annotations

import errno
import os
import sys
import time
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from reldistill.errors import DataError, PluginError, ReldistillError, Stopped, UsageError
from reldistill.launch import report_exit_code, under_torchrun

__all__ = ["GuardedGroup", "is_loader_error", "show_tracebacks"]

FAILED, DATA, INTERRUPTED = 1, 3, 130

FIRST_SPEAKS = 5.0
"""Seconds."""

_debug = False


def show_tracebacks(wanted: bool) -> None:
    """Let errors through as they are, for ``--debug``."""
    global _debug
    _debug = wanted


class GuardedGroup(TyperGroup):
    """Runs a command and turns what it raises into a message and an exit code."""

    def run(self, ctx: Any) -> Any:
        """Run it; what this raises is guarded."""
        return super().invoke(ctx)

    def invoke(self, ctx: Any) -> Any:
        try:
            return self.run(ctx)
        except ReldistillError as error:
            raise _exit(error, str(error), error.exit_code) from error
        except Stopped as error:
            raise _exit(error, _stopped_message(error), error.exit_code, level="") from error
        except KeyboardInterrupt as error:
            raise _exit(error, "interrupted", INTERRUPTED) from error
        except BrokenPipeError:
            # Whoever read the output has enough; Python must not complain when it closes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except OSError as error:
            raise _exit(error, _disk_message(error), FAILED) from error
        except ImportError as error:
            if "reldistill_loader" not in str(error):
                raise
            message = (
                "the loader's native module was not built\nInstall the package again where a Rust toolchain is at hand."
            )
            raise _exit(error, message, FAILED) from error
        except Exception as error:
            if is_loader_error(error):
                raise _exit(error, str(error), DATA) from error
            raise


def _exit(error: BaseException, message: str, code: int, level: str = "error: ") -> typer.Exit:
    if _debug:
        traceback.print_exception(error)
    if _said_by_the_first(error):
        time.sleep(FIRST_SPEAKS)  # torchrun ends all when one ends: the first is to have spoken by then
    else:
        typer.secho(level + message, err=True, fg="red" if sys.stderr.isatty() else None)
    if not isinstance(error, ReldistillError) or not error.of_another:
        report_exit_code(code)
    return typer.Exit(0 if under_torchrun() and isinstance(error, Stopped) else code)


def _said_by_the_first(error: BaseException) -> bool:
    """Whether this is one process of several, and the first of them meets the same."""
    if os.environ.get("RANK", "0") == "0":
        return False
    settled: bool | None = getattr(error, "said_by_another", None)
    if settled is not None:
        return settled
    return isinstance(error, Stopped | UsageError | DataError | PluginError) or getattr(error, "of_another", False)


def _stopped_message(error: Stopped) -> str:
    if error.kept is not None:
        return f"{error}; {error.kept}. The same command goes on from there."
    if error.saved_step is None:
        return f"{error}, before anything new was trained. The same command does it again."
    how = "The same command without --resume goes" if error.resume_given else "The same command goes"
    return f"{error}, behind step {error.saved_step:,}, which is saved. {how} on from there."


def _disk_message(error: OSError) -> str:
    place = f": {error.filename}" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{place}\nWhat was written under its final name is whole. Make room and run the same command again."
    return f"{error.strerror or error}{place}"


def is_loader_error(error: Exception) -> bool:
    """Whether the loader says what is wrong with text or corpus."""
    loader = sys.modules.get("reldistill_loader")
    return loader is not None and isinstance(error, loader.LoaderError)
