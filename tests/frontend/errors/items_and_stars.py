from keras.layers import Dense

sizes = [1, 2]
sizes[2] = 3
pair = (1, 2)
pair[0] = 3
layer = Dense(2)
layer.trainable = 1
layer.units = 3
3 = 4
def f(*args):
    return args

f(*3)
f(**3)
f(**{1: 2})
[*4]
{**5}
sizes["a":2]
sizes[::0]
sizes[::-2]
7[1:2]
[1][0.5]
range("a")
range()
enumerate()
int(1e30)
float("a", 2)
float()
bool()
str()
abs()
round(1, 2, 3)
round(1e30)
max()
max("a", 3)
sizes.extend(3)
{}.get()
1 @ 2
1.5 << 2
-9223372036854775807 - 2
(-9223372036854775807 - 1) // -1
"%d" % "a"
"{".format(1)
f"{1:q}"
