from keras import Input, Model, Sequential
from keras.layers import GlobalAveragePooling2D

model = Sequential([Input((8, 8, 3)), GlobalAveragePooling2D(keepdims="yes")])
