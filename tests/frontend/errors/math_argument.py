import math

from keras import Input, Sequential
from keras.layers import Dense

model = Sequential([Input((4,)), Dense(math.ceil("3")), Dense(math.log(0)), Dense(math.floor(1e300))])
