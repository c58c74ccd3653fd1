"""What a stage's user sees of an error: one line for bad input, the whole traceback for a bug."""

import pytest

from lexiclip.errors import InputError, run_stage


def fail(error):
    raise error


def test_bad_input_is_one_line_on_stderr_and_exit_code_1(capsys):
    with pytest.raises(SystemExit) as stopped:
        run_stage(lambda: fail(InputError("params.yaml: train.lr: unknown key")))
    assert stopped.value.code == 1
    assert capsys.readouterr() == ("", "error: params.yaml: train.lr: unknown key\n")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: 1 / 0)


def test_a_stage_that_succeeds_says_what_it_says(capsys):
    run_stage(lambda: print("done"))
    assert capsys.readouterr() == ("done\n", "")
