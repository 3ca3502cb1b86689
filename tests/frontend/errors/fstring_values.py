import numpy as np
i = 3
a = f"conv{i:q}"
b = f"conv{np.pi}"
c = "%d %d" % i
d = "{} {}".format(1)
