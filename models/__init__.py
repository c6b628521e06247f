"""The rate network of the paper: cells (Eq. 10, 11), readout (Eq. 12), losses (Eq. 13), initialisation, unrolling."""

import tensorflow.compat.v1 as tf

# Both versions announce at every other name what TensorFlow 2 will be.
tf.logging.set_verbosity(tf.logging.ERROR)
# Under TensorFlow 2, graphs and sessions as in 1.14, where it changes nothing.
tf.disable_v2_behavior()
