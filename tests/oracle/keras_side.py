"""The same scripts under Keras (JAX backend): outputs, gradients and optimizer steps as numpy arrays
under lathe's tensor names ("conv2d/kernel", slots "conv2d/kernel/m")."""
import runpy

import keras_quick  # before JAX and Keras

import jax
import keras
import numpy as np

# float32 matrix products in full precision, as lathe has them.
jax.config.update("jax_default_matmul_precision", "highest")

# lathe's slot name -> the attribute of Keras's optimizer that lists those variables
SLOTS = {"sgd": {"velocity": "momentums"},
         "adam": {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
         "rmsprop": {"velocity": "_velocities", "momentum": "_momentums",
                     "average_gradient": "_average_gradients"}}


def _masked_dropout(layer, inputs, training=False):
    """Dropout whose mask is given from outside instead of drawn."""
    return inputs * layer.given_mask if training else inputs


SPATIAL = (keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D)
for _class in (keras.layers.Dropout, *SPATIAL):
    _class.call = _masked_dropout


def run_script(path):
    """The variable `model` of a script, executed as an imported module is."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    return runpy.run_path(path, run_name="oracle")["model"]


class KerasModel:
    """A script's model. Arrays go in and out alone, or in lists where the model has several inputs or
    outputs: in the order in which Keras flattens them, labels in that of the outputs with a loss."""

    def __init__(self, script):
        self.model = run_script(script)
        # "layer/weight", also where the layer lies in a model in the model.
        self.names = {id(v): "/".join(v.path.split("/")[-2:]) for v in self.model.weights}
        self.trainable = [self.names[id(v)] for v in self.model.trainable_variables]
        self.fixed = [self.names[id(v)] for v in self.model.non_trainable_variables
                      if id(v) in self.names]
        self.dropouts = [layer for layer in self.model.layers
                         if isinstance(layer, (keras.layers.Dropout, *SPATIAL))]
        self._gradients = jax.jit(jax.value_and_grad(self._mean_loss, has_aux=True))

    # -- weights and slots --------------------------------------------------------------------

    def _slots(self):
        """The optimizer's slots as name -> Keras variable."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        kind = next(k for k, cls in (("adam", keras.optimizers.Adam),
                                     ("rmsprop", keras.optimizers.RMSprop),
                                     ("sgd", keras.optimizers.SGD)) if isinstance(optimizer, cls))
        return {"%s/%s" % (name, slot): variable
                for slot, attribute in {**SLOTS[kind], "accumulator": "_accumulated_gradients"}.items()
                for name, variable in zip(self.trainable, getattr(optimizer, attribute, None) or [])}

    def variables(self, slots=False):
        found = {self.names[id(v)]: v for v in self.model.weights if id(v) in self.names}
        return {**found, **self._slots()} if slots else found

    def get(self, slots=False):
        return {name: np.array(v) for name, v in self.variables(slots).items()}

    def set(self, values):
        for name, variable in self.variables().items():
            variable.assign(values[name])

    def randomize(self, seed):
        """Weights of ordinary size in which nothing is at its special initial value."""
        random = np.random.default_rng(seed)
        values = {}
        for name, variable in self.variables().items():
            value = np.array(variable)
            if name.endswith(("/gamma", "/moving_variance")):
                value = random.uniform(0.5, 1.5, value.shape)
            elif name.endswith("/alpha"):
                value = random.uniform(0.1, 0.4, value.shape)
            elif name.endswith(("/bias", "/beta", "/moving_mean")):
                value = random.normal(0, 0.1, value.shape)
            values[name] = value.astype(np.float32)
        self.set(values)

    # -- computation --------------------------------------------------------------------------

    def structured(self, x):
        """The inputs as the model takes them."""
        if not isinstance(x, (list, tuple)):
            return x
        return keras.tree.pack_sequence_as(getattr(self.model, "_inputs_struct", x[0]), x)

    def predict(self, x):
        outputs = keras.tree.map_structure(np.array, self.model(self.structured(x), training=False))
        return keras.tree.flatten(outputs) if isinstance(x, (list, tuple)) else outputs

    def losses(self):
        """(index of the output, loss, weight) of each output with a loss."""
        loss, weights = self.model._compile_loss._user_loss, self.model._compile_loss._user_loss_weights
        if isinstance(loss, dict):
            keys = sorted(loss)
            loss, weights = [loss[k] for k in keys], weights and [weights[k] for k in keys]
        if not isinstance(loss, (list, tuple)):
            loss = [loss] * len(self.model.outputs)
        weights = weights or [1.0] * len(loss)
        return [(i, one, weight) for i, (one, weight) in enumerate(zip(loss, weights)) if one]

    def each_loss(self, y, outputs, sample_weight=None):
        """The mean of each loss over the samples."""
        outputs = keras.tree.flatten(outputs)
        labels = y if isinstance(y, (list, tuple)) else [y]
        return [self.loss_of(label, outputs[i], loss, sample_weight)
                for (i, loss, _), label in zip(self.losses(), labels, strict=True)]

    def loss_of(self, y, prediction, loss=None, sample_weight=None):
        """A sample's weight counts for all of it, as Keras's manual says. Its losses would multiply weights without
        further axes along the last axis of a loss that has one number a place."""
        function = keras.losses.get(loss or self.model.loss)
        if sample_weight is None:
            return keras.ops.mean(function(y, prediction))
        weight = sample_weight.reshape((-1,) + (1,) * (len(prediction.shape) - 2))
        if isinstance(function, keras.Loss):
            return function(y, prediction, sample_weight=weight)
        return keras.ops.mean(function(y, prediction) * weight)

    def _mean_loss(self, trainable, fixed, x, y, masks, sample_weight=None):
        for layer, mask in zip(self.dropouts, masks):
            layer.given_mask = mask
        outputs, fixed, penalties = self.model.stateless_call(
            trainable, fixed, self.structured(x), training=True, return_losses=True)
        each = self.each_loss(y, outputs, sample_weight)
        total = sum(weight * one for (_, _, weight), one in zip(self.losses(), each))
        return total + sum(penalties), (each, fixed)

    def gradients(self, x, y, masks=()):
        """Loss, gradient of each trainable weight, new statistics; the model is left alone."""
        loss, _, gradients, statistics = self.gradients_of_each(x, y, masks)
        return loss, gradients, statistics

    def gradients_of_each(self, x, y, masks=()):
        """The same with each loss behind their sum."""
        (loss, (each, fixed)), gradients = self._gradients(
            [v.value for v in self.model.trainable_variables],
            [v.value for v in self.model.non_trainable_variables], x, y, list(masks))
        statistics = {self.names[id(v)]: np.array(value)
                      for v, value in zip(self.model.non_trainable_variables, fixed)
                      if id(v) in self.names}
        return float(loss), [float(one) for one in each], dict(zip(self.trainable, map(np.array, gradients))), statistics

    def train_step(self, x, y, masks=()):
        """One step of training: weights, statistics, slots and iteration move on."""
        loss, gradients, statistics = self.gradients(x, y, masks)
        self.apply(gradients)
        for name, variable in self.variables().items():
            if name in statistics:
                variable.assign(statistics[name])
        return loss

    def apply(self, gradients):
        self._slots()
        self.model.optimizer.apply([jax.numpy.asarray(gradients[name]) for name in self.trainable],
                                   self.model.trainable_variables)
