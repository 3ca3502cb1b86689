"""Networks on which random networks found lathe wrong, each as small as it still failed: the script's model, with
the kernels, the batch and the samples of a call."""
from dataclasses import dataclass

HEAD = "import keras\nfrom keras import layers, ops, regularizers\n"


@dataclass
class Kept:
    seed: int  # in whose network it was found
    body: str
    kernels: int = 0
    batch: int = 2
    short: int = 0
    weighted: bool = False

    def script(self):
        return HEAD + self.body


FOUND = {
    # fuse-pooling broke the module: it took the pooling behind a convolution that had an addition.
    "pooling_behind_addition": Kept(1514, """
x0 = layers.Input((4, 4, 2))
x1 = layers.Conv2D(filters=2, kernel_size=1)(x0)
x2 = layers.Add()([x0, x1])
x3 = layers.MaxPooling2D()(x2)
model = keras.Model(x0, x3)
model.compile(keras.optimizers.SGD(), loss='mse')
"""),
    # Weights that no loss depends on, or only through a step function, were moved by what lay in the workspace.
    "no_gradient": Kept(1000015, """
x0 = layers.Input((5,))
x1 = layers.Dense(4, kernel_regularizer='l2')(x0)
x2 = layers.Dense(3)(ops.ceil(x1))
x3 = layers.Dense(7)(x0)
model = keras.Model(x0, [x2, x3])
model.compile(keras.optimizers.SGD(momentum=0.5, weight_decay=0.1), loss=['mse', None])
"""),
    # keras.activations.hard_tanh(x) and its like were refused.
    "called_activations": Kept(12, """
x0 = layers.Input((5,))
x1 = layers.Dense(4)(keras.activations.linear(x0))
x2 = keras.activations.hard_shrink(keras.activations.hard_tanh(x1))
x3 = layers.Dense(3)(keras.activations.soft_shrink(x2))
model = keras.Model(x0, x3)
model.compile(keras.optimizers.SGD(), loss='mse')
"""),
    # A layer that is called twice updates its statistics in the order in which Keras computes the calls.
    "order_of_statistics": Kept(3000069, """
x0 = layers.Input((8,))
x1 = layers.PReLU()(layers.ReLU()(keras.activations.sigmoid(x0)))
x2 = layers.Average()([x0, x1])
layer3 = layers.BatchNormalization(epsilon=0.01, center=False)
x3 = layer3(x2)
x4 = layers.Softmax(axis=1)(layer3(x1))
model = keras.Model(x0, [layers.Dense(7)(x3), layers.Dense(7)(x4)])
model.compile(keras.optimizers.SGD(), loss=['mse', 'mse'])
"""),
    # Clipped, accumulated or regularized gradients of a scale over two axes lay in rows, but were read as panels.
    "clipped_rows": Kept(1002341, """
x0 = layers.Input((8, 4, 4))
x1 = layers.Conv2D(32, 3)(x0)
x2 = layers.LayerNormalization(axis=[1, 3])(x1)
x3 = layers.Dense(2)(layers.Flatten()(x2))
model = keras.Model(x0, x3)
model.compile(keras.optimizers.SGD(clipvalue=0.1), loss='mse')
"""),
    # The bias of a layer that is called twice: its gradient's norm took in what lay behind the gradient.
    "norm_of_shared_bias": Kept(3000511, """
x0 = layers.Input((14, 6))
layer1 = layers.Dense(6)
x1 = layer1(x0)
x2 = layer1(layers.Average()([x1, x1, x0]))
x3 = layers.Maximum()([layers.Average()([x0, x2]), x1])
x4 = layers.Dense(3)(layers.Flatten()(x3))
model = keras.Model(x0, x4)
model.compile(keras.optimizers.AdamW(epsilon=0.001, clipnorm=0.1), loss='mse')
""", kernels=86),
    # Pixels between the windows of a pooling got no gradient of zero where as many windows times their size fill the image.
    "gaps_of_pooling": Kept(3000497, """
x0 = layers.Input((6, 6, 16))
x1 = layers.Conv2D(filters=32, kernel_size=3, use_bias=False, activation='relu')(x0)
x2 = layers.MaxPooling2D(pool_size=2, strides=3, padding='same')(x1)
x3 = keras.activations.hard_sigmoid(x2)
model = keras.Model(x0, layers.Flatten()(x3))
model.compile(keras.optimizers.SGD(), loss='mse')
""", kernels=1, batch=4, short=2),
    # p - 1 of a probability near 1 was all rounding, and so were the gradients of networks that are sure of themselves.
    "sure": Kept(3000964, """
x0 = layers.Input((5,))
x1 = layers.Dense(3)(layers.Rescaling(12)(x0))
x2 = layers.Dense(3, activation='softmax')(layers.Rescaling(8)(x0))
x3 = layers.Dense(1)(layers.Rescaling(20)(x0))
model = keras.Model(x0, [x1, x2, x3])
model.compile(keras.optimizers.SGD(learning_rate=0.001),
              loss=[keras.losses.SparseCategoricalCrossentropy(from_logits=True), 'sparse_categorical_crossentropy',
                    keras.losses.BinaryCrossentropy(from_logits=True)])
""", batch=1),
    # The gradient of log_softmax took over what log(sum(exp(x))) is rounded by where x is large.
    "large_log_softmax": Kept(3000098, """
x0 = layers.Input((5,))
x1 = keras.activations.log_softmax(layers.Dense(3)(layers.Rescaling(30000)(x0)))
model = keras.Model(x0, layers.Dense(3)(x1))
model.compile(keras.optimizers.SGD(learning_rate=1e-15), loss='mse')
"""),
    # A batch of one sample, which is its own mean, was not quite 0 behind a batch normalisation, and a layer
    # normalisation made that large.
    "mean_of_one_sample": Kept(2000027, """
x0 = layers.Input((9,))
x1 = layers.BatchNormalization(center=False)(layers.Rescaling(3, 40)(x0))
x2 = layers.LayerNormalization(epsilon=0.01)(x1)
model = keras.Model(x0, layers.Dense(4)(x2))
model.compile(keras.optimizers.SGD(), loss='mse')
""", short=1),
    # The mean of two pixels far from 0 lies between two floats: the gradients behind the normalisation did not add up to 0.
    "sum_of_norm_gradients": Kept(2002720, """
x0 = layers.Input((2, 1, 4))
x1 = layers.Conv2D(32, 1)(layers.Rescaling(1, -9)(x0))
x2 = layers.BatchNormalization()(layers.LeakyReLU(negative_slope=0.1)(x1))
model = keras.Model(x0, layers.Dense(3)(layers.Flatten()(x2)))
model.compile(keras.optimizers.SGD(), loss='mse')
""", batch=1),
}
