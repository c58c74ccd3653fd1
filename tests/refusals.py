"""What the user is told of bad input."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lexiclip.errors import InputError


@contextmanager
def refused(*said: str) -> Iterator[None]:
    """A block that must end in an InputError (which is one line) that holds every text of `said`."""
    with pytest.raises(InputError) as error:
        yield
    for text in said:
        assert text in str(error.value)
