from keras import Input, Sequential
from keras.layers import Dropout

model = Sequential([
    Input((4, 4, 3)),
    Dropout(0.5, noise_shape=(None, 1, 4, 1)),
    Dropout(0.5, noise_shape=(None, 1, 1)),
])
