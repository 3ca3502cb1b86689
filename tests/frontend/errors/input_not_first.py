from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Dense(3), Input((4,))])
