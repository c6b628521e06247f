"""The rate network of the paper: cells (Eq. 10, 11), readout (Eq. 12), losses (Eq. 13), initialisation, unrolling."""
