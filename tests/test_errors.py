"""What a stage's user sees of an error: one line for bad input and full disks, a traceback for a bug."""

import errno
import signal
import subprocess
import sys

import pytest
from tqdm import tqdm

from lexiclip.errors import LONGEST, InputError, run_stage


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("params.yaml: train.lr: unknown key"), 1, "error: params.yaml: train.lr: unknown key"),
        (
            OSError(errno.ENOSPC, "No space left on device", "data/a.partial"),
            1,
            "error: data/a.partial: cannot be written (No space left on device): make room or allow it and "
            "run again, finished work is kept",
        ),
        (KeyboardInterrupt(), 130, "interrupted: finished work is kept, run again to go on"),
    ],
)
def test_an_error_is_one_line_on_stderr_and_an_exit_code(capsys, error, code, line):
    with pytest.raises(SystemExit) as stopped:
        run_stage(lambda: fail(error))
    assert stopped.value.code == code and capsys.readouterr() == ("", line + "\n")


def test_the_line_comes_after_the_progress_bar(capsys):
    def images():
        yield from tqdm(range(3))

    def main():
        for _ in images():
            raise InputError("one line")

    with pytest.raises(SystemExit):
        run_stage(main)
    assert capsys.readouterr().err.endswith("\nerror: one line\n")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: 1 / 0)
    with pytest.raises(FileNotFoundError):
        run_stage(lambda: fail(FileNotFoundError(errno.ENOENT, "No such file or directory", "a.json")))


def test_what_a_file_holds_makes_no_message_longer_than_a_line():
    assert str(InputError("a.json: no class 'dog\ncat\u2028cow\r\n'")) == "a.json: no class 'dog cat cow '"
    said = str(InputError(f"a.json: unknown {'x' * 20_000}: choose cat or dog"))
    assert len(said) == LONGEST and said.startswith("a.json: unknown x") and said.endswith("cat or dog")
    assert str(InputError("x" * LONGEST)) == "x" * LONGEST


HANGS = """
import threading, time
import lexiclip.errors as errors
errors.PATIENCE = 0.2
def main():
    print("ready", flush=True)
    try:
        time.sleep(60)
    finally:
        threading.Event().wait()  # a worker that does not let go
errors.run_stage(main)
"""


def test_ctrl_c_ends_a_stage_whose_workers_do_not_let_go():
    stage = subprocess.Popen(
        [sys.executable, "-c", HANGS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl-C, and so would we.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    stage.stdout.readline()
    stage.send_signal(signal.SIGINT)
    _, said = stage.communicate(timeout=60)
    assert stage.returncode == 130 and said == "interrupted: finished work is kept, run again to go on\n"


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_ctrl_c_is_as_it_was_afterwards(handler):
    """A program in the background ignores it."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        run_stage(lambda: None)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
