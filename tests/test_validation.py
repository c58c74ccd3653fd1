"""Content that is not of its kind; the messages of each file are tested where the file is read."""

import pytest
from pydantic import create_model

from lexiclip.errors import InputError
from lexiclip.validation import checked


def test_a_missing_key_is_told_without_all_that_stands_around_it():
    row = create_model("Row", name=(str, ...), answer=(str, ...))
    with pytest.raises(InputError, match=r"^rows: answer: field required$"):
        checked(row, {"name": "dog"}, "rows")
