from keras import Input, Sequential
from keras.callbacks import ReduceLROnPlateau
from keras.layers import Dense
from keras.optimizers import Adam
from keras.optimizers.schedules import PiecewiseConstantDecay

model = Sequential([Input((2,)), Dense(3)])
model.compile(optimizer=Adam(PiecewiseConstantDecay(["x"], [1, 2])))
model.fit(x, y, callbacks=[ReduceLROnPlateau(factor=1.5)])
