a = [0] * 10**9
b = list(range(10**12))
