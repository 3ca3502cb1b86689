@property
model = 3
