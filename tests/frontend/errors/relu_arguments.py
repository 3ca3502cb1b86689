from keras import Input, Model, Sequential
from keras.layers import ReLU, Softmax

model = Sequential([Input((4,)), ReLU(max_value=6), ReLU(6.0), Softmax(axis=1)])
