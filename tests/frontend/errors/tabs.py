from keras import Input, Model, Sequential
from keras.layers import Dense

if True:
	model = Sequential([Input((4,)), Dense(0)])
