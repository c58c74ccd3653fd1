"""CLIPs from names and from folders: what loads is what was saved, what does not load says why."""

import json

import pytest
import torch
from safetensors.torch import save_file

from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import (
    build_clip,
    encode_name,
    load_clip,
    model_id,
    preprocess_size,
    save_clip,
    tokenize,
)
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.precision import precision_of

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "patch_size": None},
    "text_cfg": {"context_length": 77, "vocab_size": 512, "width": 64, "heads": 1, "layers": 1},
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_random_is_always_the_same(config):
    torch.manual_seed(3)
    first, second = build_clip(config, "random"), build_clip(config, "random")
    digits, precision = model_id(first).split()
    assert model_id(first) == model_id(second) and len(digits) == 16 and precision == "fast"
    assert preprocess_size(first) == 64
    assert not first.training and not any(parameter.requires_grad for parameter in first.parameters())


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


@pytest.mark.parametrize(("model", "weights"), [("RN50", "random"), ("MobileCLIP-S1", "random")])
def test_a_folder_tells_activation_and_normalisation(tmp_path, monkeypatch, model, weights):
    """As of a pretrained tag, whose config open_clip knows without a download."""
    clip = build_clip(model, weights)
    monkeypatch.setattr("lexiclip.clip.loading._quick_gelu", lambda model, tag: model == "RN50")
    save_clip(tmp_path, clip)
    loaded = load_clip(tmp_path, "fast")
    assert model_id(loaded) == model_id(clip)
    for key in ("image_mean", "image_std"):
        assert tuple(getattr(loaded.visual, key)) == tuple(getattr(clip.visual, key))
    activations = {type(module).__name__ for module in loaded.modules() if "GELU" in type(module).__name__}
    assert ("QuickGELU" in activations) == (model == "RN50")


def test_openais_weights_are_of_its_activation():
    assert _quick_gelu("RN50", "openai") and not _quick_gelu("ViT-B-32", "laion2b_s34b_b79k")
    assert not _quick_gelu("RN50", "random")


def test_a_damaged_folder_is_told(config, tmp_path):
    save_clip(tmp_path / "clip", build_clip(config, "random"))
    weights, described = (
        tmp_path / "clip" / name for name in ("open_clip_model.safetensors", "open_clip_config.json")
    )
    whole, text = weights.read_bytes(), described.read_text()
    for content in (whole[: len(whole) // 2], b"", b"<!DOCTYPE html>"):
        weights.write_bytes(content)
        with pytest.raises(InputError, match="clip: damaged") as caught:
            load_clip(tmp_path / "clip", "fast")
        assert "\n" not in str(caught.value)
    weights.write_bytes(whole)
    for content in (text.replace('"width": 8', '"width": 12'), '{"a": 1}', "[]", "{"):
        described.write_text(content)
        with pytest.raises(InputError, match="clip"):
            load_clip(tmp_path / "clip", "fast")
    described.unlink()
    with pytest.raises(InputError, match=r"no open_clip_config\.json in it: run `dvc pull`"):
        load_clip(tmp_path / "clip", "fast")


@pytest.mark.parametrize("vision", [{}, {"layers": 2, "width": 64, "patch_size": 16}])
@pytest.mark.parametrize("archive", ["state dict", "torchscript"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_openai_layout_tells_its_architecture(config, tmp_path, archive, vision):
    """Of a ResNet and of a ViT, and so does the folder that it is saved in."""
    config.write_text(json.dumps(changed("vision_cfg", **vision)))
    clip, path = build_clip(config, "random"), tmp_path / "tiny.pt"
    if archive == "state dict":
        torch.save({"state_dict": clip.state_dict()}, path)
    else:
        torch.jit.save(torch.jit.script(Holder(clip.state_dict())), path)
    loaded = build_clip(config, path)
    save_clip(tmp_path / "clip", loaded)
    for found in (loaded, load_clip(tmp_path / "clip", "fast")):
        assert model_id(found) == model_id(clip) and preprocess_size(found) == 64
        assert "QuickGELU" in {type(module).__name__ for module in found.modules()}


class Holder(torch.nn.Module):
    """Any module with the given state dict: what an OpenAI archive is to its reader."""

    def __init__(self, state):
        super().__init__()
        for name, tensor in state.items():
            module = self
            *parents, leaf = name.split(".")
            for parent in parents:
                if not hasattr(module, parent):
                    module.add_module(parent, torch.nn.Module())
                module = getattr(module, parent)
            module.register_buffer(leaf, tensor.clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def broken_files(folder, config):
    clip = build_clip(config, "random")
    torch.save(clip.state_dict(), folder / "whole.pt")
    (folder / "cut.pt").write_bytes((folder / "whole.pt").read_bytes()[:5000])
    torch.save({"a": torch.zeros(2)}, folder / "other.pt")
    torch.save([1, 2], folder / "list.pt")
    torch.save(
        {name: tensor for name, tensor in clip.state_dict().items() if "layer3" not in name},
        folder / "part.pt",
    )
    save_file({"a": torch.zeros(2)}, folder / "other.safetensors")
    (folder / "cut.safetensors").write_bytes(b"\x01\x02")
    (folder / "page.safetensors").write_text("<!DOCTYPE html> not found")
    (folder / "empty.pt").write_bytes(b"")


def test_bad_weights_end_in_one_line_that_names_the_file(config, tmp_path):
    broken_files(tmp_path, config)
    build_clip(None, tmp_path / "whole.pt")
    with pytest.raises(InputError, match=r"whole\.pt: .* another model than RN50 .*layers \[1, 2, 1, 1\]"):
        build_clip("RN50", tmp_path / "whole.pt")
    for name in (
        *("cut.pt", "other.pt", "list.pt", "part.pt", "empty.pt", "none.pt"),
        *("other.safetensors", "cut.safetensors", "page.safetensors", "none.safetensors"),
    ):
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
            build_clip(config, tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "weights", "said"),
    [
        ("RN5O", "random", "'RN5O': did you mean RN50"),
        ("ViT-B32", "random", "did you mean ViT-B-32"),
        ("RN50", "opnai", "opnai.*choose openai, a .safetensors"),
        ("RN50", "weights.bin", r"choose openai, yfcc15m"),
        ("absent.json", "random", "absent.json"),
        (None, "random", "None"),
    ],
)
def test_unknown_names_are_refused(model, weights, said):
    with pytest.raises(InputError, match=said):
        build_clip(model, weights)


def test_without_a_network_it_is_told_what_to_do(monkeypatch):
    def unreachable(*_, **__):
        raise FileNotFoundError("Failed to download file\n(open_clip_model.safetensors)")

    monkeypatch.setattr("open_clip.create_model", unreachable)
    with pytest.raises(InputError, match=r"give a local file as clip\.weights") as caught:
        build_clip("RN50", "openai")
    assert "\n" not in str(caught.value)


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
    with pytest.raises(InputError, match=said) as caught:
        build_clip(path, "random")
    assert "\n" not in str(caught.value)


def test_names_are_tokenised_as_in_a_sentence():
    row = tokenize(["traffic light."])[0]
    assert encode_name("traffic_light") == row[: int(row.argmax()) + 1].tolist()
