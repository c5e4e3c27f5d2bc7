"""The same scenarios on the model and on kernels, and what differs.

Read in this order: scenario (the text, and how it is cut down), generate (random ones),
players (the model, guests, this machine), traces (reading and comparing), shrink (the
shortest scenario that differs), cli (the program).
"""
