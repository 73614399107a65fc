# SPDX-License-Identifier: MIT
"""The program `compare`: the file that it reads, the program, its answer."""
import json
import os
import shutil
import subprocess
from typing import Dict, Optional, Sequence

import numpy as np

from ._library import PACKAGE

SUFFIX = ".npz"


def save(path: str, arrays: Dict[str, np.ndarray], scale: float) -> None:
    """Writes a tensor file."""
    np.savez(path, scale=np.float64(scale), **arrays)


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


def ask(program: str, path: str, options: Sequence[str]) -> dict:
    """compare's answer, as its --json says it. RuntimeError with what the program says: it could not judge the file."""
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}  # its threads leave the processors to the kernel's
    command = [program, "--input", path, "--json", *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode not in (0, 1) or not run.stdout:
        raise RuntimeError(run.stderr.strip() or f"{program} ended with status {run.returncode}")
    return json.loads(run.stdout)
