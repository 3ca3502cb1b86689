from keras import Input, Model, Sequential
from keras.layers import Dense

model = Sequential([Input((4,), dtype="int32"), Dense(3, dtype="float16")])
