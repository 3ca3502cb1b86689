from keras import Input, Model, Sequential
from keras.layers import Flatten, Dense

model = Sequential([Input((4,)), Flatten("channels_last", 3), Dense(1)])
