"""CLIPs from files, folders and the hub as users have them: whose weights, which activation, which pixels."""

import argparse
import json
import re

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from tests.clip.conftest import CONFIG
from tests.conftest import ROOT

from lexiclip.clip.loading import build_clip, clip_of, load_clip, model_id, preprocess_size, save_clip
from lexiclip.errors import InputError

VIT = CONFIG | {"vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16}}


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


def quick_gelu(clip):
    kinds = {type(module).__name__ for module in clip.modules() if "GELU" in type(module).__name__}
    assert len(kinds) == 1
    return kinds == {"QuickGELU"}


def write(path, state):
    """A state dict as the ending says."""
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


def archive(path, clip, kind):
    """Weights as OpenAI hands them out, or as its own package holds them before it builds a CLIP."""
    if kind == "torchscript":
        torch.jit.save(torch.jit.script(Holder(clip.state_dict())), path)
    else:
        numbers = {"input_resolution": 64, "context_length": 77, "vocab_size": 512}
        write(path, clip.half().state_dict() | {key: torch.tensor(value) for key, value in numbers.items()})
        clip.float()
    return path


def hub_cache(folder, clip, monkeypatch):
    """A copied cache of the Hugging Face hub with the repository org/model, without a network."""
    repository = folder / "models--org--model"
    save_clip(repository / "snapshots/1234", clip)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("1234")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize(("name", "quick"), [("EPOCH.PT", False), ("epoch_3.pth", True), ("clip.bin", True)])
def test_a_trainers_checkpoint_has_the_activation_of_its_model(named, tmp_path, capsys, name, quick):
    model = "tiny-16-quickgelu" if quick else "tiny-16"
    clip, path = build_clip(model, "random"), tmp_path / name
    state = {f"module.{key}": tensor for key, tensor in clip.state_dict().items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": state, "optimizer": {"lr": 0.1}}, path)
    for found in (build_clip(model, path), clip_of(f"{model}={path}")):
        assert model_id(found) == model_id(clip) and quick_gelu(found) == quick
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=f"tell .*: give tiny-16={path} or tiny-16-quickgelu={path}, or put"):
        clip_of(str(path))


@pytest.mark.parametrize("content", [CONFIG, VIT])
@pytest.mark.parametrize("kind", ["state dict", "torchscript"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_openais_archives_tell_architecture_and_activation(config, tmp_path, kind, content):
    """Of a ResNet and of a ViT, and so does the folder that it is saved in."""
    config.write_text(json.dumps(content))
    clip = build_clip(config, "random").half().float()
    path = archive(tmp_path / "tiny.pt", clip, kind)
    loaded = build_clip(config, path)
    save_clip(tmp_path / "clip", build_clip(None, path))
    for found in (loaded, clip_of(str(path)), load_clip(tmp_path / "clip", "fast")):
        assert model_id(found) == model_id(clip) and preprocess_size(found) == 64 and quick_gelu(found)
    config.write_text(json.dumps(content | {"quick_gelu": False}))
    assert not quick_gelu(build_clip(config, path))


@pytest.mark.parametrize("quick", [False, True])
def test_the_config_beside_a_file_decides(named, tmp_path, capsys, quick):
    """Its activation, and the mean and deviation of its pixels."""
    clip, path = build_clip("tiny-16", "random"), tmp_path / "open_clip_model.safetensors"
    write(path, clip.state_dict())
    told = {"model_cfg": CONFIG | ({"quick_gelu": True} if quick else {})}
    told |= {"preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(told))
    ways = [clip_of(spec) for spec in (f"tiny-16={path}", str(path), str(tmp_path))]
    for found in [*ways, build_clip("tiny-16", path)]:
        assert model_id(found) == model_id(clip) and quick_gelu(found) == quick
        save_clip(tmp_path / "clip", found)
        for one in (found, load_clip(tmp_path / "clip", "fast"), clip_of(str(tmp_path / "clip"))):
            assert quick_gelu(one) == quick
            assert list(one.visual.image_mean) == [0.5] * 3 and list(one.visual.image_std) == [0.25] * 3
    assert quick_gelu(build_clip("tiny-16-quickgelu", path))  # a name that says it is obeyed
    assert capsys.readouterr().err == ""


def test_a_file_that_does_not_tell_its_activation_is_noted(named, tmp_path, capsys, caplog):
    """In one line, and nothing says that its weights are random."""
    path = write(tmp_path / "tiny.safetensors", build_clip("tiny-16", "random").state_dict())
    assert not quick_gelu(build_clip("tiny-16", path))
    note = f"note: {path} does not tell its activation, and tiny-16 stands for GELU: OpenAI's weights need "
    assert capsys.readouterr().err == f"{note}tiny-16-quickgelu\n"
    assert quick_gelu(build_clip("tiny-16-quickgelu", path)) and not quick_gelu(build_clip(named, path))
    assert capsys.readouterr().err == "" and not caplog.records


@pytest.mark.parametrize("act", ["gelu", "quick_gelu"])
def test_transformers_clip_is_the_same_clip(tmp_path, act):
    """Its features are those that transformers computes; 2 and 4 heads, which no shape tells."""
    from transformers import CLIPConfig, CLIPModel

    sizes = {"hidden_size": 64, "intermediate_size": 256, "hidden_act": act, "num_hidden_layers": 2}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        text = {"vocab_size": 512, "num_attention_heads": 2, "eos_token_id": 511}
        vision = {"image_size": 64, "patch_size": 16, "num_attention_heads": 4}
        model = CLIPModel(
            CLIPConfig(text_config=sizes | text, vision_config=sizes | vision, projection_dim=16)
        ).eval()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)  # biases start at 0
        pixels, tokens = torch.rand(2, 3, 64, 64), torch.randint(1, 500, (2, 77))
    tokens[0, 9], tokens[1, 76] = 511, 511
    model.save_pretrained(tmp_path)
    normalisation = {"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 1, 1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(normalisation))
    clip = clip_of(str(tmp_path))
    assert quick_gelu(clip) == (act == "quick_gelu") and list(clip.visual.image_mean) == [0.5] * 3
    with torch.no_grad():
        expected = model(input_ids=tokens, pixel_values=pixels)
        image, text = clip.encode_image(pixels, normalize=True), clip.encode_text(tokens, normalize=True)
    torch.testing.assert_close(image, expected.image_embeds, atol=2e-6, rtol=2e-5)
    torch.testing.assert_close(text, expected.text_embeds, atol=2e-6, rtol=2e-5)
    assert torch.equal(clip.logit_scale, model.logit_scale)
    save_clip(tmp_path / "clip", clip)
    assert model_id(load_clip(tmp_path / "clip", "fast")) == model_id(clip)
    torch.save(model.vision_model.state_dict(prefix="vision_model."), tmp_path / "half.bin")
    with pytest.raises(InputError, match=r"half\.bin: no CLIP weights \(transformers' names, but not of its"):
        clip_of(str(tmp_path / "half.bin"))


def test_the_forms_of_the_manual_are_read(named, tmp_path, monkeypatch):
    """Every text in the table of docs/data.md, with small models under the names that stand there."""
    table = (ROOT / "docs/data.md").read_text(encoding="utf-8").partition("| text | CLIP |")[2]
    specs = re.findall(r"^\| `(.*?)` \|", table.partition("\n\n")[0], re.MULTILINE)
    assert len(specs) == 5
    for name in ("RN50", "ViT-B-16"):
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, CONFIG)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "ViT-B-16", {"openai": {"hf_hub": "org/model/"}})
    clip = build_clip("tiny-16", "random")
    hub_cache(tmp_path / "hub", clip, monkeypatch)
    save_clip(tmp_path / "folder", clip)
    archive(tmp_path / "weights.pt", clip.half().float(), "state dict")
    monkeypatch.chdir(tmp_path)
    assert len({model_id(clip_of(spec)) for spec in specs}) == 2  # halved or not


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin", "last.pth"])
def test_a_folder_of_the_hub_is_read(named, tmp_path, name):
    clip = build_clip("tiny-16-quickgelu", "random")
    write(tmp_path / name, clip.state_dict())
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": clip.model_cfg}))
    if name.startswith("open_clip"):
        (tmp_path / "model.safetensors").write_bytes(b"transformers' own")
        (tmp_path / "a_run.pt").write_bytes(b"a trainer's own")
    found = clip_of(str(tmp_path), "exact")
    assert model_id(found) == model_id(clip).replace("fast", "exact") and quick_gelu(found)
    assert not found.training and not any(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.parametrize(("spec", "quick"), [("tiny-16/openai", True), ("hf-hub:org/model", False)])
def test_a_copied_hub_cache_is_enough_without_a_network(named, tmp_path, monkeypatch, spec, quick):
    clip = build_clip("tiny-16", "random")
    hub_cache(tmp_path / "hub", clip, monkeypatch)
    found = clip_of(spec)
    assert model_id(found) == model_id(clip) and quick_gelu(found) == quick
    save_clip(tmp_path / "clip", found)
    assert quick_gelu(load_clip(tmp_path / "clip", "fast")) == quick
    for missing in ("tiny-16/laion", "hf-hub:org/other"):
        with pytest.raises(InputError, match=r"cannot be fetched.*copy the Hugging Face"):
            clip_of(missing)


def test_random_weights_by_name(named):
    found = {model_id(clip_of(spec)) for spec in ("tiny-16/random", "tiny/16/random")}
    torch.rand(1)  # weights are the same whatever was drawn before
    assert found == {model_id(build_clip("tiny-16", "random"))}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("tiny-16", "'tiny-16': say which weights, tiny-16/TAG with a TAG of openai, laion, random"),
        ("tiny-61/openai", "'tiny-61': no name of open_clip's, no file: did you mean tiny-16"),
        ("tiny-16/opnai", "'opnai' of tiny-16: choose openai, a file"),
        ("tiny-16/never", "'never' of tiny-16: choose openai, laion, a file"),
        ("models/nothing", "no name of open_clip's, no file: did you mean"),
        ("nothing.PT", r"nothing\.PT: cannot be read \(No such file or directory\)"),
        ("tiny-16=nothing.pt", r"nothing\.pt: cannot be read \(No such file or directory\)"),
    ],
)
def test_what_names_no_clip_is_refused(named, spec, said):
    with pytest.raises(InputError, match=said):
        clip_of(spec)


def test_a_folder_that_holds_no_clip_is_refused(config, tmp_path):
    with pytest.raises(InputError, match=rf"{tmp_path}: no weights in it \(\.safetensors, "):
        clip_of(str(tmp_path))
    path = write(tmp_path / "tiny.pt", build_clip(config, "random").state_dict())
    with pytest.raises(InputError, match=rf"no open_clip_config\.json in it: .*give NAME={path}"):
        clip_of(str(tmp_path))
    beside = tmp_path / "open_clip_config.json"
    for content in ("[]", "{", '{"model_cfg": {}}', '{"model_cfg": {"text_cfg": 1, "vision_cfg": 2}}'):
        beside.write_text(content)
        with pytest.raises(InputError, match="config"):
            clip_of(str(tmp_path))


def broken_files(folder, clip):
    state = clip.state_dict()
    torch.save(state, folder / "whole.pt")
    (folder / "cut.pt").write_bytes((folder / "whole.pt").read_bytes()[:5000])
    torch.save({"a": torch.zeros(2)}, folder / "other.pt")
    torch.save([1, 2], folder / "list.pt")
    torch.save({name: tensor for name, tensor in state.items() if "layer3" not in name}, folder / "part.pt")
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=1)}, folder / "args.pt")
    torch.save(state | {"teacher": torch.zeros(3)}, folder / "more.pt")
    save_file({"a": torch.zeros(2)}, folder / "other.safetensors")
    (folder / "cut.safetensors").write_bytes(b"\x01\x02")
    (folder / "page.safetensors").write_text("<!DOCTYPE html> not found")
    (folder / "page.bin").write_text("<!DOCTYPE html> not found")
    (folder / "pointer.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3")
    (folder / "empty.pt").write_bytes(b"")


def test_bad_weights_end_in_one_line_that_names_the_file(named, tmp_path, capsys):
    broken_files(tmp_path, build_clip(named, "random"))
    wider = tmp_path / "wider.json"
    wider.write_text(json.dumps(CONFIG | {"embed_dim": 24}))
    told = {
        "whole.pt": r"of another model .*text_projection is \[64, 16\], not \[64, 24\]\): .*\(tiny-16 or",
        "part.pt": r"of another model .*layer3.* is missing, not \[",
        "more.pt": r"of another model .*teacher is \[3\], not a tensor of it",
        "other.pt": r"positional_embedding is missing.*\(none that open_clip knows\)",
        "args.pt": r"objects such as argparse\.Namespace, which are not read\): give the state_dict\(\)",
        "page.bin": "not PyTorch's format",
        "pointer.bin": "a pointer of Git LFS, not the weights: run `git lfs pull`",
        "list.pt": "no CLIP weights",
    }
    others = ["cut.pt", "empty.pt", "none.pt"]
    others += [f"{name}.safetensors" for name in ("other", "cut", "page", "none")]
    for name, said in (told | dict.fromkeys(others, "")).items():
        model = wider if name == "whole.pt" else "tiny-16"
        with pytest.raises(InputError, match=name.replace(".", r"\.") + f": .*{said}"):
            build_clip(model, tmp_path / name)
    assert capsys.readouterr().err == ""
