"""From a class list and captions to prompts: what is written and said, what is refused, kills and seeds."""

from pathlib import Path

import pytest
import torch
from tests.random_prompts import write_clip
from tests.steps import at_step, killed

from lexiclip import own_prompts as tuning
from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.loading import clip_of, model_id
from lexiclip.prompts.class_vectors import class_vectors, load_prompts, zero_shot_vectors
from lexiclip.prompts.heldout import caption_map, held_out
from lexiclip.tune import tune

CLASSES = ["dog", "kite", "traffic_light", "tuba"]
PLACES = ("park", "street", "yard", "house", "field", "wood", "town", "hall")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random CLIP, a class list, captions: of dogs and kites, of traffic lights, few of tubas."""
    root = tmp_path_factory.mktemp("tune")
    write_clip(root)
    (root / "mine.txt").write_text("\n".join(CLASSES))
    captions = [f"{a} in the {place}." for a in ("Two dogs and a kite", "A dog") for place in PLACES]
    captions += [f"A traffic light near a kite in the {place}" for place in PLACES]
    captions += [f"A tuba in the {place}" for place in PLACES[:3]]
    captions += ["A dog in the PARK.", "Nothing at all.", "dog " * 90]
    (root / "captions.txt").write_text("\n".join(captions))
    return root


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    yield folder
    for path in [*folder.glob("out*"), *folder.glob("*.partial")]:
        path.unlink()


@pytest.fixture
def run(here, lexiclip):
    def run(*arguments):
        given = {"--classes": "mine.txt", "--captions": "captions.txt", "--clip": "models/clip"}
        given |= {"--out": "out.safetensors", "--epochs": "2"}
        given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
        return lexiclip("tune", *(word for pair in given.items() for word in pair))

    return run


def test_it_writes_prompts_and_says_what_they_were_made_from(run):
    said = run()
    clip = clip_of("models/clip")
    prompts = load_prompts("out.safetensors", model_id(clip))
    assert prompts.names == tuple(CLASSES) and prompts.contexts.global_.shape == (4, 32)
    expected = class_vectors(clip, prompts.contexts, CLASSES)
    torch.testing.assert_close(prompts.vectors.local, expected.local.half().float(), rtol=1e-3, atol=1e-4)
    assert "captions.txt: 30 captions:" in said.err
    assert "left out: 1 name no class, 1 too long or unreadable, 1 repeated" in said.err
    assert "captions of each class: tuba 3, traffic_light 8, dog 16, kite 16\n" in said.err
    assert "warning: fewer than 5 captions name tuba (3)" in said.err
    assert said.out.startswith("out.safetensors: prompts for 4 classes\nmAP on ")
    assert not list(Path().glob("*.partial"))


def test_held_out_maps_are_those_of_scoring_the_captions_anew(here, tmp_path):
    tuned = tune(CLASSES, "captions.txt", "models/clip", "out.safetensors", epochs=2)
    held, clip = tuned.captions.held_out, clip_of("models/clip")
    assert not {row["text"] for row in held} & {row["text"] for row in tuned.captions.trained}
    assert len(held) + len(tuned.captions.trained) == 27
    write_store(tmp_path, clip, [row["text"] for row in held])
    store = open_store(tmp_path)
    counted = held_out(store, held, tuple(CLASSES))
    assert tuned.zero_shot_map == caption_map(store, counted, zero_shot_vectors(clip, CLASSES))
    assert tuned.tuned_map > tuned.zero_shot_map + 20
    written = class_vectors(clip, load_prompts("out.safetensors").contexts, CLASSES)
    assert tuned.tuned_map == pytest.approx(caption_map(store, counted, written), abs=0.01)


def test_a_killed_run_goes_on_and_another_starts_anew(here, monkeypatch):
    def steps(seed=0, kill_at=None):
        """How many are taken; a KeyboardInterrupt in the step `kill_at`."""
        with monkeypatch.context() as patch:
            taken = at_step(patch, kill_at, killed)
            tune(CLASSES, "captions.txt", "models/clip", "out.safetensors", epochs=3, seed=seed)
        return len(taken)

    prompts, checkpoint = Path("out.safetensors"), Path("out.checkpoint.partial")
    whole, undisturbed = steps(), prompts.read_bytes()
    prompts.unlink()
    with pytest.raises(KeyboardInterrupt):
        steps(kill_at=whole - 1)
    assert not prompts.exists()
    left = checkpoint.read_bytes()
    assert steps() == whole // 3 and prompts.read_bytes() == undisturbed
    checkpoint.write_bytes(left)
    assert steps(seed=1) == whole and not checkpoint.exists()
    assert prompts.read_bytes() != undisturbed


def test_a_vocabulary_labels_by_its_own_words(run):
    Path("out.yaml").write_text("classes: {puppy: [dog], kite: []}\nignore: [traffic light]\n")
    assert "puppy 16, kite 16" in run("--classes", "out.yaml").err


def test_classes_have_the_words_that_coco_voc_and_nus_wide_have_for_them(run):
    """But a name that is a word for one of their classes has no other, and a hot dog is no dog."""
    lines = ["A woman, a puppy", "A television", "A man at the seaside", "A couch", "A baby", "A hot dog"]
    Path("out.txt").write_text("\n".join(f"{line} in the {place}" for line in lines for place in PLACES))
    said = run("--captions", "out.txt", "--classes", "person, dog, tv, beach, sofa", "--epochs", "1").err
    assert "captions of each class: dog 8, tv 8, beach 8, sofa 8, person 24\n" in said
    said = run("--captions", "out.txt", "--classes", "baby, puppy", "--epochs", "1").err
    assert "captions of each class: baby 8, puppy 8\n" in said


def test_no_help_is_told(here, run, monkeypatch):
    monkeypatch.setattr(tuning, "caption_map", lambda *_: 50.0)
    said = run()
    assert "held-out captions: 50.0 tuned, 50.0 zero-shot\ntuning did not help" in said.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", "kite, traffic_light, Traffic-light"], "'traffic_light' and 'Traffic-light' are the"),
        (["--classes", "dog, dogs"], "'dogs' stands for both 'dog' and 'dogs'"),
        (["--classes", "dog"], "'dog' alone: give two or more"),
        (["--classes", ", "], "expected at least one name"),
        (["--classes", "absent.yaml"], "absent.yaml: no such file: name one that exists in --classes"),
        (["--classes", "unicorn, yak"], "29 name no class (unicorn, yak), 1 too long, 0 unreadable: list"),
        (["--classes", "dog, " + "x7" * 60], "the text tower reads 77"),
        (
            ["--captions", "out.long.txt"],
            "1 too long, 0 unreadable: give sentences of at most 300",
        ),
        (["--captions", "out.txt"], "out.txt: no captions"),
        (["--captions", "out.one.txt"], "out.one.txt: 1 captions name a class, too few to hold some out"),
        (["--out", "absent/out.safetensors"], "its folder cannot be written to (No such file"),
        (["--out", "out.pt"], "prompts are written to a .safetensors file"),
        (["--epochs", "0"], "epochs 0: expected 1 or more"),
        (["--seed", "-1"], "seed -1: expected 0 or more"),
        (["--clip", "absent"], "'absent'"),
        (["--clip", "out.clip"], "out.clip"),
    ],
)
def test_bad_input_ends_in_one_line_before_anything_is_encoded(run, capsys, monkeypatch, arguments, said):
    Path("out.txt").write_text("\n")
    Path("out.one.txt").write_text("A dog.")
    Path("out.long.txt").write_text("dog " * 90)
    Path("out.clip").write_text("no weights")
    monkeypatch.setattr(tuning, "write_store", None)
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    streams = capsys.readouterr()
    assert ended.value.code == 1 and not streams.out
    last = streams.err.splitlines()[-1]
    assert last.startswith("error: ") and said in last and "Traceback" not in streams.err
    assert not Path("out.safetensors").exists()
