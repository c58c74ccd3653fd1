"""Any CLIP and class names in, what predicts out: no study, no training.

from lexiclip.any_clip import any_clip
from lexiclip.predict import predict
clip = any_clip("ViT-B-16/openai", ["tram", "cyclist"])
labels = [photo.present for photo in predict(clip, ["street.jpg"])]

Class text features are the mean over the templates of CLIP's paper. Captions move them to their mean, tuned
prompts join in; all are fused in the standardised form and count alike.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.loading import check_made_with, clip_of, model_id, tokenize
from lexiclip.clip.prefix_sharing import encode_class_prompts
from lexiclip.clip.text_tower import embed_tokens
from lexiclip.clip_spec import check_clip, prompts_header
from lexiclip.devices import best_device
from lexiclip.errors import InputError
from lexiclip.mixes import IMAGENET_TEMPLATES, label_matrix, load_templates
from lexiclip.own_captions import COCO, labelled_captions, words_for
from lexiclip.own_classes import check_classes, is_vocabulary, with_competitors
from lexiclip.precision import precision_of
from lexiclip.predict import WITHOUT_CAPTIONS, Predictor, prompt_vectors, windows_of
from lexiclip.prompts.class_vectors import ClassVectors, load_prompts, mean_caption_vectors
from lexiclip.scoring.decisions import default_rule
from lexiclip.scoring.window_pass import Windows
from lexiclip.vector_cache import cached_vectors
from lexiclip.vocabulary import load_vocabulary

WINDOWS = Windows([2], ["square"])  # 16 beside the whole image
WORKERS = 2
FUSING = {"form": "standardised", "window_weight": 1.5, "threshold": 0.0, **WITHOUT_CAPTIONS}


def any_clip(
    clip: str,
    classes: str | Path | Sequence[str] | None = None,
    captions: str | Path | None = None,
    prompts: str | Path | None = None,
    views: str = "default",
) -> Predictor:
    """What predicts with the CLIP that `clip` names as `clip_of` reads it, for `classes` or COCO's.

    classes: names, or a vocabulary's YAML; COCO's other classes compete with them. captions: a file that
    `read_captions` reads. prompts: the .safetensors of a variant that was tuned for this CLIP. views: as in
    `windows_of`. InputError for what does not fit.
    """
    check_clip(clip)
    windows = windows_of(views, WINDOWS)
    classes, coco = COCO if classes is None else classes, load_vocabulary(COCO)
    own = load_vocabulary(classes, param="--classes").names if is_vocabulary(classes) else classes
    check_classes(own)
    names = with_competitors(own, coco)
    labelled = captions and labelled_captions(captions, words_for(classes))[0]
    model = clip_of(clip).to(best_device())
    vectors = {}
    if prompts:  # first, as they may be of another CLIP
        vectors["tuned"] = _tuned(model, Path(prompts), names)
    vectors["zero_shot"] = template_vectors(model, names)
    if labelled:
        of_names, texts = vectors["zero_shot"].global_, [row["text"] for row in labelled]
        with TemporaryDirectory() as folder:
            write_store(folder, model, texts)
            store = open_store(folder)
            features = store.global_features(store.rows(texts), of_names)  # (N, D)
        vectors["caption_mean"] = mean_caption_vectors(of_names, features, label_matrix(labelled, names))
    return Predictor(
        model,
        names,
        len(own),
        {variant: parts.to(next(model.parameters())) for variant, parts in vectors.items()},
        {variant: FUSING | {"local_weight": float(variant == "tuned")} for variant in vectors},
        np.ones((len(vectors), len(names)), dtype=bool),
        windows,
        WORKERS,
        None,
        default_rule(len(names)),
    )


def template_vectors(clip: nn.Module, names: Sequence[str]) -> ClassVectors:
    """CLIP's own class vectors, normalised means over the 80 templates of its paper; on the CPU.

    Each name is encoded once for a CLIP (`vector_cache`). InputError names a class that is too long.
    """
    templates = load_templates(IMAGENET_TEMPLATES)
    run = json.dumps([model_id(clip), templates])
    vectors = cached_vectors(run, names, lambda new: _means_over(templates, clip, new))
    return ClassVectors(vectors, vectors, None)


@torch.no_grad()
def _means_over(templates: Sequence[str], clip: nn.Module, names: Sequence[str]) -> Tensor:
    """Normalised means (K, D), on the CPU. What a template says before the name is encoded once."""
    device, means = next(clip.parameters()).device, 0
    for template in tqdm(templates, desc="class names", unit="template", delay=2, disable=None):
        tokens = tokenize([template.format(name.replace("_", " ")) for name in names]).to(device)  # (K, 77)
        before = tokenize([template.partition("{}")[0]])  # SOS and the words before a name, EOS
        shared = int(before.argmax())
        eos = tokens.argmax(dim=-1)
        if int(eos.max()) == tokens.shape[1] - 1:
            raise InputError(f"class {names[int(eos.argmax())]!r} is too long for a prompt: shorten the name")
        parts = (
            embed_tokens(clip, part) for part in (tokens[:1, :shared], tokens[:, shared : eos.max() + 1])
        )
        means = means + encode_class_prompts(clip, *parts, eos - shared)[0]  # (K, D)
    return F.normalize(means, dim=-1).cpu()


def _tuned(clip: nn.Module, path: Path, names: Sequence[str]) -> ClassVectors:
    """Class vectors of a variant; trained in either precision, it serves this one."""
    prompts_header(path)
    prompts = load_prompts(path)
    made_with = f"{str(prompts.model).partition(' ')[0]} {precision_of(clip)}"
    remedy = "give the CLIP that they were tuned for (--clip), or prompts of this one"
    check_made_with(path, made_with, model_id(clip), remedy)
    vectors = prompt_vectors(clip, "tuned", prompts, names)
    if vectors is None:
        raise InputError(f"{path}: no learned contexts, so only its own classes: choose a tuned variant")
    return vectors
