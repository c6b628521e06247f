"""Waiting for what another process does, but not for ever."""

import time


def wait_for(condition, process=None, seconds=120):
    """Returns when condition() is true; fails after so many seconds, or if the process ends before."""
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "waited too long"
        assert process is None or process.poll() is None or condition(), "the process has ended"
        time.sleep(0.01)
