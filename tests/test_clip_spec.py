"""What is given for a CLIP or its prompts, checked without torch; what `clip_of` cannot read is told."""

import json

import numpy as np
import open_clip
import pytest
from safetensors.numpy import save_file

from lexiclip.clip_spec import Header, check_clip, model_names, prompts_header
from lexiclip.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Weights of two kinds, and prompts with and without contexts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "weights.pt").write_bytes(b"0")
    vectors = {"vectors.global_": np.zeros((2, 3), np.float32)}
    save_file(vectors, tmp_path / "weights.safetensors")
    about = {"lexiclip": json.dumps({"names": ["tram", "cyclist"], "model": "01ab fast"})}
    save_file(vectors, tmp_path / "plain.safetensors", about)
    contexts = {"contexts.global_": np.zeros((4, 5), np.float32)}
    save_file(vectors | contexts, tmp_path / "tuned.safetensors", about)
    return tmp_path


def test_names_are_those_of_open_clip():
    assert model_names() == set(open_clip.list_models())


@pytest.mark.parametrize(
    "spec",
    ["ViT-B-16/openai", "ViT-B/16", "RN50", "RN50/random", "hf-hub:org/model", "models", "weights.pt",
     "weights.safetensors", "RN50=weights.pt", "mine.json=weights.pt"],
)  # fmt: skip
def test_what_clip_of_reads_passes(folder, spec):
    check_clip(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ViT-B-61/openai", "'ViT-B-61/openai': no such file or folder, and no name of open_clip's: did"),
        ("vit-b-16/openai", "did you mean ViT-B-16"),
        ("models/clip", "no name of open_clip's: such as ViT-B-16/openai"),
        ("absent.pt", "no such file or folder"),
        ("RN50=absent.pt", "'RN50=absent.pt': no such file: absent.pt"),
        ("RN5=weights.pt", "did you mean RN50"),
        ("tuned.safetensors", "prompts, not a CLIP: give them to --prompts and their CLIP to --clip"),
    ],
)
def test_what_it_cannot_read_is_told(folder, spec, said):
    with pytest.raises(InputError, match=said):
        check_clip(spec)


def test_prompts_tell_their_classes_and_their_clip(folder):
    assert prompts_header("tuned.safetensors") == Header(("tram", "cyclist"), "01ab fast", True)
    plain = prompts_header("plain.safetensors")
    assert plain.serve(["cyclist"]) and not plain.serve(["cyclist", "dog"])
    assert prompts_header("tuned.safetensors").serve(["dog"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("weights.safetensors", "weights.safetensors: no prompts in it: give what `lexiclip tune`"),
        ("weights.pt", "weights.pt: cannot be read as prompts"),
        ("models", "models: a folder: give one variant's .safetensors"),
        ("absent.safetensors", "absent.safetensors: cannot be read as prompts \\(No such file"),
    ],
)
def test_other_files_are_no_prompts(folder, path, said):
    with pytest.raises(InputError, match=said):
        prompts_header(path)
