"""The network, its loss and the learning rules in plain NumPy loops, written from the equations and from nothing else.

Shapes as in models, without the replica axis: x [T, B, N_in], y [K, B, N_out], c [1, N_out].
"""

from collections import namedtuple

import numpy as np

Problem = namedtuple(
    "Problem", "x y W_x W_h w c feedback alpha beta a loss supervised_steps l2 self_connections", defaults=[False]
)


def random_problem(
    seed, loss="squared_error", steps=6, batch=3, inputs=2, units=5, outputs=3, alpha=0.0, beta=0.0, adaptive=0,
    l2=0.0, supervised_steps=None, self_connections=False,
):  # fmt: skip
    """A problem of the given sizes; every step is supervised unless supervised_steps says otherwise."""
    random = np.random.RandomState(seed)
    supervised_steps = tuple(range(1, steps + 1)) if supervised_steps is None else supervised_steps
    y = random.normal(size=(len(supervised_steps), batch, outputs))
    if loss == "cross_entropy":
        y = np.eye(outputs)[y.argmax(axis=2)]
    if loss == "binary_cross_entropy":
        y = (y > 0).astype(float)
    free = np.ones((units, units)) if self_connections else 1 - np.eye(units)
    return Problem(
        x=random.normal(size=(steps, batch, inputs)),
        y=y,
        W_x=random.normal(size=(inputs, units)),
        W_h=random.normal(0, 1 / np.sqrt(units), (units, units)) * free,
        w=random.normal(size=(units, outputs)),
        c=random.normal(size=(1, outputs)),
        feedback=random.normal(size=(units, outputs)),
        alpha=alpha,
        beta=beta,
        a=np.array([0.0] * (units - adaptive) + [1.0] * adaptive),
        loss=loss,
        supervised_steps=supervised_steps,
        l2=l2,
        self_connections=self_connections,
    )


def free(p):
    """1 where W_h is trained, else 0: the diagonal is free only with self-connections."""
    return np.ones_like(p.W_h) if p.self_connections else 1 - np.eye(len(p.W_h))


def rates(p):
    """f_0 .. f_T and psi_0 .. psi_T, each [B, N]; Eq. 10 and 11."""
    h = b = np.zeros((p.x.shape[1], len(p.W_h)))
    f, psi = [np.zeros_like(h)], [np.zeros_like(h)]
    for x in p.x:
        h, b = (
            p.alpha * h + (1 - p.alpha) * (f[-1] @ p.W_h + x @ p.W_x),
            p.beta * b + (1 - p.beta) * f[-1],
        )
        u = h - p.a * b
        f.append(np.maximum(u, 0))
        psi.append((u > 0).astype(float))
    return f, psi


def outputs_of(p):
    """yhat [K, B, N_out] at the supervised time steps; Eq. 12."""
    f, _ = rates(p)
    return np.array([f[t] @ p.w + p.c for t in p.supervised_steps])


def log_softmax(z):
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def predictions(p):
    """What the error is measured from, [K, B, N_out]: the outputs, or the probabilities of a classification."""
    to_prediction = {
        "squared_error": lambda z: z,
        "cross_entropy": lambda z: np.exp(log_softmax(z)),
        "binary_cross_entropy": sigmoid,
    }
    return to_prediction[p.loss](outputs_of(p))


def data_loss(p):
    """Eq. 13."""
    yhat = outputs_of(p)
    count = yhat.shape[0] * yhat.shape[1]
    if p.loss == "squared_error":
        return ((yhat - p.y) ** 2).sum() / (2 * count)
    if p.loss == "binary_cross_entropy":
        return -(p.y * np.log(sigmoid(yhat)) + (1 - p.y) * np.log(sigmoid(-yhat))).sum() / count
    return -(p.y * log_softmax(yhat)).sum() / count


def total_loss(p):
    return data_loss(p) + p.l2 / 2 * sum((weight**2).sum() for weight in (p.W_x, p.W_h, p.w))


def errors(p):
    """{t: err_t [B, N_out]}: derivative of the loss with respect to yhat_t."""
    off = predictions(p) - p.y
    return dict(zip(p.supervised_steps, off / (off.shape[0] * off.shape[1])))


def eligibility_traces(p):
    """Lists over t = 0 .. T of e_t for W_x [B, N_in, N] and for W_h [B, N, N]; Eq. 16, a unit's own states including
    what its rate does to its own hidden state through the diagonal of W_h."""
    f, psi = rates(p)
    steps, batch = len(p.x), p.x.shape[1]
    found = []
    for presynaptic in (p.x, np.array(f)):
        size = presynaptic.shape[2]
        eh = eb = np.zeros((batch, size, len(p.W_h)))
        e = [np.zeros_like(eb)]
        for t in range(steps):
            eh = p.alpha * eh + (1 - p.alpha) * (presynaptic[t][:, :, None] + np.diag(p.W_h) * e[-1])
            eb = p.beta * eb + (1 - p.beta) * e[-1]
            e.append(psi[t + 1][:, None, :] * (eh - p.a * eb))
        found.append(e)
    return found


def learning_signals(p, rule):
    """{t: what multiplies e_t} [B, N] of the rules that are sums over eligibility traces (science.md's table)."""
    err = errors(p)
    _, psi = rates(p)
    back = p.feedback if rule == "rflo" else p.w
    s = {t: err[t] @ back.T if t in err else np.zeros_like(psi[0]) for t in range(len(p.x) + 2)}
    if rule in ("three_factor", "rflo"):
        return s
    psi = psi + [np.zeros_like(psi[0])]
    between_units = p.W_h * (1 - np.eye(len(p.W_h)))  # i != l in Eq. 19
    relayed = [np.einsum("il,bl->bi", between_units, psi[t + 1] * s[t + 1]) for t in range(len(p.x) + 1)]
    return {t: s[t] + (1 - p.alpha) * signal for t, signal in enumerate(relayed)}


def trace_gradient(p, rule):
    """(dL/dW_x, dL/dW_h) as the explicit sum over time of learning signal times eligibility trace, penalty included."""
    signals = learning_signals(p, rule)
    gradients = []
    for e, weight in zip(eligibility_traces(p), (p.W_x, p.W_h)):
        summed = sum(np.einsum("bi,bji->ji", signals[t], e[t]) for t in range(1, len(p.x) + 1))
        gradients.append(summed + p.l2 * weight)
    gradients[1] = gradients[1] * free(p)
    return gradients


def central_differences(p, name, step=1e-6):
    """dL/d(name) of the total loss by central differences; 0 for a diagonal of W_h that is not free."""
    weight = getattr(p, name)
    gradient = np.zeros_like(weight)
    for index in np.ndindex(*weight.shape):
        if name == "W_h" and free(p)[index] == 0:
            continue
        sides = []
        for sign in (1, -1):
            moved = weight.copy()
            moved[index] += sign * step
            sides.append(total_loss(p._replace(**{name: moved})))
        gradient[index] = (sides[0] - sides[1]) / (2 * step)
    return gradient
