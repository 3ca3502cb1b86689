from keras import Input, Model, Sequential
from keras.layers import Dropout

model = Sequential([Input((4,)), Dropout(1.5), Dropout(1), Dropout(-0.1), Dropout(None)])
