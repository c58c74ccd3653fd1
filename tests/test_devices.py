"""Which device and type are chosen, with a GPU and bf16 instructions or without."""

import time

import pytest
import torch

from lexiclip import devices
from lexiclip.devices import best_device, bf16_pays


def test_exact_leaves_a_gpu_alone_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device("fast") == "cuda"
    assert best_device("exact") == "cpu"
    assert "exact is computed on the CPU; fast uses the GPU" in capsys.readouterr().err


def test_without_a_gpu_there_is_nothing_to_say(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device("exact") == best_device("fast") == "cpu"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("in_bf16", "pays"), [(0.002, True), (0.02, False)])
def test_on_a_cpu_bf16_is_measured(monkeypatch, in_bf16, pays):
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)
    assert bf16_pays(lambda: time.sleep(in_bf16 if torch.is_autocast_enabled("cpu") else 0.01), "cpu") == pays


def test_without_bf16_instructions_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(devices, "has_bf16", lambda device: False)
    assert not bf16_pays(pytest.fail, "cpu")
    assert bf16_pays(pytest.fail, "cuda")
