import keras
from keras import ops

x = keras.Input((8, 6, 4))
a = x[0]
b = x[:, 8]
c = x[:, 3:3]
d = x[:, 0, 0, 0, 0]
e = x + "a"
f = ops.mean(x)
g = ops.sum(x, axis=0)
h = ops.reshape(x, (4, -1))
i = ops.transpose(x, (1, 0, 2, 3))
j = ops.concatenate([x, x])
k = ops.pad(x, 1)
m = ops.matmul(x, x)
n = ops.fancy(x)
o = ops.relu(3)
p = x + keras.Input((3,))
q = ops.squeeze(x, axis=1)
model = keras.Model(x, x)
