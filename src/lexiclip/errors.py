"""The one error users meet: bad input, said in one line that tells what to do next."""

import sys
from collections.abc import Callable

LONGEST = 8000  # characters of a message: room for a list of images


class InputError(Exception):
    """Something the user gave (a file, a param, an image) cannot be used; the message is one whole line.

    Line ends in it (a file may hold anything) become spaces, and the middle of an endless one is left out.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.splitlines())
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} … {line[3 - LONGEST // 2 :]}"
        super().__init__(line)


def run_stage(main: Callable[[], None]) -> None:
    """Run `main`; an InputError ends the process with its one line on stderr and exit code 1."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
