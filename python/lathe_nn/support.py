"""What of Keras's settings stays with Keras: everything that lathe cannot see in the model's configuration.
(What it can see, lathe itself refuses, with its own message.)"""
from __future__ import annotations

from typing import Any, Iterable

import keras

from .errors import Unsupported

TRAINING_METHODS = ("train_step", "test_step", "compute_loss", "compute_metrics", "fit", "evaluate")
PREDICTION_METHODS = ("predict_step", "predict")
# Arguments of fit, evaluate and predict that lathe has no counterpart for.
STEPS = ("steps", "steps_per_epoch", "validation_steps")


def _check_methods(model: Any, names: Iterable[str]) -> None:
    for name in names:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise Unsupported("%s has its own %s" % (type(model).__name__, name))


def _check_setting(model: Any) -> None:
    if model.run_eagerly:
        raise Unsupported("run_eagerly=True")
    if model.steps_per_execution != 1:
        raise Unsupported("steps_per_execution=%d" % model.steps_per_execution)
    for limit in ("max_epochs", "max_steps_per_epoch"):
        if getattr(keras.config, limit, lambda: None)():
            raise Unsupported("keras.config.%s" % limit)
    if keras.distribution.distribution() is not None:
        raise Unsupported("a keras.distribution is set")


def check_training(model: Any) -> None:
    """Raises Unsupported with the reason why fit and evaluate of this model stay with Keras."""
    _check_methods(model, TRAINING_METHODS)
    _check_setting(model)
    if model._metrics:
        raise Unsupported("the model has metrics of its own")
    optimizer = model.optimizer
    if optimizer.weight_decay and not all(optimizer._use_weight_decay(v) for v in model.trainable_variables):
        raise Unsupported("exclude_from_weight_decay")


def check_prediction(model: Any) -> None:
    """Raises Unsupported with the reason why predict of this model stays with Keras."""
    _check_methods(model, PREDICTION_METHODS)
    _check_setting(model)


def check_arguments(arguments: dict) -> None:
    """Raises Unsupported for an argument of fit, evaluate or predict that lathe cannot follow."""
    for name in STEPS:
        if arguments.get(name) is not None:
            raise Unsupported("the argument %s" % name)
