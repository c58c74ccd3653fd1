"""CLIPs from names and from folders of our own: what loads is what was saved, what does not load says why."""

import json

import pytest
import torch
from open_clip.constants import OPENAI_DATASET_MEAN
from safetensors.torch import save_file
from tests.clip.conftest import CONFIG

from lexiclip.clip.building import _preprocess_cfg
from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import (
    build_clip,
    encode_name,
    load_clip,
    model_id,
    save_clip,
    tokenize,
)
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.precision import precision_of


def test_any_weight_changes_the_id_and_safetensors_keep_it(config, tmp_path):
    clip = build_clip(config, "random")
    before = model_id(clip)
    clip.visual.layer2[1].conv1.weight[0, 0, 0, 0] += 1
    assert model_id(clip) != before
    path = tmp_path / "tiny.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in clip.state_dict().items()}, path)
    assert model_id(build_clip(config, path)) == model_id(clip)


@pytest.mark.parametrize(("precision", "dtype"), [("exact", torch.float64), ("fast", torch.float32)])
def test_a_folder_holds_the_clip_in_either_precision(config, tmp_path, precision, dtype):
    clip = build_clip(config, "random")
    clip.text_projection += 1
    save_clip(tmp_path / "clip", clip)
    loaded = load_clip(tmp_path / "clip", precision)
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype} and not loaded.training
    assert {part.dtype for part in encode_images(loaded, torch.zeros(1, 3, 64, 64, dtype=dtype))} == {dtype}
    assert {part.dtype for part in encode_texts(loaded, torch.tensor([[0, 1, 511]]))[:2]} == {dtype}
    assert precision_of(loaded) == precision
    assert model_id(loaded) == f"{model_id(clip).split()[0]} {precision}"
    save_clip(tmp_path / "clip", clip, half=True)
    halved = load_clip(tmp_path / "clip", precision).text_projection
    torch.testing.assert_close(halved, clip.text_projection.half().to(dtype), atol=0, rtol=0)


def test_a_name_tells_its_normalisation():
    """Every weight that open_clip has for MobileCLIP was trained on pixels from 0 to 1."""
    assert _preprocess_cfg("MobileCLIP-S1")["mean"] == (0, 0, 0)
    assert _preprocess_cfg("RN50")["mean"] == _preprocess_cfg("ViT-L-14")["mean"] == OPENAI_DATASET_MEAN


def test_a_damaged_folder_is_told(config, tmp_path):
    save_clip(tmp_path / "clip", build_clip(config, "random"))
    weights, described = (
        tmp_path / "clip" / name for name in ("open_clip_model.safetensors", "open_clip_config.json")
    )
    whole, text = weights.read_bytes(), described.read_text()
    for content in (whole[: len(whole) // 2], b"", b"<!DOCTYPE html>"):
        weights.write_bytes(content)
        with pytest.raises(InputError, match="clip: damaged"):
            load_clip(tmp_path / "clip", "fast")
    weights.write_bytes(whole)
    for content in (text.replace('"width": 8', '"width": 12'), '{"a": 1}', "[]", "{"):
        described.write_text(content)
        with pytest.raises(InputError, match="clip"):
            load_clip(tmp_path / "clip", "fast")
    described.unlink()
    with pytest.raises(InputError, match=r"no open_clip_config\.json in it: run `dvc pull`"):
        load_clip(tmp_path / "clip", "fast")


@pytest.mark.parametrize(
    ("model", "weights", "said"),
    [
        ("vit-b-32", "random", "did you mean ViT-B-32"),
        ("ViT-B-16-SigLIP", "webli", "pools 'last'"),
        ("xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k", "xlm-roberta-base takes no prompt embeddings"),
        ("absent.json", "random", "absent.json"),
    ],
)
def test_unknown_names_are_refused(model, weights, said):
    with pytest.raises(InputError, match=said):
        build_clip(model, weights)


def changed(tower, **values):
    return CONFIG | {tower: CONFIG[tower] | values}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed("text_cfg", embed_cls=True) | {"custom_text": True}, "reads a class token, .*choose a"),
        (changed("text_cfg", pool_type="last") | {"custom_text": True}, "pools 'last', .*choose a"),
        ({"embed_dim": 3}, r"odd\.json: not a CLIP config: expected embed_dim"),
        ([], r"odd\.json: not a CLIP config: expected embed_dim"),
        ({"embed_dim": 8, "vision_cfg": {"hue": 1}, "text_cfg": {}}, r"odd\.json: not a CLIP config .*hue"),
    ],
)
def test_a_config_of_no_clip_or_of_one_that_takes_no_prompts_is_refused(tmp_path, content, said):
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        build_clip(path, "random")


def test_names_are_tokenised_as_in_a_sentence():
    row = tokenize(["traffic light."])[0]
    assert encode_name("traffic_light") == row[: int(row.argmax()) + 1].tolist()
