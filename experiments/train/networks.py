"""The network of a task."""

from models import losses
from models.cells import make_cell
from models.initialisation import Initialisation
from models.network import Network
from tasks import Task


def network_of(task: Task) -> Network:
    """The cell, loss and supervised time steps of a task's training examples."""
    free = Initialisation(**task.initialisation).self_connections
    cell = make_cell(task.units, task.adaptive_units, task.alpha, task.beta, free)
    return Network(cell, getattr(losses, task.loss), task.supervised_steps, task.l2)
