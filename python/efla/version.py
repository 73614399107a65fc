# SPDX-License-Identifier: MIT
"""The version of this package, which is that of the library it belongs to (src/efla/version.h)."""

__version__ = "0.1.0"
