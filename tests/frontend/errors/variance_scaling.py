from keras import Input, Sequential
from keras.initializers import VarianceScaling
from keras.layers import Dense

model = Sequential([
    Input((4,)),
    Dense(3, kernel_initializer=VarianceScaling(scale=-1.0)),
    Dense(3, kernel_initializer=VarianceScaling(mode="fan_over")),
    Dense(3, kernel_initializer=VarianceScaling(distribution="cauchy")),
])
