"""Class sets that believably share a scene, ranked by a language model's likelihood (METHOD §1, "propose").

A small model cannot list combinations when asked. It does know that "a fork and a" goes on with "knife", not
with "giraffe": the affinity of two classes is how much likelier one makes the other than a mean class does.
"""

import numpy as np
from tqdm import tqdm

from lexiclip.captions.local_llm import LanguageModel, log_likelihoods

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
    """`count` distinct class sets in class order; every pair in a set has an affinity in the top `share`.

    Starts from each class in turn, so that rare classes get as many sets as common ones, and adds members at
    random in proportion to exp(mean affinity). Fewer sets come back if there are not that many.
    """
    generator = np.random.default_rng(seed)
    upper = affinity[np.triu_indices(len(names), 1)]
    # A class with no strong pair still takes its best few partners, or it would hardly meet another.
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


def sets_to_ask(
    proposed: list[list[str]],
    names: list[str],
    asks_per_set: int,
    asks_per_class: int,
    only: list[str] | None,
) -> list[list[str]]:
    """The class sets of one caption set, each as often as it is to be asked.

    `only` keeps these classes of every set (the challenge set, METHOD §1); what is left is made unique.
    """
    if only is not None:
        kept = {tuple(name for name in members if name in only) for members in proposed}
        proposed = [list(members) for members in sorted(kept) if members]
        names = [name for name in names if name in only]
    return [members for members in proposed for _ in range(asks_per_set)] + [
        [name] for name in names for _ in range(asks_per_class)
    ]
