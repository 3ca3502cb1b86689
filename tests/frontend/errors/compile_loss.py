import keras
from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(3, activation="softmax")])
model.compile("adam", "crossentropy")
model.compile("adam", keras.losses.Huber())
model.compile("adam", keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
model.compile("adam", loss=3)
