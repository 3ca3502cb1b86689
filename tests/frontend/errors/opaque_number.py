import numpy as np
from keras import Input, Model, Sequential
from keras.layers import Dense

classes = np.load("labels.npy").max() + 1
model = Sequential([Input((4,)), Dense(classes)])
