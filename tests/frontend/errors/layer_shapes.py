# What shapes and arguments of layers may not be.
import keras
from keras import ops
from keras.initializers import Constant
from keras.layers import (BatchNormalization, Concatenate, Conv2D, Cropping2D, Dense, Dropout, GroupNormalization,
                          Input, Normalization, Permute, RandomTranslation, Reshape, Softmax, SpatialDropout2D)

image = Input((8, 8, 3))
row = Input((4,))
Conv2D(4, 3, groups=2)(image)
Conv2D(4, 9)(image)
Dropout(0.5, noise_shape=(None, 1))(image)
SpatialDropout2D(0.5)(row)
Concatenate(axis=(1, 2))([image, image])
BatchNormalization(axis=[1, 2])(image)
Softmax(axis="x")(image)
Normalization(mean="x", variance=1)(image)
Normalization(mean=[1, 2, "x"], variance=1)(image)
RandomTranslation(2, 0.1)(image)
RandomTranslation("x", 0.1)(image)
RandomTranslation(height_factor=0.1)(image)
RandomTranslation(0.1, 0.1, fill_mode="none")(image)
Reshape(None)(image)
Reshape((1, 2, 3, 4, 5, 6, 7, 8, 9))(image)
Input((1,) * 9)
Input("x")
Dense(2, input_dim=0)
Dense(2, bias_initializer=Constant("x"))(row)
Dense(2, bias_initializer=Constant([1, [2]]))(row)
Dense(2)(row, mask=3)
ops.pad(image, [(0, 0)])
ops.reshape(image)
ops.reshape(image, 3.5)
ops.add(1, 2)
ops.concatenate([image, image], axis="x")
ops.expand_dims(image, "x")
ops.softmax(image, axis=(1, 2))
image @ row << 2
