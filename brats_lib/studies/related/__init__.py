"""The systems that the paper compares itself with, section 2, on the same cases and with the same scores.

`pereira`, `havaei`, `deepmedic` and `unet3d` build the networks, from the number of modalities in and of classes out,
the Keras dtype policy of all layers but the last, which stays float32, and the seed of the initial weights and of
dropout, which are taken from Keras's global random state where it is omitted. Models are not compiled. They read
standard deviations, channels last, and answer with float32 probabilities that sum to 1 over the last axis.
"""
