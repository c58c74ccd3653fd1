"""Which device and type are chosen, with a GPU and bf16 instructions or without."""

import pytest
import torch

from lexiclip import devices
from lexiclip.devices import best_device, bf16_pays


def test_exact_leaves_a_gpu_alone_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device("fast") == "cuda" and capsys.readouterr().err == ""
    assert best_device("exact") == "cpu"
    assert "exact is computed on the CPU; fast uses the GPU" in capsys.readouterr().err


def test_without_a_gpu_there_is_nothing_to_say(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device("exact") == best_device("fast") == "cpu"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("bf16", "fp32", "pays"), [(7, 10, True), (9, 10, False), (20, 10, False)])
def test_bf16_pays_where_it_is_a_fifth_faster(monkeypatch, bf16, fp32, pays):
    clock = [0.0]

    def run():
        clock[0] += bf16 if torch.is_autocast_enabled("cpu") else fp32

    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(devices, "has_bf16", lambda device: True)
    assert bf16_pays(run, "cpu") == pays
    monkeypatch.setattr(devices, "has_bf16", lambda device: device != "cpu")
    assert not bf16_pays(run, "cpu") and bf16_pays(run, "cuda")


def test_without_bf16_instructions_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(devices, "has_bf16", lambda device: False)
    assert not bf16_pays(pytest.fail, "cpu")
    assert bf16_pays(pytest.fail, "cuda")
