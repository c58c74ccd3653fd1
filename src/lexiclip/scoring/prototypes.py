"""Features of unlabelled images and class vectors of text in, class vectors of images out (METHOD §6).

Text vectors choose the windows that they are sure of; a Gaussian classifier of these gives class vectors made
of image features (as PIAA does with patches); both together tell which classes share images. Letters: N
images, W windows of each, M windows in all, K classes, D feature dimensions.
"""

import numpy as np
from scipy.special import log_softmax

from lexiclip.errors import InputError
from lexiclip.scoring.fusion import fuse_views, standardise
from lexiclip.scoring.lift import likely_classes, log_lift, with_lift

# Chosen on development scenes (docs/results.md): how sharply standardised scores become probabilities, and
# how far the covariance is drawn towards a sphere.
SHARPNESS, SHRINKAGE = 2.0, 0.01
FEWEST = 5  # windows of a class, taken by their scores alone where hardly any window prefers it
WINDOW_WEIGHT = 1.5  # as in params.yaml, whose change must not make all of this anew
ROUNDS = 2  # in the second, what images show together helps to choose the windows


def prototypes_and_lift(
    features: np.ndarray, text: np.ndarray, per_class: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class vectors (K, D) and log lift (K, K), from features (N, 1+W, D) of views and text vectors (K, D).

    A class vector is made of at most `per_class` windows.
    """
    count, views, size = features.shape
    classes, windows = len(text), features[:, 1:].reshape(-1, size)
    if len(windows) < classes:
        raise InputError(
            f"prototypes: {count} unlabelled images have {len(windows)} windows for {classes} classes: give "
            "more images"
        )
    of_text = windows @ text.T  # (M, K)
    from_text = _fused(features @ text.T)  # (N, K)
    lift, allowed = np.zeros((classes, classes)), np.ones((count, classes), bool)
    for _ in range(ROUNDS):
        chosen = sure_windows(of_text, per_class, allowed.repeat(views - 1, axis=0))
        vectors = gaussian_vectors(windows, chosen)
        from_images = _fused(features @ vectors.T)
        both = standardise(from_text) + standardise(from_images)
        lift = log_lift(likely_classes(with_lift(both, lift)))
        allowed = likely_classes(with_lift(both, lift)) >= 0.5
    return vectors, lift


def _fused(scores: np.ndarray) -> np.ndarray:
    """Scores (N, K) of images from those of their views (N, 1+W, K), in the standardised form."""
    whole, windows = fuse_views(scores, None, "standardised")
    return whole + WINDOW_WEIGHT * windows


def sure_windows(scores: np.ndarray, per_class: int, allowed: np.ndarray) -> list[np.ndarray]:
    """For each class the windows, of those whose highest score (M, K) is its, with the lowest entropy.

    At most `per_class`, and only those `allowed` (M, K); where there are fewer than FEWEST, the windows with
    the class's highest scores.
    """
    scores = standardise(np.asarray(scores, np.float64))
    log_p = log_softmax(SHARPNESS * scores, axis=1)
    entropy, best = -(np.exp(log_p) * log_p).sum(1), scores.argmax(1)
    chosen = []
    for k in range(scores.shape[1]):
        own = np.flatnonzero((best == k) & allowed[:, k])
        own = own[np.argsort(entropy[own], kind="stable")][:per_class]
        few = len(own) < min(FEWEST, per_class)
        chosen.append(np.argsort(-scores[:, k], kind="stable")[:FEWEST] if few else own)
    return chosen


def gaussian_vectors(features: np.ndarray, chosen: list[np.ndarray]) -> np.ndarray:
    """Class vectors (K, D) of unit length on average: features (M, D) of a class are Gaussian around the mean
    of its `chosen`, with one covariance for all.

    The constant of each class is carried by the direction of the mean feature, along which all features are
    about equally long, so that the result is used like a text vector.
    """
    means = np.stack([features[rows].mean(0) for rows in chosen])  # (K, D)
    inner = np.concatenate([features[rows] - mean for rows, mean in zip(chosen, means, strict=True)])
    covariance = inner.T @ inner / len(inner)
    size = features.shape[1]
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size)
    centre = means.mean(0)
    weights = np.linalg.solve(covariance, (means - centre).T).T  # (K, D)
    constants = -((means - centre) * weights).sum(1) / 2 - weights @ centre  # (K,)
    mean = features.mean(0)
    vectors = weights + np.outer(constants, mean / (mean @ mean))
    return vectors / np.linalg.norm(vectors, axis=1).mean()
