import keras
from keras.layers import Dense

model = keras.Sequential([
    keras.Input((4,)),
    Dense(3, kernel_regularizer=keras.regularizers.L2(-0.01)),
    Dense(3, bias_regularizer="l3"),
    Dense(3, kernel_regularizer=keras.regularizers.OrthogonalRegularizer()),
    Dense(3, kernel_regularizer=0.01),
    Dense(3, activity_regularizer="l2"),
])
