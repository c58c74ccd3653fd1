"""The one error users meet: bad input, said in one line that tells what to do next."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """Something the user gave (a file, a param, an image) cannot be used; the message is one whole line."""


def run_stage(main: Callable[[], None]) -> None:
    """Run `main`; an InputError ends the process with its one line on stderr and exit code 1."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
