import keras

class Net(keras.Model):
    def call(self, x):
        return x

model = Net()
