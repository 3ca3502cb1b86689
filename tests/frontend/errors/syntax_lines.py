x = 1 +
y = 2 3
for i range(3):
    pass
class 3:
    pass
import
from keras import
z = "a" if 1
