"""Live Keras models on their way to lathe: the configuration as JSON, the weights as Keras saves them."""
from __future__ import annotations

import json
import os
import re
import tempfile
from typing import Any, Sequence

import keras

from .errors import LatheError
from .generated import Generated, symbol_of

# What stands for a schedule in the configuration: the rate is given with every step.
SOME_RATE = 0.001
# With PyTorch, Keras's optimizers are subclasses of the same names.
TORCH_OPTIMIZERS = "keras.src.backend.torch.optimizers."


def _config(model: Any, training: bool) -> str:
    try:
        config = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError) as e:
        raise LatheError("the model has no configuration that can be saved: %s" % e) from e
    compiled = config.get("compile_config") or {}
    if not training:
        config.pop("compile_config", None)
        return json.dumps(config)
    # A second compile without metrics keeps those of the first.
    if compiled and model._compile_metrics is not None:
        compiled["metrics"] = keras.saving.serialize_keras_object(model._compile_metrics._user_metrics)
    if isinstance(compiled.get("optimizer"), dict):
        if str(compiled["optimizer"].get("module")).startswith(TORCH_OPTIMIZERS):
            compiled["optimizer"].update(module="keras.optimizers", registered_name=None)
        settings = compiled["optimizer"].get("config", {})
        if isinstance(settings.get("learning_rate"), dict):
            settings["learning_rate"] = SOME_RATE
    return json.dumps(config)


def reason(error: LatheError) -> str:
    """The first of lathe's messages, without the word error and without the notes behind it."""
    first = re.split(r"\n(?=\S+: (?:error|warning|note): )", str(error))[0].strip()
    return re.sub(r"^\S+: (error|warning): (the model cannot be trained as it was: )?", "", first)


def generate(model: Any, options: Sequence[object] = (), training: bool = False,
             weights: bool = False) -> Generated:
    """`lathe compile` of a live Keras model: its training functions, or its inference functions; with
    `weights` those it has now, else drawn ones.

    Raises LatheError with lathe's message."""
    with tempfile.TemporaryDirectory(prefix="lathe-") as folder:
        path = os.path.join(folder, symbol_of(model.name) + ".json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(_config(model, training))
        options = list(options) + (["--train"] if training else [])
        if weights:
            options += ["--weights", os.path.join(folder, "model.weights.h5")]
            model.save_weights(options[-1])
        try:
            return Generated(path, *options)
        except LatheError as e:
            raise LatheError(str(e).replace(path, model.name)) from None
