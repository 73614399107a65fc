# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package is tested: the one that Python finds, as PYTHONPATH says, or that of this checkout."""
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
if importlib.util.find_spec("efla") is None:
    sys.path.insert(0, str(ROOT / "python"))
