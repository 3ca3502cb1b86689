def f(a, b=2):
    return a

x = f()
y = f(1, 2, 3)
z = f(1, bb=3)
w = f(1, a=2)
