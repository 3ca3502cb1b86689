x = = 3
for i in range(3)
    y = 1
if True:
    z = )
