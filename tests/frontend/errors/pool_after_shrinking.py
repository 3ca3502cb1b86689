from keras import Input, Model, Sequential
from keras.layers import Conv2D, MaxPooling2D

model = Sequential()
model.add(Input((8, 8, 1)))
for _ in range(4):
    model.add(Conv2D(4, 3))
    model.add(MaxPooling2D())
