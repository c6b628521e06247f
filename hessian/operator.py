"""The Hessian of a loss as a linear operator, for any TensorFlow 1 graph and for SciPy's solvers."""

from typing import Dict, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf
from scipy.sparse.linalg import LinearOperator

from hessian.product import gradient_of, hessian_vector_product


class HessianOperator(LinearOperator):
    """The Hessian H of a loss with respect to one variable, n x n, where n is the variable's size.

    loss: a tensor in the session's graph; one with more than one element is summed. variable: a tf.Variable or any
    tensor of real numbers and static shape that the loss was computed from; vectors are its entries in C order. feed:
    {placeholder: array} that the loss needs; `feed` can be replaced by one with the same placeholders to move to other
    weights or another batch. products: how many products with a vector have been asked for.

    All operations are built here; afterwards the graph may be finalized. `matvec` is one session.run, the forward pass
    and the first backward pass included; `matmat` runs these two once for all the columns. Raises ValueError, in one
    line, if the graph is finalized already, if the loss does not depend on the variable, if an operation has no
    second gradient, or if the shape is not known.
    """

    def __init__(
        self,
        loss: tf.Tensor,
        variable: tf.Tensor,
        session: tf.Session,
        feed: Optional[Dict[tf.Tensor, np.ndarray]] = None,
    ):
        if session.graph.finalized:
            raise ValueError("the session's graph is finalized; build the HessianOperator before")
        if not variable.shape.is_fully_defined():
            raise ValueError(f"{variable.name} has shape {variable.shape}; expected one that is known")
        size = variable.shape.num_elements()
        super().__init__(variable.dtype.base_dtype.as_numpy_dtype, (size, size))
        self.products = 0
        self._placeholders = tuple(feed or {})
        self.feed = dict(feed or {})
        one, several = _products(loss, variable, session.graph)
        fed = list(self._placeholders)
        self._one = session.make_callable(one.product, fed + [one.vectors])
        self._several = session.make_callable(several.product, fed + [several.vectors])

    @property
    def feed(self) -> Dict[tf.Tensor, np.ndarray]:
        """{placeholder: array}. Raises ValueError if replaced by one with other placeholders."""
        return dict(zip(self._placeholders, self._arrays))

    @feed.setter
    def feed(self, feed: Dict[tf.Tensor, np.ndarray]) -> None:
        if set(feed) != set(self._placeholders):
            names = [", ".join(sorted(key.name for key in keys)) or "nothing" for keys in (feed, self._placeholders)]
            raise ValueError(f"the feed has {names[0]}; expected {names[1]}")
        self._arrays = [feed[placeholder] for placeholder in self._placeholders]

    def _matvec(self, vector):
        self.products += 1
        return self._one(*self._arrays, vector.reshape(-1).astype(self.dtype, copy=False))

    def _matmat(self, matrix):
        self.products += matrix.shape[1]
        return self._several(*self._arrays, np.ascontiguousarray(matrix.T, self.dtype)).T

    def _adjoint(self):
        return self  # symmetric; `asymmetry` measures how nearly


class _Product(NamedTuple):
    """A product in the graph, and the placeholder of its vectors."""

    vectors: tf.Tensor
    product: tf.Tensor


def _products(loss, variable, graph):
    """(H v of v [n], H V^T as rows of V [k, n]), with one gradient under both."""
    dtype, size = variable.dtype.base_dtype, variable.shape.num_elements()
    with graph.as_default(), tf.name_scope("hessian"):
        gradient = gradient_of(loss, variable)

        def product(vector):
            shaped = tf.reshape(vector, variable.shape)
            return tf.reshape(hessian_vector_product(gradient, variable, shaped), [size])

        vector = tf.placeholder(dtype, [size], "vector")
        rows = tf.placeholder(dtype, [None, size], "vectors")
        one = _Product(vector, product(vector))
        # the gradient stays outside the loop: the forward pass and the first backward pass run once a block
        several = _Product(rows, tf.map_fn(product, rows, parallel_iterations=1, back_prop=False))
    return one, several


def dense(operator: LinearOperator) -> np.ndarray:
    """The whole matrix [n, n] in float64, by n products: for small networks."""
    return np.asarray(operator.matmat(np.eye(operator.shape[0])), np.float64)


def asymmetry(operator: LinearOperator, u: np.ndarray, v: np.ndarray) -> float:
    """(u.Hv - v.Hu) / 2, which stays at rounding where H is symmetric (the appendix doubts it for relu, A.1)."""
    return float(np.dot(u, operator.matvec(v)) - np.dot(v, operator.matvec(u))) / 2
