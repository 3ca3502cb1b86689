"""VGG16 (Simonyan and Zisserman, 2014): 138,357,544 parameters.

Layers and their names are those of keras.applications, so that published weights fit. The same file
is a Keras program and the input of lathe:  lathe compile vgg16.py -o DIR
"""
from keras import Input, Sequential
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D

model = Sequential(name="vgg16")
model.add(Input((224, 224, 3)))
for i, (repeats, filters) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]):
    for k in range(repeats):
        name = f"block{i + 1}_conv{k + 1}"
        model.add(Conv2D(filters, 3, activation="relu", padding="same", name=name))
    model.add(MaxPooling2D(2, name=f"block{i + 1}_pool"))
model.add(Flatten(name="flatten"))
model.add(Dense(4096, activation="relu", name="fc1"))
model.add(Dense(4096, activation="relu", name="fc2"))
model.add(Dense(1000, activation="softmax", name="predictions"))

if __name__ == "__main__":
    model.summary()
