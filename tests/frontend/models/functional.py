"""Functional calls, def blocks with defaults, loops, f-strings, a residual connection."""
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers as L


def block(x, filters, index, kernel=3, *, shrink=True, **options):
    """Convolution and normalisation."""
    x = L.Conv2D(filters, kernel, padding="same", name=f"conv{index:02d}", **options)(x)
    x = L.BatchNormalization(name="bn_%d" % index)(x)
    x = tf.keras.layers.Activation("relu", name="relu_{}".format(index))(x)
    return L.MaxPool2D()(x) if shrink else x


inputs = keras.Input(shape=(32, 32, 3), name="image")
x = inputs
for i, n in enumerate([8, 16], 1):
    x = block(x, n, i, use_bias=i > 1)
y = block(x, 16, 3, shrink=False)
x = L.Add(name="sum")([x, y])
x = L.GlobalAvgPool2D()(x)
x = L.Dropout(0.5)(x)
model = keras.Model(inputs=inputs, outputs=L.Dense(10, "softmax")(x), name="residual")
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
