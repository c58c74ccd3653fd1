"""Any CLIP, random ones here, predicts without a study: by templates, captions and tuned prompts."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from open_clip import OPENAI_IMAGENET_TEMPLATES
from PIL import Image
from tests.random_prompts import write_clip, write_prompts

from lexiclip.any_clip import any_clip, template_vectors
from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.predict import encode_photos, label
from lexiclip.prompts.class_vectors import load_prompts

CAPTIONS = ["A tram beside two trams.", "A tram and a dog.", "a tram and a dog.", "A view."]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """models/clip and models/prompts, and nothing else of a project."""
    root = tmp_path_factory.mktemp("clip")
    write_prompts(root, ["dog", "cup"])
    (root / "captions.txt").write_text("\n".join(CAPTIONS))
    return root


def test_template_vectors_are_the_mean_of_whole_texts(exact_clip):
    names = ["dog", "traffic_light", "unicycle"]
    vectors = template_vectors(exact_clip, names)
    for name, vector in zip(names, vectors.global_, strict=True):
        texts = [template(name.replace("_", " ")) for template in OPENAI_IMAGENET_TEMPLATES]
        with torch.no_grad():
            mean = encode_texts(exact_clip, tokenize(texts)).global_.mean(0)
        torch.testing.assert_close(vector, F.normalize(mean, dim=-1), rtol=0, atol=1e-12)
    assert vectors.local is vectors.global_ and vectors.evidence is None


def test_a_name_longer_than_a_prompt_is_refused(exact_clip):
    with pytest.raises(InputError, match=r"class 'tram tram .*shorten the name"):
        template_vectors(exact_clip, ["dog", "tram " * 80])


def test_own_classes_compete_with_cocos(root, photos):
    clip = any_clip(str(root / "models/clip"), ["tram", "puppy"])
    assert clip.names[:3] == ("tram", "puppy", "person") and clip.shown == 2
    assert set(any_clip(str(root / "models/clip")).names) - set(clip.names) == {"train", "dog"}
    assert next(clip.clip.parameters()).dtype == torch.float32 and list(clip.vectors) == ["zero_shot"]
    photo = next(encode_photos(clip, photos))
    assert len(photo.boxes) == 17
    found, every = label(clip, photo), label(clip._replace(shown=80), photo)
    assert found.labels == [name for name in every.labels if name in ("tram", "puppy")]
    assert sum(every.scores) == pytest.approx(0, abs=0.01)


def test_cocos_classes_without_own_ones_and_more_views(root, photos):
    clip = any_clip(str(root / "models/clip"), views="all")
    assert clip.shown == len(clip.names) == 80
    photo = next(encode_photos(clip, photos))
    assert len(photo.boxes) == 141 and len(label(clip, photo).labels) == 80


@pytest.mark.parametrize(
    ("classes", "moved"), [(["tram", "cyclist"], ["tram", "dog"]), ("words.yaml", ["streetcar"])]
)
def test_captions_move_the_classes_that_they_name(root, monkeypatch, classes, moved):
    """A vocabulary has its own words for its classes, and for no other."""
    monkeypatch.chdir(root)
    Path("words.yaml").write_text("classes: {streetcar: [tram], cyclist: []}")
    clip = any_clip("models/clip", classes, captions="captions.txt")
    assert list(clip.vectors) == ["zero_shot", "caption_mean"] and clip.mask.all() and clip.shown == 2
    before, after = (clip.vectors[name].global_ for name in ("zero_shot", "caption_mean"))
    assert [clip.names[k] for k in ((before - after).abs().amax(1) > 1e-4).nonzero()] == moved
    with torch.no_grad():
        features = encode_texts(clip.clip, tokenize(CAPTIONS[:2])).global_
    expected = F.normalize(before[0] + F.normalize(features.sum(0), dim=-1), dim=-1)
    torch.testing.assert_close(after[0], expected, rtol=0, atol=1e-3)  # features are kept in fp16


def test_tuned_prompts_join_in_whatever_precision_they_were_trained_in(root):
    path = root / "models/prompts/best.safetensors"
    assert load_prompts(path).model.endswith(" exact")
    clip = any_clip(str(root / "models/clip"), ["tram", "dog"], prompts=path)
    assert list(clip.vectors) == ["tuned", "zero_shot"] and clip.vectors["tuned"].evidence is not None
    assert [clip.fusing[name]["local_weight"] for name in clip.vectors] == [1, 0]
    dog = load_prompts(path).vectors.global_[0]
    torch.testing.assert_close(clip.vectors["tuned"].global_[1], dog, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"clip": "other/models/clip"},
            r"best\.safetensors: made with CLIP .*give the CLIP that they were tuned for",
        ),
        ({"prompts": "models/prompts/caption_mean.safetensors"}, "choose a tuned variant"),
        ({"prompts": "models/prompts"}, r"models/prompts: a folder: give one variant's \.safetensors"),
        ({"prompts": "absent.safetensors"}, r"absent\.safetensors: cannot be read as prompts \(No such file"),
        (
            {"captions": "views.txt"},
            r"views\.txt: none of 2 captions can be used: 2 name no class \(tram, person, bicycle,",
        ),
        ({"classes": ["tram", "Tram"]}, "the same class"),
        ({"views": "many"}, "views 'many': choose fast, default or all"),
        ({"clip": "ViT-B-99/random"}, "did you mean"),
    ],
)
def test_what_does_not_fit_is_told(root, monkeypatch, how, said):
    monkeypatch.chdir(root)
    (root / "views.txt").write_text("A view over hills.\nClouds above the sea.\n")
    (root / "other").mkdir(exist_ok=True)
    write_clip(root / "other", embed_dim=16)
    given = {"clip": "models/clip", "classes": ["tram"], "prompts": "models/prompts/best.safetensors"}
    with pytest.raises(InputError, match=said):
        any_clip(**given | how)


def test_the_command_needs_no_project(root, photos, tmp_path, monkeypatch, lexiclip):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.txt").write_text("tram\ncyclist\n")
    arguments = [photos[0], "--clip", root / "models/clip", "--classes", "classes.txt", "--json"]
    arguments += ["--captions", root / "captions.txt", "--heatmap", "map.png", "--report", "page.html"]
    assert sorted(json.loads(lexiclip("predict", *arguments).out)["labels"]) == ["cyclist", "tram"]
    assert Image.open("map.png").size == (810, 270) and (tmp_path / "page.html").stat().st_size > 9000
