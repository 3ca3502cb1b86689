"""ConvNeXt (Liu et al., 2022): large depthwise convolutions, layer normalisation, and a learned
scale on every residual."""
import keras
from keras.layers import (
    Activation,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    LayerNormalization,
    Normalization,
)
from keras.src.applications.convnext import LayerScale


def block(inputs, filters, name):
    x = Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(inputs)
    x = LayerNormalization(epsilon=1e-6, name=f"{name}_layernorm")(x)
    x = Dense(4 * filters, name=f"{name}_pointwise_conv_1")(x)
    x = Activation("gelu", name=f"{name}_gelu")(x)
    x = Dense(filters, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(1e-6, filters, name=f"{name}_layer_scale")(x)
    x = Activation("linear", name=f"{name}_identity")(x)
    return inputs + x


def stem(filters, name):
    return keras.Sequential([
        Conv2D(filters, 4, strides=4, name=f"{name}_stem_conv"),
        LayerNormalization(epsilon=1e-6, name=f"{name}_stem_layernorm"),
    ], name=f"{name}_stem")


def halve(filters, i, name):
    return keras.Sequential([
        LayerNormalization(epsilon=1e-6, name=f"{name}_downsampling_layernorm_{i}"),
        Conv2D(filters, 2, strides=2, name=f"{name}_downsampling_conv_{i}"),
    ], name=f"{name}_downsampling_block_{i}")


def convnext(name, depths, filters):
    inputs = Input((224, 224, 3))
    x = Normalization(mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
                      variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
                      name=f"{name}_prestem_normalization")(inputs)
    for i in range(4):
        x = (halve(filters[i], i - 1, name) if i else stem(filters[0], name))(x)
        for k in range(depths[i]):
            x = block(x, filters[i], f"{name}_stage_{i}_block_{k}")
    x = GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = LayerNormalization(epsilon=1e-6, name=f"{name}_head_layernorm")(x)
    x = Dense(1000, activation="softmax", name=f"{name}_head_dense")(x)
    return keras.Model(inputs, x, name=name)


def convnexttiny():
    return convnext("convnext_tiny", [3, 3, 9, 3], [96, 192, 384, 768])


def convnextsmall():
    return convnext("convnext_small", [3, 3, 27, 3], [96, 192, 384, 768])


def convnextbase():
    return convnext("convnext_base", [3, 3, 27, 3], [128, 256, 512, 1024])


def convnextlarge():
    return convnext("convnext_large", [3, 3, 27, 3], [192, 384, 768, 1536])


def convnextxlarge():
    return convnext("convnext_xlarge", [3, 3, 27, 3], [256, 512, 1024, 2048])
