from keras import Input, Model, Sequential
from keras.layers import Dense, Flatten

model = Sequential([Input((4,)), Flatten, Dense(2)])
