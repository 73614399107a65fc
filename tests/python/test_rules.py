# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule against its definition and the reference backend; derivatives against differences."""
import inspect
import itertools

import efla
import numpy as np
import pytest
from support import ARGUMENTS, DECAYS, KEYS, METHODS, define, draw, roundoff

RULES = list(itertools.product(METHODS, DECAYS, KEYS))


def close(found, expected, bound, dtype=np.float64):
    assert found.shape == expected.shape and found.dtype == dtype
    error = np.linalg.norm(found.astype(np.float64) - expected)
    assert error <= roundoff(dtype) * bound, f"{error} exceeds {roundoff(dtype) * bound}"


@pytest.mark.parametrize("method,decay,keys", RULES)
def test_forward(method, decay, keys):
    x, options = draw(decay=decay), dict(method=method, keys=keys, decay=decay, scale=0.7)
    S = np.random.default_rng(2).normal(size=(2, 3, 5, 4))
    expected_o, expected_S, bound = define(**x, **options, S=S)
    for backend in ("cpu", "reference"):
        o, final = efla.forward(**x, **options, initial_state=S, output_final_state=True, backend=backend)
        close(o, expected_o, bound)
        close(final, expected_S, bound)
    o, final = efla.decode(**x, **options, initial_state=S, output_final_state=True)
    close(o, expected_o, bound)
    close(final, expected_S, bound)


@pytest.mark.parametrize("decay", ["split", "strang"])
def test_per_channel(decay):
    x = draw()
    x["g"] = -np.random.default_rng(3).exponential(0.3, size=x["k"].shape)
    expected_o, expected_S, bound = define(**x, decay=decay)
    o, final = efla.forward(**x, decay=decay, output_final_state=True)
    close(o, expected_o, bound)
    close(final, expected_S, bound)
    close(efla.decode(**x, decay=decay)[0], expected_o, bound)


def test_erase_key():
    x = draw()
    p = x["k"][:, :, ::-1]
    expected_o, _, bound = define(**x, p=p)
    close(efla.forward(**x, p=p)[0], expected_o, bound)
    close(efla.decode(**x, p=p)[0], expected_o, bound)


def test_default_decay():
    for decay in ("split", "retention"):
        x = draw(decay=decay)
        assert (efla.forward(**x)[0] == efla.forward(**x, decay=decay)[0]).all()
    x = draw(decay="split")
    assert (efla.forward(**x)[0] != efla.forward(**x, decay="joint")[0]).any()


@pytest.mark.parametrize("method,decay,keys", RULES)
def test_backward(method, decay, keys):
    """Along a direction: the central difference errs by what it changes if h is halved, and by two roundings of the
    loss over 2 h."""
    x, options = draw(batch=1, tokens=6, heads=2, decay=decay), dict(method=method, keys=keys, decay=decay, scale=0.7)
    rng = np.random.default_rng(4)
    S, do, dS = rng.normal(size=(1, 2, 5, 4)), rng.normal(size=(1, 6, 2, 4)), rng.normal(size=(1, 2, 5, 4))

    def loss(inputs):
        o, final = efla.forward(**inputs, **options, output_final_state=True, backend="reference")
        return (do * o).sum() + (dS * final).sum()

    inputs = dict(x, initial_state=S)
    gradients = efla.backward(**inputs, do=do, dfinal_state=dS, **options)
    bound = define(**x, **options, S=S)[2] * (np.linalg.norm(do) + np.linalg.norm(dS)) * roundoff(np.float64)
    for name, values in inputs.items():
        gradient = getattr(gradients, "dg" if name == "alpha" else "d" + name)
        assert gradient.shape == values.shape and gradient.dtype == values.dtype
        direction = rng.normal(size=values.shape) * (np.abs(values) if name in ("beta", "g") else 1)
        if name == "alpha":
            direction *= 1 - values
        slopes = []
        for h in (2e-4, 1e-4):
            ends = [loss(dict(inputs, **{name: values + s * h * direction})) for s in (1, -1)]
            slopes.append((ends[0] - ends[1]) / (2 * h))
        error = abs(slopes[1] - (gradient * direction).sum())
        assert error <= abs(slopes[1] - slopes[0]) + 2 * bound / 1e-4, (name, error)


def test_coefficients():
    lam, beta = np.array([[0.0, 1e-8, 2.0]]), np.array([[0.5], [1.0]])
    d, e, w = efla.coefficients(lam, beta)
    assert d.shape == (2, 3) and (d == 1).all() and (e == w).all()
    expected = np.divide(-np.expm1(-beta * lam), lam, out=np.broadcast_to(beta, (2, 3)).copy(), where=lam > 0)
    assert (np.abs(e - expected) <= 8 * roundoff(np.float64) * expected).all()  # 4 u each, docs/bounds.md#coefficient
    d, e, w = efla.coefficients(1.0, 0.5, -0.25, method="euler")
    assert (d, e, w) == (np.exp(-0.25), 0.5 * np.exp(-0.25), 0.5)


def test_retention_takes_alpha():
    x = draw(decay="retention")
    assert efla.backward(**x, do=x["v"]).dg.shape == x["alpha"].shape
    for decay, argument in ARGUMENTS.items():
        if argument:
            with pytest.raises(ValueError, match=f"^{argument}: missing, which decay {decay} needs$"):
                efla.forward(**draw(), decay=decay)


def test_argument_lists():
    """Those of `decode` and `backward` are `forward`'s, in its order and with its defaults, where they have them."""
    lists = {f: inspect.signature(f).parameters for f in (efla.forward, efla.decode, efla.backward)}
    wanted = lists[efla.forward]
    for function, found in lists.items():
        shared = [name for name in found if name in wanted]
        assert shared == [name for name in wanted if name in found]
        for name in shared:
            same = found[name].default == wanted[name].default and found[name].kind == wanted[name].kind
            assert same or name == "backend", (function, name)
    assert set(wanted) - set(lists[efla.decode]) == {"cu_seqlens"}
    assert set(wanted) - set(lists[efla.backward]) == {"output_final_state"}
    assert set(lists[efla.backward]) - set(wanted) == {"do", "dfinal_state", "wanted"}
