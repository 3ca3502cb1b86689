from keras import Input, Model, Sequential
from keras.layers import Dense

größe = "zwölf"; model = Sequential([Input((4,)), Dense(größe)])
