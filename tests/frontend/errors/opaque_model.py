import keras

model = keras.applications.VGG16()
