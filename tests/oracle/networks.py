"""The networks that lathe and Keras are compared on: the examples, and small scripts that cover each
layer and argument. Both systems read the same text."""
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HEAD = """import keras
from keras import layers
"""


def sequential(shape, body, compile_line="loss='categorical_crossentropy', optimizer='adam'"):
    lines = "".join("    %s,\n" % line.strip() for line in body.strip().splitlines())
    return "%s\nmodel = keras.Sequential([\n    layers.Input(shape=%s),\n%s])\nmodel.compile(%s)\n" % (
        HEAD, shape, lines, compile_line)


# Input shape, layers, and where it matters the arguments of compile.
NETWORKS = {
    "conv_same_odd": sequential((13, 11, 5), """
        layers.Conv2D(7, 3, padding='same', activation='relu')
        layers.Conv2D(19, (5, 3), padding='same', activation='tanh')
        layers.Flatten()
        layers.Dense(6, activation='softmax')"""),
    "conv_strided": sequential((17, 14, 3), """
        layers.Conv2D(16, 3, strides=2, activation='relu')
        layers.Conv2D(10, (3, 2), strides=(1, 2), padding='same', activation='sigmoid')
        layers.Flatten()
        layers.Dense(5, activation='softmax')"""),
    "conv_same_strided": sequential((16, 15, 4), """
        layers.Conv2D(9, 3, strides=2, padding='same', activation='relu')
        layers.Conv2D(33, 4, strides=3, padding='same')
        layers.Flatten()
        layers.Dense(4, activation='softmax')"""),
    "conv_dilated": sequential((15, 15, 3), """
        layers.Conv2D(8, 3, dilation_rate=2, activation='relu')
        layers.Conv2D(12, 3, dilation_rate=(2, 3), padding='same', activation='relu')
        layers.Flatten()
        layers.Dense(3, activation='softmax')"""),
    "conv_pointwise": sequential((9, 9, 6), """
        layers.Conv2D(32, 1, use_bias=False, activation='relu')
        layers.Conv2D(40, 1, activation='relu')
        layers.GlobalAveragePooling2D()
        layers.Dense(7, activation='softmax')"""),
    "pool_valid_odd": sequential((15, 13, 6), """
        layers.Conv2D(8, 2, activation='relu')
        layers.MaxPooling2D(2)
        layers.MaxPooling2D((2, 3), strides=(1, 2))
        layers.Flatten()
        layers.Dense(4, activation='softmax')"""),
    "pool_same": sequential((11, 14, 4), """
        layers.Conv2D(8, 3)
        layers.MaxPooling2D(3, strides=2, padding='same')
        layers.AveragePooling2D(2, padding='same')
        layers.Flatten()
        layers.Dense(4, activation='softmax')"""),
    "average_pool_overlap": sequential((12, 12, 3), """
        layers.Conv2D(6, 3, activation='tanh')
        layers.AveragePooling2D(3, strides=1, padding='same')
        layers.AveragePooling2D((3, 2), strides=2)
        layers.Flatten()
        layers.Dense(4, activation='softmax')"""),
    "zero_padding": sequential((10, 9, 2), """
        layers.ZeroPadding2D(2)
        layers.Conv2D(6, 5, activation='relu')
        layers.ZeroPadding2D((1, 2))
        layers.Conv2D(6, 3, activation='relu')
        layers.ZeroPadding2D(((0, 1), (2, 0)))
        layers.Conv2D(6, 3, activation='relu')
        layers.Flatten()
        layers.Dense(4, activation='softmax')"""),
    "batch_norm_before_activation": sequential((12, 12, 3), """
        layers.Conv2D(8, 3, use_bias=False)
        layers.BatchNormalization()
        layers.ReLU()
        layers.Conv2D(16, 3, padding='same')
        layers.BatchNormalization(momentum=0.8, epsilon=0.01)
        layers.Activation('tanh')
        layers.Flatten()
        layers.Dense(5, activation='softmax')"""),
    "batch_norm_after_activation": sequential((11, 11, 3), """
        layers.BatchNormalization()
        layers.Conv2D(8, 3, activation='relu')
        layers.BatchNormalization(scale=False)
        layers.Conv2D(8, 3, padding='same', activation='relu')
        layers.BatchNormalization(center=False)
        layers.Conv2D(8, 3, activation='relu')
        layers.BatchNormalization()
        layers.Flatten()
        layers.Dense(20, activation='relu')
        layers.BatchNormalization()
        layers.Dense(5, activation='softmax')"""),
    "dropout": sequential((8, 8, 3), """
        layers.Conv2D(8, 3, activation='relu')
        layers.Dropout(0.25)
        layers.Flatten()
        layers.Dropout(0.1)
        layers.Dense(31, activation='tanh')
        layers.Dropout(0.5)
        layers.Dense(5, activation='softmax')"""),
    "dense_only": sequential((37,), """
        layers.Dense(70, activation='relu')
        layers.Dense(33, activation='sigmoid')
        layers.Dense(17, activation='tanh', use_bias=False)
        layers.Dense(9)
        layers.Activation('softmax')""", "loss='sparse_categorical_crossentropy', optimizer='sgd'"),
    "from_logits": sequential((6, 6, 3), """
        layers.Conv2D(5, 3, activation='relu')
        layers.Flatten()
        layers.Dense(8)""", "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), "
                            "optimizer='sgd', metrics=['accuracy']"),
    "categorical_from_logits": sequential((20,), """
        layers.Dense(16, activation='tanh')
        layers.Dense(6)""", "loss=keras.losses.CategoricalCrossentropy(from_logits=True), "
                            "optimizer='rmsprop', metrics=['accuracy']"),
    "binary": sequential((7, 7, 2), """
        layers.Conv2D(6, 3, activation='relu')
        layers.Flatten()
        layers.Dense(1, activation='sigmoid')""",
                         "loss='binary_crossentropy', optimizer='adam', metrics=['accuracy']"),
    "binary_many_from_logits": sequential((24,), """
        layers.Dense(16, activation='relu')
        layers.Dense(5)""", "loss=keras.losses.BinaryCrossentropy(from_logits=True), optimizer='adam'"),
    "regression": sequential((13,), """
        layers.Dense(24, activation='tanh')
        layers.Dense(3)""", "loss='mse', optimizer=keras.optimizers.SGD(0.05)"),
    "softmax_not_last": sequential((18,), """
        layers.Dense(12, activation='softmax')
        layers.Dense(4, activation='softmax')"""),
    "response_normalization": HEAD + """
from keras import ops


def lrn(x, size, alpha, beta, bias):
    channels, before = x.shape[-1], (size - 1) // 2
    squares = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (before, size - 1 - before)))
    total = squares[..., :channels]
    for i in range(1, size):
        total = total + squares[..., i:i + channels]
    return x / (bias + alpha * total) ** beta


inputs = layers.Input((7, 6, 3))
x = lrn(layers.Conv2D(19, 3, activation='relu')(inputs), 5, 0.3, 0.75, 2.0)
x = lrn(layers.Conv2D(6, 2)(x), 4, 0.2, 0.5, 1.0)
x = layers.Dense(4, activation='softmax')(layers.Flatten()(x))
model = keras.Model(inputs, x)
model.compile(loss='categorical_crossentropy', optimizer='adam')
""",
    "functional_residual": HEAD + """
inputs = keras.Input(shape=(10, 10, 3))
x = layers.Conv2D(8, 3, padding='same', activation='relu')(inputs)
for width in (8, 8):
    y = layers.Conv2D(width, 3, padding='same', use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    x = layers.Add()([x, y])
    x = layers.Activation('relu')(x)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(5, activation='softmax')(x)
model = keras.Model(inputs, outputs)
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
""",
    "functional_shared_input": HEAD + """
inputs = keras.Input(shape=(9, 8, 4))
a = layers.Conv2D(6, 1)(inputs)
b = layers.Conv2D(6, 3, padding='same', activation='tanh')(inputs)
x = layers.Add()([a, b])
x = layers.MaxPooling2D(2)(x)
x = layers.Flatten()(x)
outputs = layers.Dense(3, activation='softmax')(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.compile(loss='categorical_crossentropy', optimizer='adam')
""",
    "older_style": """from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import SGD

filters = [4, 2 * 4]
model = Sequential()
model.add(Conv2D(filters[0], (3, 3), activation='relu', input_shape=(12, 12, 1)))
model.add(MaxPooling2D(pool_size=(2, 2)))
for i, n in enumerate(filters):
    model.add(Conv2D(n, (2, 2), padding='same', activation='relu', name=f'stage_{i + 1}'))
model.add(Flatten())
model.add(Dense(6, activation='softmax'))
sgd = SGD(learning_rate=1e-2, momentum=0.9)
model.compile(optimizer=sgd, loss='categorical_crossentropy', metrics=['accuracy'])
""",
    "functional_blocks": HEAD + """

def block(x, filters, pool=True):
    x = layers.Conv2D(filters, 3, padding='same', use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation('relu')(x)
    if pool:
        x = layers.MaxPooling2D()(x)
    return x


inputs = keras.Input(shape=(8, 12, 3), name='image')
x = inputs
for filters in [6, 10]:
    x = block(x, filters)
x = block(x, 12, pool=False)
x = layers.Flatten()(x)
outputs = layers.Dense(4, activation='softmax', name='classes')(x)
model = keras.Model(inputs=inputs, outputs=outputs, name='blocks')
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss='sparse_categorical_crossentropy')
""",
}


# Examples that take too long for tests of every target, gradient and option; zoo.py has their like.
DEEP = ("alexnet", "vgg16", "googlenet", "resnet20", "hed", "filters")


def describes_training(path):
    """Beside networks that train, examples have tools, and one whose weights are set by hand."""
    with open(path) as f:
        return re.search(r"^model\.compile\(", f.read(), re.MULTILINE) is not None


def examples():
    """name -> path of the example scripts."""
    paths = sorted(filter(describes_training, glob.glob(os.path.join(ROOT, "examples", "*", "*.py"))))
    found = {os.path.basename(p)[:-3]: p for p in paths}
    return {name: path for name, path in found.items() if name not in DEEP}


def write_all(folder):
    """name -> path: the examples, and the networks above written to `folder`."""
    paths = examples()
    for name, text in NETWORKS.items():
        paths[name] = os.path.join(folder, name + ".py")
        with open(paths[name], "w") as f:
            f.write(text)
    return paths
