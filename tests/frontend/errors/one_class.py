from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(1)])
model.compile("adam", "categorical_crossentropy")
