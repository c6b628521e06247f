"""A page in headless Chromium, over its debugging pipe: what it holds, how wide it is, what it asks the network for."""

import fcntl
import json
import os
import select
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120  # seconds
OPTIONS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --remote-debugging-pipe".split()
OPTIONS += "--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage".split()


def executable():
    """The browser's path, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One browser with one page; a context manager that ends the process it started."""

    def __init__(self, profile):
        # Chromium reads commands from descriptor 3 and answers on 4; ours are moved out of the way of both first
        pipes = [os.pipe() for _ in range(2)]
        (read, self._send), (self._receive, write) = [[fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in p] for p in pipes]
        for end in sum(pipes, ()):
            os.close(end)

        def at_their_places():
            os.dup2(read, 3)
            os.dup2(write, 4)

        command = [executable(), *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, preexec_fn=at_their_places, pass_fds=(3, 4), **quiet)
        os.close(read)
        os.close(write)
        self._number, self._buffer, self.requests, self._events = 0, b"", [], set()
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._send)
        os.close(self._receive)

    def open(self, url, width):
        """Loads a page in a window so many pixels wide; `requests` holds the addresses that it asked for."""
        self.requests = []
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self._events.discard("Page.loadEventFired")
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self._events:
            self._read()

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page; None if it has none."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def call(self, method, **parameters):
        """A command to the page, and its result."""
        return self._call(method, self._session, **parameters)

    def _call(self, method, session=None, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message.update({"sessionId": session} if session else {})
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        while b"\0" not in self._buffer:
            assert select.select([self._receive], [], [], PATIENCE)[0], "the browser says nothing"
            received = os.read(self._receive, 1 << 20)
            assert received, "the browser has gone"
            self._buffer += received
        message, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(message.decode())
        self._events.add(message.get("method"))
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message
