from keras import Sequential
model = Sequential()
model.add(Conv2d(8, (3,3)))
