"""Commands start without what takes seconds to import; what they left out is there when it is asked for."""

import subprocess
import sys

import pytest
from tests.conftest import ROOT

HEAVY = ("scipy", "matplotlib", "transformers", "timm", "huggingface_hub", "torchvision", "torch._dynamo")
START = """
import sys
from lexiclip import cli
import lexiclip.any_clip, lexiclip.own_prompts
"""


def run(code, folder=ROOT):
    """What a new process prints."""
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n"
    done = subprocess.run([sys.executable, "-c", path + code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_predicting_and_tuning_import_no_extras():
    assert run(f"{START}print([name for name in {HEAVY} if name in sys.modules])") == "[]\n"


def test_a_wrong_argument_is_told_without_torch(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "captions.txt").write_text("A tram.\n")
    tune = ["tune", "--captions", "captions.txt", "--out", "out.safetensors", "--classes"]
    wrong = [
        ["predict", "absent.png"],
        ["predict", "a.png", "--threshold", "2"],
        ["predict", "a.png", "--classes", "tram, Tram"],
        ["predict", "a.png", "--report", "absent/page.html"],
        ["predict", "a.png", "--prompts", "absent.safetensors"],
        ["predict", "a.png", "--clip", "ViT-B-61/openai"],
        ["predict", "a.png", "--clip", "RN50/random", "--captions", "absent.txt"],
        ["predict", "a.png", "--clip", "RN50/random", "--prompts", "absent.safetensors"],
        ["predict", "a.png", "--clip", "RN50/random", "--csv", "--classes", '"a, b"'],
        [*tune, "tram, bus", "--clip", "absent"],
        [*tune, "dog, cat", "--clip", "RN50/random"],
        ["evaluate", "a.npy", "absent.csv"],
    ]
    code = f"""
sys.modules["torch"] = None  # a second of nothing but importing it would be an ImportError
from lexiclip import cli
for words in {wrong!r}:
    sys.argv[1:] = words
    try:
        cli.main()
    except SystemExit as ended:
        print(ended.code, end="")
"""
    assert run(code, tmp_path) == "1" * len(wrong)


@pytest.mark.slow
def test_what_was_left_out_is_imported_when_a_clip_needs_it(tmp_path):
    """A tower of timm's, built and run, and a repository of the hub, out of a copied cache."""
    code = (
        START
        + """
import json, torch
from pathlib import Path
from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import build_clip, clip_of, model_id, save_clip
text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
vision = {"timm_model_name": "convnext_atto", "timm_model_pretrained": False, "timm_pool": "",
          "timm_proj": "linear", "image_size": 64}
Path("c.json").write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
clip = build_clip("c.json", "random")
features = encode_views(clip, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), False)
print(features.global_.shape[1], type(clip.visual).__name__)
save_clip("cache/models--org--model/snapshots/1234", clip)
Path("cache/models--org--model/refs").mkdir()
Path("cache/models--org--model/refs/main").write_text("1234")
import huggingface_hub.constants as constants
constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = "cache", True
print(model_id(clip_of("hf-hub:org/model")) == model_id(clip))
import torchvision.ops, transformers
print(torchvision.ops.nms(torch.tensor([[0.0, 0, 1, 1]] * 2), torch.ones(2), 0.5).tolist())
print(transformers.CLIPTextModel(transformers.CLIPTextConfig(num_hidden_layers=1)).config.hidden_size)
"""
    )
    assert run(code, tmp_path).split() == ["16", "TimmModel", "True", "[0]", "512"]
