i = 3
a = f"conv{i"
b = f"conv{}"
c = f"conv}"
