# Layers of keras.applications' own, whole-sample dropout, variance scaling.
import keras
from keras.initializers import VarianceScaling
from keras.layers import Dense, Dropout, Input
from keras.src.applications.convnext import LayerScale
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

scaling = VarianceScaling(scale=2.0, mode="fan_out", distribution="untruncated_normal")
inputs = Input((4, 4, 3))
x = Dense(3, kernel_initializer=scaling)(inputs)
x = LayerScale(1e-6, 3, name="scale")(x)
x = Dropout(0.5, noise_shape=(None, 1, 1, 1))(x)
model = keras.Model(inputs, CustomScaleLayer(0.17)([inputs, x]))
