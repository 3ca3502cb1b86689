# The style of Keras 1 and 2: input_shape in the first layer, one import a class.
from keras.models import Sequential
from keras.layers import Conv2D as Convolution, Dense, Flatten, MaxPooling2D, Dropout
import keras.optimizers

num_classes, size = 10, (28, 28)
model = Sequential()
model.add(Convolution(32, kernel_size=(3, 3), activation='relu', input_shape=size + (1,)))
model.add(Convolution(64, (3, 3), activation='relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(size[0] * 4 + 16, activation='relu'))
model.add(Dropout(0.5))
model.add(Dense(num_classes, activation='softmax'))
model.compile(loss=keras.losses.categorical_crossentropy,
              optimizer=keras.optimizers.RMSprop(), metrics=['accuracy'])
