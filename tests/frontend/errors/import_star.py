from keras.layers import *

model = 3
