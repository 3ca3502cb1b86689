"""Every layer and every kind of step that the examples leave out: strides, dilation, 'same' padding,
two paths that join, a max pooling behind a convolution of few channels to many, channels in groups, batch
normalisation behind a convolution with bias, overlapping pools, dropout, layer normalisation, interpolation,
functions with polynomials of their own, augmentation, regularizers, clipped and accumulated gradients."""
import keras
from keras import layers

inputs = keras.Input((23, 21, 3))
x = layers.RandomTranslation(0.2, 0.2)(layers.RandomFlip("horizontal")(inputs))
r = layers.Conv2D(64, 3, activation="relu")(layers.Conv2D(6, 1, activation="relu")(x))
r = layers.MaxPooling2D(2)(r)
x = layers.Conv2D(20, 3, strides=2, padding="same", kernel_regularizer="l2")(x)
x = layers.BatchNormalization()(x)
x = layers.Activation("tanh")(x)
y = layers.Conv2D(20, 3, dilation_rate=2, padding="same", activation="sigmoid")(x)
x = layers.Add()([x, y])
x = layers.Dropout(0.3)(x)
x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
x = layers.Conv2D(40, (1, 3), activation="relu")(x)
x = layers.MaxPooling2D(2, strides=1)(x)
x = layers.BatchNormalization(momentum=0.9)(x)
y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
y = layers.Conv2D(48, 3, groups=2, padding="same")(y)
y = layers.Conv2D(16, 2, groups=8, padding="same", activation="tanh")(y)
z = layers.Conv2DTranspose(16, 3, padding="same")(layers.Conv2D(16, 3, padding="same")(y))
x = layers.Concatenate()([layers.Add()([z, y]), layers.Conv2D(32, 1)(x)])
z = layers.UpSampling2D(2, interpolation="bilinear")(layers.Activation("gelu")(x))
z = layers.GlobalMaxPooling2D()(z)
x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), z, layers.GlobalAveragePooling2D()(r)])
x = layers.LayerNormalization()(x)
x = layers.Activation("softplus")(x)
x = layers.Dense(33, activation="relu", kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-3))(x)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(7, activation="softmax")(x)

model = keras.Model(inputs, outputs, name="mixed")
model.compile(
    optimizer=keras.optimizers.SGD(0.05, momentum=0.9, global_clipnorm=1.0, gradient_accumulation_steps=2),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
