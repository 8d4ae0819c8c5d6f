"""Waiting for libcurl without holding up others: a greenlet for its own transfer alone.

`Curl.perform` blocks the thread it is called in, and with gevent all requests of a process share
one. So there each handle has a multi handle of its own, whose sockets and timer gevent watches.
(A handle of its own, rather than one for all: a connection stays with its handle, and whether it
was closed at rest can be asked before it is used again.)
"""

from typing import Any

import pycurl
from gevent import get_hub, monkey
from gevent.hub import Waiter

_READ, _WRITE = 1, 2
_WATCHED = {pycurl.POLL_IN: _READ, pycurl.POLL_OUT: _WRITE, pycurl.POLL_INOUT: _READ | _WRITE}


class Handle:
    """A libcurl handle, for a thread that blocks.

    Attributes:
        curl: The handle, to be set up before each transfer.
        socket: That of the connection last used; -1 for none.
    """

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.socket = -1

    def perform(self) -> None:
        """Do the transfer that `curl` is set up for.

        Raises:
            pycurl.error: It failed.
        """
        try:
            self.curl.perform()
        finally:
            self.socket = self.curl.getinfo(pycurl.ACTIVESOCKET)

    def close(self) -> None:
        """Close the handle and its connection."""
        self.curl.close()


class GreenHandle(Handle):
    """A libcurl handle, for a greenlet that waits while others run."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = get_hub().loop
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        self._watchers: dict[int, Any] = {}
        self._timer: Any = None
        self._is_beginning = False
        self._done: Waiter | None = None

    def perform(self) -> None:
        """Do the same and let other greenlets run meanwhile."""
        self._done = Waiter()
        self._is_beginning = True
        self._multi.add_handle(self.curl)
        self._is_beginning = False
        try:
            self._act(pycurl.SOCKET_TIMEOUT, 0)
            failure = self._done.get()
        finally:
            self._done = None
            self._multi.remove_handle(self.curl)
        if failure:
            raise pycurl.error(*failure)

    def close(self) -> None:
        """Close both handles and the connection."""
        super().close()
        self._multi.close()

    def _act(self, socket: int, events: int) -> None:
        """Let libcurl do what it can now, and wake the waiting greenlet when it is done."""
        _, running = self._multi.socket_action(socket, events)
        if running or self._done is None:
            return
        _, done, failed = self._multi.info_read()
        if failed:
            self._done.switch(failed[0][1:])
        elif done:
            self._done.switch(None)

    def _watch(self, what: int, socket: int, _multi: object, _data: object) -> None:
        """Watch a socket as libcurl asks (its CURLMOPT_SOCKETFUNCTION)."""
        watcher = self._watchers.pop(socket, None)
        if watcher:
            watcher.stop()
            watcher.close()
        if what in _WATCHED:
            self.socket = socket
            watcher = self._watchers[socket] = self._loop.io(socket, _WATCHED[what])
            watcher.start(self._ready, socket, pass_events=True)

    def _ready(self, events: int, socket: int) -> None:
        can_read = pycurl.CSELECT_IN if events & _READ else 0
        can_write = pycurl.CSELECT_OUT if events & _WRITE else 0
        self._act(socket, can_read | can_write)

    def _wake_in(self, milliseconds: int) -> None:
        """Set or stop libcurl's timer (its CURLMOPT_TIMERFUNCTION)."""
        if self._timer:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        if milliseconds >= 0 and not self._is_beginning:  # it is about to be called in any case
            self._timer = self._loop.timer(milliseconds / 1000)
            self._timer.start(self._act, pycurl.SOCKET_TIMEOUT, 0)


def new_handle() -> Handle:
    """Return a handle that waits as this process does: with greenlets, or by blocking."""
    return GreenHandle() if monkey.is_module_patched("socket") else Handle()
