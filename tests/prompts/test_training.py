"""Training: it learns, repeats itself, goes on after a kill, equals torch's own optimiser step for step."""

import hashlib

import numpy as np
import pytest
import torch
from tests.steps import at_step, killed
from tests.threads import torch_threads

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.errors import InputError
from lexiclip.prompts import training
from lexiclip.prompts.class_vectors import class_vectors, encode_contexts
from lexiclip.prompts.contexts import init_contexts, map_contexts, prompt_layout
from lexiclip.prompts.heldout import HeldOut, caption_map
from lexiclip.prompts.logits import score
from lexiclip.prompts.losses import cooccurrence_weights, distillation_loss, ranking_loss
from lexiclip.prompts.schedule import Tuning, learning_rate
from lexiclip.prompts.training import train_prompts

NAMES = ["dog", "cat", "kite", "hair drier"]
PAIRS = [(a, b) for a in range(4) for b in range(4)]
SETTINGS = {
    "n_ctx": 2,
    "evidence": False,
    "epochs": 4,
    "keep_epoch": 2,
    "batch_size": 5,
    "lr": 0.01,
    "warmup_epochs": 1,
    "warmup_lr": 0.001,
    "weight_decay": 5e-4,
    "momentum": 0.9,
    "ema_decay": None,
    "seed": 0,
}
# Rates at which the average's weight of 10000 can be learnt from.
SLOWLY = {"lr": 0.0001, "warmup_lr": 0.00001}
WITH_ALL = {
    **SLOWLY,
    "evidence": True,
    "ema_decay": 0.9,
    "cooccurrence": torch.rand(4, 4, generator=torch.Generator().manual_seed(0)) + 0.1,
}


@pytest.fixture(scope="module")
def data(exact_clip, tmp_path_factory):
    """The store of sentences naming two classes, their rows, their labels."""
    folder = tmp_path_factory.mktemp("store")
    texts = [f"a photo of a {NAMES[a]} and a {NAMES[b]}." for a, b in PAIRS]
    write_store(folder, exact_clip, texts)
    store = open_store(folder)
    labels = torch.zeros(len(PAIRS), 4)
    for row, pair in enumerate(PAIRS):
        labels[row, list(pair)] = 1
    return store, np.array([store.index[text] for text in texts]), labels


@pytest.fixture
def train(exact_clip, data):
    """Training with some settings changed, in float64 unless by another CLIP."""

    def train(clip=exact_clip, **changed):
        settings = {**SETTINGS, **changed}
        how = Tuning(**{name: settings.pop(name) for name in Tuning._fields if name in settings})
        return train_prompts(clip, *data, NAMES, how, **settings)

    return train


def parts_of(*contexts):
    return [part for of_one in contexts for part in of_one if part is not None]


def digest(contexts):
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts_of(contexts))).hexdigest()


def same_training(one, other):
    same = digest(one.contexts) == digest(other.contexts)
    return same and one.steps == other.steps and one.epochs == other.epochs


def plain_training(clip, store, rows, labels, settings):
    """The same by torch.optim.SGD, parameters changed in place, nothing rounded."""
    like = next(clip.parameters())
    fresh = init_contexts(settings["n_ctx"], 32, evidence=settings["evidence"], seed=settings["seed"])
    student = map_contexts(lambda c: c.to(like).requires_grad_(), settings.get("init") or fresh)
    average = map_contexts(lambda c: c.detach().clone(), student)
    used = [c for c in student if c is not None]
    optimizer = torch.optim.SGD(used, momentum=settings["momentum"], weight_decay=settings["weight_decay"])
    layout = prompt_layout(clip, NAMES, settings["n_ctx"])
    together = settings.get("cooccurrence")
    weights = None if together is None else cooccurrence_weights(together.to(like))
    for epoch in range(settings["keep_epoch"]):
        rate = {key: settings[key] for key in ("lr", "epochs", "warmup_epochs", "warmup_lr")}
        optimizer.param_groups[0]["lr"] = learning_rate(epoch, **rate)
        order = np.random.default_rng([settings["seed"], epoch]).permutation(len(rows))
        for start in range(0, len(rows) - settings["batch_size"] + 1, settings["batch_size"]):
            picked = order[start : start + settings["batch_size"]]
            batch = store.batch(rows[picked], like)
            logits = score(batch.global_, batch.local, encode_contexts(clip, student, layout), batch.mask)
            loss = sum(ranking_loss(branch, labels[picked], weights) for branch in logits)
            if settings["ema_decay"] is not None:
                for m, theta in zip(average, student, strict=True):
                    if m is not None:
                        m.mul_(settings["ema_decay"]).add_((1 - settings["ema_decay"]) * theta.detach())
                vectors = class_vectors(clip, average, NAMES)
                loss = loss + distillation_loss(
                    logits, score(batch.global_, batch.local, vectors, batch.mask)
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return student, average


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"evidence": True, "cooccurrence": WITH_ALL["cooccurrence"]},
        {**SLOWLY, "ema_decay": 0.9, "result": "average"},
        {**SLOWLY, "ema_decay": 0.9, "init": init_contexts(2, 32, evidence=False, seed=9)},
    ],
)
def test_equals_torch_sgd(train, exact_clip, data, monkeypatch, changed):
    monkeypatch.setattr(training, "rounded", lambda values, *_: values)
    student, average = plain_training(exact_clip, *data, {**SETTINGS, **changed})
    expected = parts_of(average if "result" in changed else student)
    for actual, wanted in zip(parts_of(train(**changed).contexts), expected, strict=True):
        torch.testing.assert_close(actual, wanted.detach(), rtol=0, atol=1e-11)


def test_the_loss_falls(train, small_clip):
    steps = train(small_clip, epochs=12, keep_epoch=12, batch_size=16, lr=0.002).steps
    assert steps[-1]["loss"] < 0.9 * steps[0]["loss"]
    assert [row["epoch"] for row in steps] == list(range(1, 13))
    assert steps[0]["lr"] == 0.001 and steps[1]["lr"] == 0.002


def test_exact_gradients_are_rounded_to_bf16_and_what_they_move_to_float32(train, monkeypatch):
    seen = at_step(monkeypatch)
    tuned = train(**WITH_ALL, result="average").contexts
    assert len(seen) == 6
    for student, gradients, velocity in seen:
        assert all(torch.equal(part, part.bfloat16().double()) for part in parts_of(gradients))
        assert all(torch.equal(part, part.float().double()) for part in parts_of(student, velocity))
        assert any(not torch.equal(part, part.bfloat16().double()) for part in parts_of(student))
    assert all(torch.equal(part, part.float().double()) for part in parts_of(tuned))


def test_exact_training_is_the_same_with_any_number_of_threads_but_not_with_another_seed(train):
    found = []
    for count in (1, 4):
        with torch_threads(count):
            found.append(train(**WITH_ALL))
    assert same_training(*found)
    assert digest(found[0].contexts) != digest(train(**WITH_ALL, seed=1).contexts)


@pytest.mark.parametrize("changed", [{}, WITH_ALL])
def test_exact_training_forgets_the_last_bits_of_a_processor(train, data, monkeypatch, changed):
    expected = train(**changed)
    plain_encode, noise, shaken = training.encode_contexts, np.random.default_rng(0), []

    def noisy_encode(*given):
        """Class vectors as another order of additions gives them."""
        for part in parts_of(vectors := plain_encode(*given)):
            shaken.append(part.data.mul_(1 + 1e-15 * torch.from_numpy(noise.normal(size=part.shape))))
        return vectors

    monkeypatch.setattr(training, "encode_contexts", noisy_encode)
    assert same_training(expected, train(**changed))
    assert len(shaken) >= 6 * 2


def test_a_killed_run_ends_with_the_same_bytes(train, tmp_path, monkeypatch):
    settings = {"epochs": 3, "keep_epoch": 3, "ema_decay": 0.9}
    whole, settings["checkpoint"] = train(**settings), tmp_path / "run.safetensors"
    calls = at_step(monkeypatch, 8, killed)  # in the middle of the third epoch
    with pytest.raises(KeyboardInterrupt):
        train(**settings)
    assert same_training(train(**settings), whole)
    assert len(calls) == 8 + 3


def test_another_runs_checkpoint_is_left_alone(train, tmp_path):
    path = tmp_path / "run.safetensors"
    train(checkpoint=path)
    expected = train(lr=0.02)
    found = train(lr=0.02, checkpoint=path)
    assert digest(found.contexts) == digest(expected.contexts)
    path.write_bytes(b"damaged")
    found = train(lr=0.02, checkpoint=path)
    assert digest(found.contexts) == digest(expected.contexts)


def test_a_batch_larger_than_the_data_is_the_data(train):
    steps = train(batch_size=1024).steps
    assert [(row["epoch"], row["step"]) for row in steps] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lr": float("nan"), "warmup_epochs": 0}, "step 2, epoch 1"),
        ({"init": init_contexts(3, 32, evidence=False, seed=0)}, "init"),
        ({"init": init_contexts(2, 32, evidence=True, seed=0)}, "init"),
    ],
)
def test_refusals(train, changed, said):
    with pytest.raises(InputError, match=said):
        train(**changed)


def heldout_of(data):
    """The first texts as if held out; the last class does not count."""
    _, rows, labels = data
    return HeldOut(rows[:9], labels[:9].numpy(), np.array([True, True, True, False]))


def test_held_out_captions_are_watched_and_change_nothing(train, exact_clip, data):
    plain = train()
    watched = train(heldout=heldout_of(data))
    assert digest(plain.contexts) == digest(watched.contexts)
    vectors = class_vectors(exact_clip, watched.contexts, NAMES)
    assert watched.epochs[-1]["caption_mAP"] == caption_map(data[0], heldout_of(data), vectors)
    assert [row["loss"] for row in watched.epochs] == pytest.approx(
        [np.mean([row["loss"] for row in watched.steps if row["epoch"] == epoch]) for epoch in (1, 2)]
    )


def test_the_epoch_is_chosen_on_held_out_captions(train, data, monkeypatch, tmp_path):
    found = iter([20.0, 50.0, 50.0, 40.0])
    monkeypatch.setattr(training, "caption_map", lambda *_: next(found))
    chosen = train(keep_epoch="heldout", heldout=heldout_of(data), checkpoint=tmp_path / "run")
    second = train(keep_epoch=2)
    third = train(keep_epoch=3)
    assert digest(chosen.contexts) == digest(second.contexts) != digest(third.contexts)
    assert [row["caption_mAP"] for row in chosen.epochs] == [20, 50, 50, 40]


def test_no_held_out_caption_of_the_tuned_classes(train, data):
    heldout = heldout_of(data)
    heldout.labels[:, :3] = 0
    with pytest.raises(InputError, match="heldout_share"):
        train(heldout=heldout)


@pytest.mark.parametrize("fatal", [5, 6])  # the second epoch's second step and its last
def test_a_run_that_diverges_keeps_its_last_good_checkpoint(train, tmp_path, monkeypatch, fatal):
    def overshooting(student, velocity):
        return student._replace(local=student.local * float("inf")), velocity

    path, calls = tmp_path / "run.safetensors", at_step(monkeypatch, fatal, overshooting)
    with pytest.raises(InputError, match=r"step 6, epoch 2 .* lower lr .*run\.safetensors keeps the epoch"):
        train(checkpoint=path)
    whole = train()
    resumed = train(checkpoint=path)
    assert len(calls) == fatal + 6 + 3
    assert digest(resumed.contexts) == digest(whole.contexts)


def test_nothing_to_train_on(exact_clip, data):
    store, rows, labels = data
    with pytest.raises(InputError, match="0 texts"):
        train_prompts(exact_clip, store, rows[:0], labels[:0], NAMES, Tuning(**SETTINGS))


def test_schedule_is_that_of_dassl():
    rates = [learning_rate(epoch, lr=0.01, epochs=4, warmup_epochs=2, warmup_lr=0.001) for epoch in range(5)]
    assert rates == pytest.approx([0.001, 0.001, 0.01, 0.01 * (1 + 0.5**0.5) / 2, 0.005])
    assert learning_rate(0, lr=0.01, epochs=4, warmup_epochs=0, warmup_lr=1) == 0.01
    # a rate has ten digits
    rates = [learning_rate(epoch, lr=0.01, epochs=7, warmup_epochs=0, warmup_lr=0.001) for epoch in range(7)]
    assert rates == [float(f"{rate:.10g}") for rate in rates] and rates[1] == 0.009504844340
