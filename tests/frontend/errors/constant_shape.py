from keras import Input, Sequential
from keras.initializers import Constant
from keras.layers import Dense

model = Sequential([Input((2,)), Dense(2, bias_initializer=Constant([1, 2, 3]))])
