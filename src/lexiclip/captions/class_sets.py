"""Propose sets of classes that plausibly share a scene (METHOD §1, "propose"): by likelihood, or by asking.

A chat model lists combinations when asked. A small model cannot, but it finds "a fork and a knife" likelier
than "a fork and a giraffe": the affinity of two classes is how much likelier one makes the other than the
mean class does.
"""

import numpy as np
from tqdm import tqdm

from lexiclip.captions.local_llm import LanguageModel, log_likelihoods
from lexiclip.captions.parsing import parse_answer
from lexiclip.vocabulary import Vocabulary

TEMPLATES = ("A photo of a {} and a", "In this picture there is a {} next to a", "I can see a {} and also a")


def class_affinity(lm: LanguageModel, names: list[str]) -> np.ndarray:
    """Symmetric (K, K) affinity in nats: log P(b | a) less its mean over all a, averaged over both orders."""
    off_diagonal = ~np.eye(len(names), dtype=bool)
    total = np.zeros((len(names), len(names)))
    for template in TEMPLATES:
        rows = [
            log_likelihoods(lm, template.format(a), [f" {b}" for b in names]).numpy()
            for a in tqdm(names, desc="class affinity", unit="class")
        ]
        conditional = np.stack(rows)  # row a, column b: log P(b | a)
        chance = (conditional * off_diagonal).sum(0) / (len(names) - 1)
        total += (conditional - chance) / len(TEMPLATES)
    affinity = (total + total.T) / 2
    np.fill_diagonal(affinity, 0.0)
    return affinity


def propose_sets(
    affinity: np.ndarray, names: list[str], *, count: int, sizes: list[int], share: float, seed: int
) -> list[list[str]]:
    """At most `count` distinct class sets in class order; pairs in a set have affinities in the top `share`.

    Each starts from the next class, so that rare classes get as many sets as common ones, and draws members
    with probabilities proportional to exp(mean affinity).
    """
    generator = np.random.default_rng(seed)
    upper = affinity[np.triu_indices(len(names), 1)]
    # A class without strong pairs keeps its best partners, or it would be in hardly any set.
    best_partners = np.argsort(-affinity, axis=1)[:, :8]
    allowed = affinity >= np.quantile(upper, 1 - share)
    np.put_along_axis(allowed, best_partners, True, axis=1)
    allowed |= allowed.T
    np.fill_diagonal(allowed, False)
    found: set[tuple[int, ...]] = set()
    for attempt in range(20 * count):
        if len(found) == count:
            break
        members = [attempt % len(names)]
        size = int(generator.choice(sizes))
        while len(members) < size:
            candidates = np.flatnonzero(allowed[members].all(0))
            if len(candidates) == 0:
                break
            weight = np.exp(affinity[np.ix_(members, candidates)].mean(0))
            members.append(int(generator.choice(candidates, p=weight / weight.sum())))
        if len(members) >= 2:
            found.add(tuple(sorted(members)))
    return [[names[k] for k in members] for members in sorted(found)]


def proposal_questions(names: list[str], *, count: int, size: int, seed: int) -> list[list[str]]:
    """The `size` random class names of each of `count` questions for combinations."""
    generator = np.random.default_rng(seed)
    size = min(size, len(names))
    return [[names[k] for k in generator.choice(len(names), size, replace=False)] for _ in range(count)]


def sets_in_answers(answers: list[str], vocabulary: Vocabulary) -> list[list[str]]:
    """The class sets in answers: the classes that a line names, if two or more; sorted and unique."""
    found = {tuple(vocabulary.labels(line)) for answer in answers for line in parse_answer(answer)}
    rank = {name: k for k, name in enumerate(vocabulary.names)}
    by_rank = sorted(found, key=lambda members: [rank[name] for name in members])
    return [list(members) for members in by_rank if len(members) >= 2]
