s = "x"
for i in range(100):
    s = s + s
