from keras import Sequential, initializers, losses, metrics, optimizers
from keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input

model = Sequential(name="objects")
model.add(Input(batch_shape=(None, 8, 8, 2)))
model.add(Conv2D(4, 3, kernel_initializer=initializers.HeNormal(seed=3), bias_initializer="ones"))
model.add(BatchNormalization(center=False, scale=False))
model.add(Flatten())
model.add(Dense(1, kernel_initializer=initializers.RandomUniform(-1, 1), activation="sigmoid"))
model.compile(
    optimizer=optimizers.Adam(learning_rate=3e-4, beta_1=0.8, amsgrad=True, weight_decay=0.01),
    loss=losses.BinaryCrossentropy(from_logits=False),
    metrics=[metrics.BinaryAccuracy()],
)
