"""`lathe report`: pictures and a page of a training run.

    __main__    the command; says which Python packages are missing
    inputs      what the run's folder and the data hold
    generated   what generated C computes: predictions, maps, times, the plan of memory
    style       colours, fonts, how figures are saved
    training, classes, points, mosaic, layers    the pictures
    page        index.html
    build       all of it in order, with progress
"""
