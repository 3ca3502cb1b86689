"""Every elementary function that generated code computes itself."""
import keras
from keras import Model, layers, ops

x = keras.Input((8,), name="x")
model = Model(x, [layers.Activation(name)(x) for name in ("exponential", "tanh", "sigmoid", "gelu", "softplus")]
              + [ops.log(x), ops.erf(x), ops.sin(x)])
