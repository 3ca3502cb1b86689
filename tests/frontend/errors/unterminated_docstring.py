"""A model
that never ends
