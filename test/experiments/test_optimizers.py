import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from experiments.train.optimizers import OPTIMIZERS

RATES = np.array([0.1, 0.01])  # one a replica
SPREAD = RATES.reshape(2, 1, 1)
GRADIENTS = np.random.RandomState(0).normal(size=(3, 2, 4, 5))


def after_steps(optimizer, start):
    """The variable after the steps of GRADIENTS."""
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.Variable(start, use_resource=True)
        gradient = tf.placeholder(tf.float64, start.shape)
        slots = OPTIMIZERS[optimizer].slots([variable])
        new, new_slots = OPTIMIZERS[optimizer].step([variable], [gradient], slots, tf.constant(RATES))
        session.run(tf.global_variables_initializer())
        for value in GRADIENTS:
            state = session.run(new + new_slots, {gradient: value})
            for kept, found in zip([variable] + slots, state):
                kept.load(found, session)
        return session.run(variable)


def test_sgd_subtracts_rate_times_gradient():
    start = np.ones((2, 4, 5))
    assert after_steps("sgd", start) == pytest.approx(start - SPREAD * GRADIENTS.sum(axis=0), rel=1e-12)


def test_adam_follows_its_equations():
    """Kingma and Ba (2015), Algorithm 1, with the constants written out."""
    weights, m, v = np.ones((2, 4, 5)), 0.0, 0.0
    for step, gradient in enumerate(GRADIENTS, 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        weights = weights - SPREAD * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    assert after_steps("adam", np.ones((2, 4, 5))) == pytest.approx(weights, rel=1e-5)
