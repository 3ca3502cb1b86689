# The input's shape comes last.
import keras

model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2), keras.layers.Dense(1)])
model.pop()
model.build(input_shape=(None, 4))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])
