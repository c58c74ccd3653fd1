"""One step of training: SGD with momentum, and the moving average, on contexts as values (METHOD §5)."""

from lexiclip.prompts.contexts import Contexts, map_contexts


def ema_update(average: Contexts, student: Contexts, decay: float) -> Contexts:
    """d·m + (1-d)·θ for each branch."""
    return map_contexts(lambda m, theta: decay * m + (1 - decay) * theta, average, student)


def sgd_step(
    student: Contexts,
    gradients: Contexts,
    velocity: Contexts,
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
) -> tuple[Contexts, Contexts]:
    """The student and its velocity after a step of SGD, as torch.optim.SGD takes it."""
    decayed = map_contexts(lambda g, theta: g + weight_decay * theta, gradients, student)
    velocity = map_contexts(lambda v, g: momentum * v + g, velocity, decayed)
    return map_contexts(lambda theta, v: theta - lr * v, student, velocity), velocity
