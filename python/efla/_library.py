# SPDX-License-Identifier: MIT
"""libefla through ctypes: where it is found, its structures and functions (src/efla/*.h), and its statuses as
exceptions."""
import ctypes
import functools
import os
import pathlib
import shutil
import subprocess
from ctypes import POINTER, byref, c_bool, c_char_p, c_double, c_int, c_ssize_t, c_size_t, c_void_p

from .version import __version__

INTERFACE = __version__.rsplit(".", 1)[0]  # until 1.0 a minor version may change the interface
NAME = f"libefla.so.{INTERFACE}"
PACKAGE = pathlib.Path(__file__).resolve().parent


class Array(ctypes.Structure):
    """efla_array."""

    _fields_ = [
        ("data", c_void_p),
        ("type", c_int),
        ("batch", c_ssize_t),
        ("head", c_ssize_t),
        ("token", c_ssize_t),
        ("repeat", c_size_t),
    ]


class Rule(ctypes.Structure):
    """efla_rule."""

    _fields_ = [("method", c_void_p), ("decay", c_void_p), ("keys", c_void_p), ("scale", c_double)]


class DecayHead(ctypes.Structure):
    """The first members of efla_decay, which are all that is needed here."""

    _fields_ = [("name", c_char_p), ("what", c_char_p), ("gated", c_bool), ("argument", c_char_p)]


class Sequence(ctypes.Structure):
    """efla_sequence."""

    _fields_ = [
        *((name, c_size_t) for name in ("batch", "heads", "tokens", "dk", "dv", "sequences")),
        ("cu_seqlens", c_void_p),
        *((name, Array) for name in ("q", "k", "v", "beta", "g", "p")),
        ("g_per_channel", c_bool),
        ("initial_state", Array),
    ]


class Result(ctypes.Structure):
    """efla_result."""

    _fields_ = [("o", Array), ("final_state", Array), ("kept", c_void_p)]


class Gradient(ctypes.Structure):
    """efla_gradient."""

    _fields_ = [(name, Array) for name in ("q", "k", "v", "beta", "g", "p", "initial_state")]


class Options(ctypes.Structure):
    """efla_options."""

    _fields_ = [("threads", c_size_t), ("isa", c_char_p), ("stream", c_void_p), ("bf16_products", c_bool)]


class DecoderShape(ctypes.Structure):
    """efla_decoder_shape."""

    _fields_ = [*((name, c_size_t) for name in ("batch", "heads", "dk", "dv")), ("type", c_int)]


class Coefficients(ctypes.Structure):
    """efla_coefficients."""

    _fields_ = [(name, c_double) for name in ("decay", "erase", "write")]


FUNCTIONS = {
    "efla_version": (c_char_p,),
    "efla_status_text": (c_char_p, c_int),
    "efla_type_size": (c_size_t, c_int),
    "efla_type_name": (c_char_p, c_int),
    "efla_rule_find": (c_int, c_char_p, c_char_p, c_char_p, POINTER(Rule)),
    "efla_rule_coefficients": (c_int, POINTER(Rule), c_double, c_double, c_double, c_void_p),
    "efla_method_name": (c_char_p, c_size_t),
    "efla_decay_name": (c_char_p, c_size_t),
    "efla_key_treatment_name": (c_char_p, c_size_t),
    "efla_backend_name": (c_char_p, c_size_t),
    "efla_isa_name": (c_char_p, c_size_t),
    "efla_backend_open": (c_int, c_char_p, POINTER(Options), POINTER(c_void_p)),
    "efla_backend_close": (None, c_void_p),
    "efla_backend_opened": (c_char_p, c_void_p),
    "efla_last_message": (c_char_p, c_void_p),
    "efla_forward": (c_int, c_void_p, POINTER(Rule), POINTER(Sequence), POINTER(Result)),
    "efla_backward": (c_int, c_void_p, POINTER(Rule), POINTER(Sequence), POINTER(Result), POINTER(Gradient)),
    "efla_kept_bytes": (c_int, c_void_p, POINTER(Rule), POINTER(Sequence), POINTER(c_size_t)),
    "efla_workspace_bytes": (
        c_int,
        c_void_p,
        POINTER(Rule),
        POINTER(Sequence),
        POINTER(Result),
        POINTER(Gradient),
        POINTER(c_size_t),
    ),
    "efla_workspace_lend": (c_int, c_void_p, c_void_p, c_size_t),
    "efla_decoder_open": (c_int, c_void_p, POINTER(Rule), POINTER(DecoderShape), POINTER(c_void_p)),
    "efla_decoder_close": (None, c_void_p),
    "efla_decoder_step": (c_int, c_void_p, POINTER(Sequence), POINTER(Array)),
    "efla_decoder_load": (c_int, c_void_p, POINTER(Array)),
    "efla_decoder_store": (c_int, c_void_p, POINTER(Array)),
    "efla_decoder_reset": (c_int, c_void_p),
}


def candidates():
    """Where the library may be, in the order in which it is looked for; a name without a slash is the loader's
    matter."""
    named = os.environ.get("EFLA_LIBRARY")
    if named:
        yield named
        return
    for file in (PACKAGE / NAME, *sorted((PACKAGE.parent.parent / "build" / "release").glob(NAME + ".*"))):
        if file.exists():
            yield str(file)
    yield NAME
    if shutil.which("pkg-config"):
        asked = ["pkg-config", "--variable=libdir", "efla"]
        where = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if where:
            yield str(pathlib.Path(where) / NAME)


def load():
    """The library, whose version has been compared.

    ImportError: it is nowhere, or is of another interface than this package."""
    tried = []
    for name in candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError as reason:
            tried.append(f"\n  {name}: {reason}")
            continue
        library.efla_version.restype = c_char_p
        version = library.efla_version().decode()
        if version.rsplit(".", 1)[0] == INTERFACE:
            return library
        tried.append(f"\n  {name}: version {version}, expected {INTERFACE}")
    raise ImportError(
        f"libefla {INTERFACE} was not found; `make install` of the EFLA toolkit installs it, and EFLA_LIBRARY may name "
        f"the file. Tried:{''.join(tried)}"
    )


@functools.lru_cache(None)
def lib():
    """The library with the types of its functions, loaded when it is first needed."""
    library = load()
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def names(function):
    """All names of a table of the library, by the function that returns that of row i."""
    found = iter(range(1000))
    return [text.decode() for text in iter(lambda: getattr(lib(), function)(next(found)), None)]


EXCEPTIONS = {1: ValueError, 2: NotImplementedError, 3: MemoryError, 4: RuntimeError}  # efla_status


def fail(status, backend=None):
    """Raises what a status other than EFLA_OK stands for, with the library's message."""
    said = (lib().efla_last_message(backend) or b"").decode() or lib().efla_status_text(status).decode()
    raise EXCEPTIONS.get(status, RuntimeError)(said)


@functools.lru_cache(None)
def rule(method, decay, keys):
    """The rule of these names. ValueError names the one that is in no table."""
    found = Rule()
    if lib().efla_rule_find(method.encode(), decay.encode(), keys.encode(), byref(found)):
        tables = {"method": method, "decay": decay, "keys": keys}
        for what, table in zip(tables, ("efla_method_name", "efla_decay_name", "efla_key_treatment_name")):
            if tables[what] not in names(table):
                raise ValueError(f"{what}: {tables[what]!r}, expected one of {', '.join(names(table))}")
    return found


@functools.lru_cache(None)
def argument_of(decay):
    """The name of a decay's argument, "g" or "alpha"; None where it has none."""
    pointer = rule("exact", decay, "raw").decay
    said = DecayHead.from_address(pointer).argument
    return said.decode() if said else None
