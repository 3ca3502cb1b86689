"""lathe_nn.accelerate: fit, evaluate and predict of a live Keras model in generated C."""
from __future__ import annotations

import functools
import inspect
import threading
import warnings
from typing import Any, Callable, Dict, List, Optional, Tuple

import keras

from . import arrays, loops, spec, support
from .engine import Engine
from .errors import FallbackWarning, LatheError, Unsupported
from .feed import Feed
from .handover import generate, reason
from .inference import Inference

METHODS = ("fit", "evaluate", "predict")
BATCH = 32  # Keras's, where none is given
_ATTRIBUTE = "_lathe_accelerated"


class Accelerated:
    """The three methods of one model, and what was compiled for it."""

    def __init__(self, model: Any):
        self._model = model
        self._keras = {name: getattr(model, name) for name in METHODS}
        self._engine: Optional[Engine] = None
        self._inference: Optional[Inference] = None
        self._fingerprints: Dict[str, Any] = {}
        self._refused: Dict[str, Tuple[Any, str]] = {}
        self._warned: set = set()
        # One call at a time: they share state and workspace. Callbacks call again from within.
        self._lock = threading.RLock()

    def install(self) -> None:
        """Puts the methods on the model, past Keras's tracking of attributes."""
        for name in METHODS:
            method = functools.wraps(self._keras[name])(functools.partial(self._call, name))
            object.__setattr__(self._model, name, method)
        object.__setattr__(self._model, _ATTRIBUTE, self)

    def remove(self) -> None:
        """Gives the model Keras's methods back."""
        for name in METHODS + (_ATTRIBUTE,):
            object.__delattr__(self._model, name)

    # -- a call ------------------------------------------------------------------------------------

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """One of the methods: in C, or where that cannot be in Keras with a warning."""
        original = self._keras[name]
        try:
            bound = inspect.signature(original).bind(*args, **kwargs)
        except TypeError:
            return original(*args, **kwargs)
        bound.apply_defaults()
        arguments = bound.arguments
        # Keras's own fit validates by its private arguments of evaluate.
        if arguments.get("kwargs"):
            return original(*args, **kwargs)
        with self._lock:
            try:
                run = getattr(self, "_prepare_" + name)(arguments)
            except Unsupported as e:
                why = str(e)
            except LatheError as e:
                why = reason(e)
            else:
                return run()
        self._warn(name, why)
        return original(*args, **kwargs)

    def _warn(self, name: str, why: str) -> None:
        if why not in self._warned:
            self._warned.add(why)
            warnings.warn("lathe: %s of model %r goes to Keras: %s" % (name, self._model.name, why),
                          FallbackWarning, stacklevel=3)

    # -- fit and evaluate --------------------------------------------------------------------------

    def _prepare_fit(self, a: Dict[str, Any]) -> Callable[[], Any]:
        model = self._model
        support.check_arguments(a)
        a["batch_size"] = a["batch_size"] or BATCH
        x, y, weight, validation = a["x"], a["y"], a["sample_weight"], a["validation_data"]
        if a["validation_split"] and validation is None:
            (x, y, weight), validation = arrays.split((x, y, weight), a["validation_split"])
        if a["class_weight"] is not None:
            if weight is not None:
                raise Unsupported("class_weight together with sample_weight")
            weight = arrays.class_weights(y, a["class_weight"])
        engine, feed = self._training(x, y, weight, a["batch_size"], exact=True)
        validate = None if validation is None else self._validation(engine, validation, a)
        return loops.Fit(model, engine, feed, a, validate).run

    def _validation(self, engine: Engine, data: Any, a: Dict[str, Any]) -> Callable[[Any], Dict[str, float]]:
        if not isinstance(data, (list, tuple)) or not 2 <= len(data) <= 3:
            raise Unsupported("validation_data of type %s" % type(data).__name__)
        x, y, weight = (*data, None)[:3]
        feed = self._feed(engine, arrays.inputs(self._model, x), y, weight)
        batch = a["validation_batch_size"] or a["batch_size"]
        return lambda callbacks: loops.evaluate(self._model, engine, feed, batch, callbacks)

    def _prepare_evaluate(self, a: Dict[str, Any]) -> Callable[[], Any]:
        model = self._model
        support.check_arguments(a)
        batch = a["batch_size"] or BATCH
        engine, feed = self._training(a["x"], a["y"], a["sample_weight"], batch, exact=False)

        def run() -> Any:
            engine.state.push()
            callbacks = loops.callback_list(model, a["callbacks"], a["verbose"], feed.samples, batch)
            logs = loops.evaluate(model, engine, feed, batch, callbacks)
            return logs if a["return_dict"] else model._flatten_metrics_in_order(logs)

        return run

    def _training(self, x: Any, y: Any, weight: Any, batch: int, exact: bool) -> Tuple[Engine, Feed]:
        """The compiled training functions, for this batch or if not `exact` for any, and the data for them."""
        model = self._model
        if not model.compiled or model.optimizer is None:
            raise Unsupported("the model is not compiled")
        support.check_training(model)
        inputs = self._built_inputs(x)
        if y is None:
            raise Unsupported("no labels: y=None")
        weight = arrays.sample_weights(weight)
        if not len(inputs[0]):
            raise Unsupported("no samples")
        spec.build(model, inputs, y, weight)
        what = [model.optimizer, model._compile_loss, model._compile_metrics]
        fingerprint = self._fingerprint(what)
        fits = self._engine and (self._engine.batch == batch or not exact)
        if not fits or self._fingerprints.get("training") != fingerprint:
            self._engine = None
            self._engine = self._compiled("training", fingerprint, lambda: Engine(
                model, generate(model, ["--batch", batch], training=True).trainer()))
        return self._engine, self._feed(self._engine, inputs, y, weight)

    def _feed(self, engine: Engine, inputs: List[Any], y: Any, weight: Any) -> Feed:
        return Feed(inputs, engine.spec.labels(y), arrays.sample_weights(weight), engine.batch)

    # -- predict -----------------------------------------------------------------------------------

    def _prepare_predict(self, a: Dict[str, Any]) -> Callable[[], Any]:
        model = self._model
        support.check_arguments(a)
        support.check_prediction(model)
        inputs = self._built_inputs(a["x"])
        batch = a["batch_size"] or BATCH
        samples = len(inputs[0])
        if not samples:
            raise Unsupported("no samples")
        if self._engine:
            self._engine.state.pull()  # a callback predicts in the middle of an epoch
        inference = self._inference_for(batch)
        feed = Feed(inputs, [], None, inference.batch)
        outputs = inference.outputs(samples)

        def run() -> Any:
            callbacks = loops.callback_list(model, a["callbacks"], a["verbose"], samples, batch)
            done = loops.predict(model, lambda first, n: inference.run(feed, first, n, outputs), samples, batch,
                                 callbacks)
            return spec.model_outputs(model, [y[:done] for y in outputs])

        return run

    def _inference_for(self, batch: int) -> Inference:
        fingerprint = self._fingerprint([])
        if self._fingerprints.get("inference") != fingerprint or self._inference is None or (
                self._inference.batch < batch):
            self._inference = None
            self._inference = self._compiled("inference", fingerprint, lambda: Inference(self._model, batch))
        else:
            self._inference.refresh()
        return self._inference

    # -- both --------------------------------------------------------------------------------------

    def _built_inputs(self, x: Any) -> List[Any]:
        """The arrays of x; a model without weights gets them first."""
        model = self._model
        if not model.built or not getattr(model, "inputs", None):
            model(arrays.as_array(x, "x")[:1])
        if not getattr(model, "inputs", None):
            raise Unsupported("%s is neither Sequential nor made of inputs and outputs" % type(model).__name__)
        return arrays.inputs(model, x)

    def _fingerprint(self, more: List[Any]) -> Tuple[Any, ...]:
        """Equal as long as Keras itself would go on using what it has compiled."""
        layers = self._model._flatten_layers()
        return (*more, *[item for layer in layers for item in (layer, layer.trainable)])

    def _compiled(self, kind: str, fingerprint: Any, make: Callable[[], Any]) -> Any:
        """make(), whose refusal is remembered: the reason will be the same until something changes."""
        refused = self._refused.get(kind)
        if refused and refused[0] == fingerprint:
            raise Unsupported(refused[1])
        try:
            made = make()
        except (LatheError, Unsupported) as e:
            why = reason(e) if isinstance(e, LatheError) else str(e)
            self._refused[kind] = (fingerprint, why)
            raise Unsupported(why) from e
        self._fingerprints[kind] = fingerprint
        return made


def accelerate(model: "keras.Model") -> "keras.Model":
    """Lets fit, evaluate and predict of a Keras 3 model run in C that lathe writes for it.

    The methods take Keras's arguments, print Keras's progress and return Keras's history. After each call
    weights, optimizer slots and step count are in the Keras model, and callbacks see them there. What
    lathe cannot do (a layer, loss, metric, argument, or data that is not arrays) gives one FallbackWarning
    with the reason, and the call goes to Keras.

    Args:
        model: any live Keras model, on any backend; not necessarily compiled or built yet.

    Returns:
        The same model. A second call changes nothing. `restore` undoes it; copies, clones and saved files
        of the model are ordinary Keras models.

    Raises:
        TypeError: not a Keras model.
    """
    if not isinstance(model, keras.Model):
        raise TypeError("a Keras model, not %r" % type(model).__name__)
    if _ATTRIBUTE not in vars(model):
        Accelerated(model).install()
    return model


def restore(model: "keras.Model") -> "keras.Model":
    """Undoes `accelerate`: the model's methods are Keras's again. Returns the model."""
    accelerated = vars(model).get(_ATTRIBUTE)
    if accelerated:
        accelerated.remove()
    return model
