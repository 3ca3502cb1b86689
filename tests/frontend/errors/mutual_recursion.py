def f(n):
    for i in range(2):
        if True:
            return g(n)

def g(n):
    return f(n)

x = f(0)
