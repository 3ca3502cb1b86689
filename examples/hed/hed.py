"""Holistically-nested edge detection (Xie and Tu, ICCV 2015): VGG16's thirteen convolutions, a side
output after each block, and their sum with learned weights."""

from keras import Input, Model
from keras.layers import Activation, Concatenate, Conv2D, MaxPooling2D, Normalization, Resizing

HEIGHT, WIDTH = 320, 480


def block(x, number, filters, convolutions):
    for i in range(convolutions):
        x = Conv2D(filters, 3, padding="same", activation="relu", name=f"block{number}_conv{i + 1}")(x)
    return x


def side(x, number):
    x = Conv2D(1, 1, name=f"side{number}")(x)
    if number > 1:
        x = Resizing(HEIGHT, WIDTH, interpolation="bilinear", name=f"side{number}_full")(x)
    return x


photograph = Input((HEIGHT, WIDTH, 3), name="photograph")
# blue, green, red, minus their means: what the weights were trained with
x = Normalization(mean=[104.00699, 116.66877, 122.67892], variance=[1.0, 1.0, 1.0])(photograph[..., ::-1])
sides = []
for number, (filters, convolutions) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], start=1):
    if number > 1:
        x = MaxPooling2D(2, padding="same", name=f"block{number - 1}_pool")(x)
    x = block(x, number, filters, convolutions)
    sides.append(side(x, number))
edges = Activation("sigmoid", name="edges")(Conv2D(1, 1, name="fuse")(Concatenate(name="sides")(sides)))
model = Model(photograph, edges)
