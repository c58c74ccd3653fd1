"""The one error that users see: bad input or a full disk, in one line that says what to do."""

import difflib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

INTERRUPTED = "interrupted: finished work is kept, run again to go on"
PATIENCE = 30  # seconds after Ctrl-C in which everything open may be closed

LONGEST = 8000  # characters of a message: room for a list of images


class InputError(Exception):
    """Something the user gave (a file, a param, a disk) cannot be used; the message is one line.

    Line breaks in it become spaces, and the middle of a very long message is left out.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.splitlines())
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} … {line[3 - LONGEST // 2 :]}"
        super().__init__(line)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest of `known`, or nothing if none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def cannot_write(path: str | Path, error: Exception) -> InputError:
    """The InputError for a failed write of `path`, from the error of the OS, numpy or safetensors."""
    reason = getattr(error, "strerror", None) or str(error).split(": ")[-1]
    return InputError(
        f"{path}: cannot be written ({reason}): make room or allow it and run again, finished work is kept"
    )


def run_stage(main: Callable[[], None]) -> None:
    """Run `main`; an InputError or a full disk ends the process with one line on stderr and exit code 1.

    Ctrl-C ends it with one line and exit code 130, even where threads or workers do not let go.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    watched = usual and threading.current_thread() is threading.main_thread()
    try:
        if watched:
            signal.signal(signal.SIGINT, _interrupted)
        main()
        return
    except InputError as error:
        line, code = f"error: {error}", 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        line, code = f"error: {cannot_write(error.filename or Path.cwd(), error)}", 1
    except KeyboardInterrupt:
        line, code = INTERRUPTED, 130
    finally:
        if watched:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    # Printed once the traceback is released, so that progress bars have closed their lines.
    print(line, file=sys.stderr)
    raise SystemExit(code)


def _interrupted(*_: object) -> None:
    """What Python does at Ctrl-C, and the process's end if that hangs."""
    end = threading.Timer(PATIENCE, _end)
    end.daemon = True
    end.start()
    raise KeyboardInterrupt


def _end() -> None:
    print(INTERRUPTED, file=sys.stderr, flush=True)
    os._exit(130)
