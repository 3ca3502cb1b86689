from keras import Input, Sequential
from keras.layers import LayerScale as Wrong
from keras.src.applications.convnext import LayerScale
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

model = Sequential([
    Input((4, 4, 3)),
    LayerScale(1e-6, 5),
    LayerScale(projection_dim=3),
    CustomScaleLayer(),
    Wrong(1e-6, 3),
])
