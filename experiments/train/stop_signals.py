"""SIGTERM and SIGINT as requests to stop at the next safe point."""

import signal


class Stopped(Exception):
    """The process was asked to stop; a checkpoint is saved."""


class StopSignals:
    """Within this context SIGTERM and SIGINT are recorded instead of ending the process in the middle of a step."""

    def __enter__(self):
        self.requested = False
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        self.requested = True
