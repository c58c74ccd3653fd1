"""Whatever a file holds, a reader reads it or ends in one line that names it: nothing else, soon.

A failure names the reader and the number of the input, which make it again.
"""

import random
import resource
import signal
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fuzz import reading_images, reading_models, reading_resumes, reading_scores, reading_texts
from tests.fuzz.mutations import mutated_file

from lexiclip.errors import LONGEST, InputError
from lexiclip.images.views import load_rgb

# A damaged image may earn a warning of PIL's.
pytestmark = pytest.mark.filterwarnings("ignore")
READERS = (
    reading_texts.READERS
    | reading_images.READERS
    | reading_scores.READERS
    | reading_models.READERS
    | reading_resumes.READERS
)
SECONDS, GIGABYTE = 10, 2**30  # of processor time; of memory

# Files that may be empty, as a list of nothing, and files that a reader does without.
MAY_BE_EMPTY = {
    "jsonl: a.jsonl", "yaml: a.yml", "captions.txt: a.txt", "captions.jsonl: a.jsonl",
    "answers: answers.jsonl", "voc image set: test.txt",
}  # fmt: skip
MAY_BE_MISSING = {
    "voc annotations: a.xml", "voc annotations: b.xml",
    "transformers' folder: preprocessor_config.json",
}  # fmt: skip


class Hang(BaseException):
    """No Exception, so that no reader can catch it."""


@contextmanager
def bounded():
    """No reader of a small file needs long, or a gigabyte more: then comes Hang, or allocations fail."""

    def hang(number, frame):
        raise Hang

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GIGABYTE
    old, (soft, hard) = signal.signal(signal.SIGPROF, hang), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, old)


def is_refused(read, folder: Path) -> bool:
    """True if `read` ends in an InputError as it should be; AssertionError for whatever else leaves it."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        read(folder)
    except InputError as error:
        said = str(error)
        assert len(said.splitlines()) == 1 and len(said) <= LONGEST and str(folder) in said
        return True
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return False


def good_input(name: str, folder: Path) -> dict[Path, bytes]:
    """Make the reader's good input; its files that are to be broken."""
    READERS[name].make(folder)
    found = (path for path in sorted(folder.rglob(READERS[name].broken)) if path.is_file())
    return {path: path.read_bytes() for path in found}


@pytest.mark.parametrize("name", READERS)
def test_only_an_input_error_leaves_a_reader(name, tmp_path):
    good, reader, refused = good_input(name, tmp_path), READERS[name], 0
    assert not is_refused(reader.read, tmp_path)
    with bounded():
        for number in range(reader.count):
            rng = random.Random(f"{name} {number}")
            path = rng.choice(list(good))
            path.write_bytes(mutated_file(path.name, good[path], rng))
            try:
                refused += is_refused(reader.read, tmp_path)
            except BaseException as error:
                made = f"{name}, input {number}, {path.name}: {path.read_bytes()!r:.999}"
                raise AssertionError(f"{error!r:.999} left the reader of {made}") from None
            path.write_bytes(good[path])
    assert 0 < refused < reader.count


@pytest.mark.parametrize("name", READERS)
def test_a_file_may_be_missing_empty_or_a_folder(name, tmp_path):
    for path, content in good_input(name, tmp_path).items():
        file = f"{name}: {path.name}"
        path.write_bytes(b"")
        assert is_refused(READERS[name].read, tmp_path) == (file not in MAY_BE_EMPTY)
        path.unlink(missing_ok=True)  # what a run resumed from is gone once it is done
        assert is_refused(READERS[name].read, tmp_path) == (file not in MAY_BE_MISSING)
        path.mkdir()
        assert is_refused(READERS[name].read, tmp_path)
        path.rmdir()
        path.write_bytes(content)


@pytest.mark.parametrize(("bits", "colours"), [(1, 0), (8, 2), (16, 6)])
def test_a_small_file_that_unfolds_to_gigabytes_is_refused(bits, colours, tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 60_000
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, colours, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b""))
    with bounded(), pytest.raises(InputError, match="60000 by 60000 pixels, more than 500 million"):
        load_rgb(tmp_path / "a.png")
