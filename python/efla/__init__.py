# SPDX-License-Identifier: MIT
"""The delta rule of linear attention, solved exactly or by any one-step method: libefla on NumPy arrays.

    o, final_state = efla.forward(q, k, v, beta)                  # (B, T, H, D) each, beta (B, T, H)
    gradients = efla.backward(q, k, v, beta, do)
    decoder = efla.Decoder(batch, heads, dk, dv)                  # one token at a time
    d, e, w = efla.coefficients(lam, beta)                        # of one step
    assert efla.check(my_kernel)                                  # is a kernel right, and if not, why?
    efla.torch.delta_rule(q, k, v, beta)                          # the same in PyTorch, after `import efla.torch`

Nothing is compiled; the shared library is looked for at EFLA_LIBRARY, beside the package, in the checkout that the
package lies in, and where the loader and pkg-config find it."""
from ._backend import Backend
from ._calls import Gradients, backward, forward
from ._check import Report, check, check_cases
from ._decode import Decoder, decode
from ._rules import coefficients, decays, key_treatments, methods
from .version import __version__

__all__ = [
    "Backend",
    "Decoder",
    "Gradients",
    "Report",
    "__version__",
    "backward",
    "check",
    "check_cases",
    "coefficients",
    "decays",
    "decode",
    "forward",
    "key_treatments",
    "methods",
]
