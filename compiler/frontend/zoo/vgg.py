"""VGG (Simonyan and Zisserman, 2014): 3x3 convolutions in five blocks, then three dense layers."""
import keras
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D


def vgg(name, repeats):
    inputs = x = Input((224, 224, 3))
    for i, filters in enumerate([64, 128, 256, 512, 512]):
        block = f"block{i + 1}"
        for k in range(repeats[i]):
            x = Conv2D(filters, 3, activation="relu", padding="same", name=f"{block}_conv{k + 1}")(x)
        x = MaxPooling2D(2, strides=2, name=f"{block}_pool")(x)
    x = Flatten(name="flatten")(x)
    x = Dense(4096, activation="relu", name="fc1")(x)
    x = Dense(4096, activation="relu", name="fc2")(x)
    x = Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def vgg16():
    return vgg("vgg16", [2, 2, 3, 3, 3])


def vgg19():
    return vgg("vgg19", [2, 2, 4, 4, 4])
