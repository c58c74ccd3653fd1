"""What a stage's user sees of an error: one line for bad input, the whole traceback for a bug."""

import pytest

from lexiclip.errors import LONGEST, InputError, run_stage


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


def test_what_a_file_holds_makes_no_message_longer_than_a_line():
    assert str(InputError("a.json: no class 'dog\ncat\u2028cow\r\n'")) == "a.json: no class 'dog cat cow '"
    said = str(InputError(f"a.json: unknown {'x' * 20_000}: choose cat or dog"))
    assert len(said) == LONGEST and said.startswith("a.json: unknown x") and said.endswith("cat or dog")
    assert str(InputError("x" * LONGEST)) == "x" * LONGEST
