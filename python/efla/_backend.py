# SPDX-License-Identifier: MIT
"""Backends: what computes a call. One is kept for every thread of Python and every setting, since the calls of one may
not run at the same time."""
import ctypes
import os
import threading
from typing import Optional, Union

from . import _library


class Backend:
    """An open backend of the library (efla/backend.h): ``Backend("cpu", threads=2, isa=None)``.

    name is "cpu", "reference" or "auto", threads the number of threads of every call, 0 for `processors()`, isa an
    instruction set of the cpu backend. Calls on one backend wait for each other. Its workspace is kept until it is
    deleted. ValueError where a name is unknown or threads out of range, NotImplementedError where the processor does
    not have the instruction set."""

    def __init__(self, name: str = "auto", threads: int = 0, isa: Optional[str] = None):
        self._handle = ctypes.c_void_p()
        self._lock = threading.Lock()
        if not isinstance(threads, int) or threads < 0:
            raise ValueError(f"threads: {threads!r}, expected a number >= 0")
        options = _library.Options(threads or processors(), isa.encode() if isa else None)
        lib = _library.lib()
        status = lib.efla_backend_open(name.encode(), ctypes.byref(options), ctypes.byref(self._handle))
        if status:
            _library.fail(status)
        self._close = lib.efla_backend_close

    @property
    def name(self) -> str:
        """The backend's name; where it was opened as auto, of the one that was chosen."""
        return _library.lib().efla_backend_opened(self._handle).decode()

    def call(self, function, first, *arguments):
        """A function of the library on this backend or one of its decoders, which it takes first."""
        with self._lock:
            status = function(first, *arguments)
            if status:
                _library.fail(status, self._handle)

    def __del__(self):
        if self._handle:
            self._close(self._handle)


def processors() -> int:
    """The number of processors that this process may use; OMP_NUM_THREADS where that is less."""
    usable = len(os.sched_getaffinity(0))
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable, int(said)) if said.isdigit() and int(said) > 0 else usable


_kept = threading.local()
WORTH_THREADS = 1 << 20  # products that take longer than it takes to start and to join threads, some 0.1 ms


def backend(given: Union[None, str, Backend], threads: int, work: int) -> Backend:
    """The backend itself, or this thread's of that name; None: auto. threads 0: as many as `work`, the products of
    numbers that a call needs, keeps busy."""
    if isinstance(given, Backend):
        return given
    if threads == 0:
        threads = processors() if work >= WORTH_THREADS else 1
    key = (given, threads)
    try:
        return _kept.backends[key]
    except (AttributeError, KeyError):
        opened = Backend(given or "auto", threads)
        _kept.__dict__.setdefault("backends", {})[key] = opened
        return opened
