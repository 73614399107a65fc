# SPDX-License-Identifier: MIT
"""The program `compare`: the inputs that it makes, the file that it reads, the program, its answer."""
import json
import os
import shutil
import subprocess
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ._library import PACKAGE

SUFFIX = ".npz"


BF16 = np.dtype("V2")  # as NumPy reads bfloat16, of which it knows the bytes alone
TYPES = {"float64": "f64", "float32": "f32", "float16": "fp16", "bfloat16": "bf16"}  # compare's names


class Case(NamedTuple):
    """Awkward inputs: their name and what is awkward."""

    name: str
    about: str


class Inputs(NamedTuple):
    """Those of a case. arguments: of the kernel, which it must have beside scale, or with it where it is listed."""

    arrays: Dict[str, np.ndarray]
    scale: float
    arguments: Tuple[str, ...]


def numbers(array: np.ndarray) -> np.ndarray:
    """The array as one with which NumPy can compute."""
    if array.dtype != BF16:
        return array
    return (np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def save(path: str, arrays: Dict[str, np.ndarray], scale: float) -> None:
    """Writes a tensor file."""
    np.savez(path, scale=np.float64(scale), **arrays)


def load(path: str) -> Inputs:
    """Reads what compare made."""
    with np.load(path) as file:
        texts = {name: file[name] for name in file.files}
    scale, arguments = float(texts.pop("scale")), tuple(str(texts["arguments"]).split())
    return Inputs({name: array for name, array in texts.items() if array.ndim}, scale, arguments)


def find_program(named: Optional[str] = None) -> str:
    """The path of compare: as named, or by EFLA_COMPARE, in the checkout or the installation that the package lies in,
    or efla-compare in PATH. FileNotFoundError: it is nowhere."""
    named = named or os.environ.get("EFLA_COMPARE")
    near = (PACKAGE / "../../bin/compare", PACKAGE / "../../../../bin/efla-compare")
    places = [named] if named else [*(os.path.normpath(file) for file in near), "efla-compare"]
    for place in places:
        found = shutil.which(place)
        if found:
            return found
    raise FileNotFoundError(
        f"none of {', '.join(places)} is a program; `make` of the EFLA toolkit builds bin/compare, `make install` "
        "installs efla-compare, and EFLA_COMPARE may name it"
    )


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}  # its threads leave the processors to the kernel's
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, env=environment)


def _failure(program: str, run: subprocess.CompletedProcess) -> str:
    return run.stderr.strip() or f"{program} ended with status {run.returncode}"


def known_cases(program: str) -> List[Case]:
    """All cases that compare makes."""
    run = _run(program, "--cases", "list")
    if run.returncode:
        raise RuntimeError(_failure(program, run))
    return [Case(*line.split(": ", 1)) for line in run.stdout.splitlines()]


def make_cases(
    program: str, directory: str, options: Sequence[str], names: Optional[Iterable[str]]
) -> List[Tuple[Case, str]]:
    """The cases of these names, by default all that suit the options, and the files that they are in. ValueError: there
    is no such case, or it is about other kernels."""
    stem = os.path.join(directory, "in")
    wanted = "awkward" if names is None else ",".join(names)
    run = _run(program, "--make", stem + SUFFIX, "--cases", wanted, *options)
    if run.returncode == 2:
        raise ValueError(run.stderr.partition(": --")[2].partition("\n")[0])
    if run.returncode:
        raise RuntimeError(_failure(program, run))
    made = (line.split(SUFFIX + ": ", 1) for line in run.stdout.splitlines())
    return [(Case(path[len(stem) + 1 :], about), path + SUFFIX) for path, about in made]


def ask(program: str, path: str, options: Sequence[str]) -> dict:
    """compare's answer, as its --json says it. RuntimeError with what the program says: it could not judge the file."""
    run = _run(program, "--input", path, "--json", *options)
    if run.returncode not in (0, 1) or not run.stdout:
        raise RuntimeError(_failure(program, run))
    return json.loads(run.stdout)
