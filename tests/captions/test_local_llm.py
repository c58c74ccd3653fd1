"""A local language model: batches answer as single prompts do, bad models are told in one line."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lexiclip.captions.llm import Batch, Sampling, backend
from lexiclip.captions.local_llm import (
    LanguageModel,
    NucleusSampling,
    complete,
    load_language_model,
    log_likelihoods,
)
from lexiclip.errors import InputError

PROMPTS = ["cat:", "dog, frisbee, person:", "a much longer line that names a horse and a cow:"]
GREEDY = {"max_new_tokens": 6, "temperature": 1.0, "top_p": 1e-9, "first_line_only": False}


def test_a_left_padded_batch_answers_as_each_prompt_alone(lm):
    batch = complete(lm, PROMPTS, 0, prefix="", **GREEDY)
    assert batch == [complete(lm, [prompt], 0, prefix="", **GREEDY)[0] for prompt in PROMPTS]
    assert len(set(batch)) == 3


def test_a_prefix_encoded_once_answers_as_one_text(lm):
    prefix = "A line about a photo.\n"
    whole = complete(lm, [prefix + PROMPTS[1]], 0, prefix="", **GREEDY)
    assert complete(lm, PROMPTS[:2], 0, prefix=prefix, **GREEDY)[1:] == whole


def test_same_seed_same_text(lm):
    options = GREEDY | {"top_p": 0.95}
    first, again, other = (complete(lm, PROMPTS, seed, prefix="", **options) for seed in (1, 1, 2))
    assert first == again != other


def test_likelihoods_of_a_padded_batch_are_those_of_each_alone(lm):
    tails = [" knife", " baseball bat", " hair drier in a bathroom"]
    together = log_likelihoods(lm, "A fork and a", tails)
    alone = torch.cat([log_likelihoods(lm, "A fork and a", [tail]) for tail in tails])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)


def test_a_chat_model_is_asked_in_its_own_template(tiny_lm):
    assert tiny_lm.as_chat("Name a fruit.") == "<|user|>Name a fruit.\n<|assistant|>"
    bare = LanguageModel(SimpleNamespace(chat_template=None, name_or_path="gpt2"), None)
    with pytest.raises(InputError, match="gpt2 has no chat template"):
        bare.as_chat("Name a fruit.")


@pytest.mark.parametrize("kind", ["chat", "completion"])
def test_the_backend_hands_over_each_batch_as_it_comes(tiny_folder, kind):
    instructions = {"kind": kind, "lead": "Photos.", "shots": 1, "examples": ["cup: A cup of tea."]}
    sampling = Sampling(4, 0.8, 0.95)
    model = backend(tiny_folder, None, False, 2, None, instructions=instructions, sampling=sampling)
    kept = {}
    model.answer([Batch(5, ["cat:", "dog:"]), Batch(6, ["cow:"])], kept.__setitem__)
    assert [len(kept[0]), len(kept[1]), model.batch_size] == [2, 1, 2]
    assert all(isinstance(text, str) for texts in kept.values() for text in texts)


def test_the_nucleus_is_what_may_be_drawn():
    scores = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(4000, -1)
    torch.manual_seed(0)
    drawn = NucleusSampling(temperature=1.0, top_p=0.75)(None, scores).argmax(1)
    share = np.bincount(drawn, minlength=4) / 4000
    assert share[2] == share[3] == 0  # 0.5 + 0.3 ≥ 0.75: two tokens make the nucleus
    assert abs(share[0] - 0.5 / 0.8) < 0.03
    warm = NucleusSampling(temperature=10.0, top_p=1.0)(None, scores).argmax(1)
    assert abs(np.bincount(warm, minlength=4) / 4000 - 0.25).max() < 0.06


def test_a_package_that_is_not_there():
    with pytest.raises(InputError, match="no installed package 'llm_of_nobody'"):
        load_language_model("package:llm_of_nobody", None)


@pytest.mark.parametrize(
    ("files", "gguf_file"),
    [
        ({}, None),
        ({}, "weights.gguf"),
        ({"*.json": None}, None),  # all but the weights
        ({"*.json": None, "model.safetensors": b"no weights at all"}, None),
        ({"*.json": None, "weights.gguf": b"no weights at all"}, "weights.gguf"),
    ],
)
def test_a_folder_without_a_model_is_told_in_one_line(tmp_path, tiny_folder, files, gguf_file):
    for name, content in files.items():
        if content:
            (tmp_path / name).write_bytes(content)
        else:
            for path in Path(tiny_folder).glob(name):
                shutil.copy(path, tmp_path)
    with pytest.raises(InputError, match="cannot be loaded") as error:
        load_language_model(str(tmp_path), gguf_file)
    assert str(tmp_path) in str(error.value)


def test_code_that_comes_with_a_model_runs_only_if_params_say_so(tmp_path, monkeypatch, tiny_lm):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])  # transformers adds the folder of such code to it
    folder, mark = tmp_path / "model", tmp_path / "it_ran"
    tiny_lm.tokenizer.save_pretrained(folder)
    code = f"open({str(mark)!r}, 'w').close()\nraise ValueError('from the code of the model')\n"
    (folder / "configuration_mine.py").write_text(code)
    (folder / "config.json").write_text(
        json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "configuration_mine.MyConfig"}})
    )
    with pytest.raises(InputError, match="cannot be loaded"):
        load_language_model(str(folder), None, trust_remote_code=False)
    assert not mark.exists()
    with pytest.raises(InputError, match="from the code of the model"):
        load_language_model(str(folder), None, trust_remote_code=True)
    assert mark.exists()
