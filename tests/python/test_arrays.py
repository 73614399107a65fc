# SPDX-License-Identifier: GPL-3.0-or-later
"""Layouts, views, types, packed sequences, grouped heads, threads; the structures of the library's headers."""
import ctypes
import pathlib
import subprocess
import threading

import efla
import numpy as np
import pytest
from efla import _library, _problem
from support import define, draw, roundoff

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def problem(q, k, v, beta, g=None):
    return _problem.Problem(q, k, v, beta, g)


def outputs(x, **options):
    o, final = efla.forward(**x, output_final_state=True, **options)
    return o, final, *(a for a in efla.backward(**x, do=np.ones_like(o), **options) if a is not None)


VIEWS = {
    "transposed from (B, H, T, D)": lambda a: np.swapaxes(np.swapaxes(a, 1, 2).copy(), 1, 2),
    "every other token": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "a slice of heads": lambda a: np.concatenate([a, a], 2)[:, :, : a.shape[2]],
    "a slice of features": lambda a: np.concatenate([a, a], -1)[..., : a.shape[-1]] if a.ndim == 4 else a,
    "the last batch entries": lambda a: np.concatenate([a, a])[len(a) :],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_views_are_read_where_they_lie(name, dtype):
    x = draw(decay="split", dtype=dtype)
    views = {key: VIEWS[name](a) for key, a in x.items()}
    described = problem(**views).sequence
    for key, a in views.items():
        assert getattr(described, key).data == a.__array_interface__["data"][0], key
    for found, expected in zip(outputs(views), outputs(x)):
        assert (found == expected).all()


def test_shared_numbers():
    x = draw(dtype=np.float32)
    x["k"] = np.broadcast_to(x["k"][:1, :, :1], x["k"].shape)
    described = problem(**x).sequence.k
    assert (described.data, described.batch, described.head) == (x["k"].__array_interface__["data"][0], 0, 0)
    assert (efla.forward(**x)[0] == efla.forward(**dict(x, k=x["k"].copy()))[0]).all()
    assert efla.backward(**x, do=x["v"]).dk.shape == x["k"].shape


@pytest.mark.parametrize(
    "name,view",
    [
        ("reversed", lambda a: a[:, ::-1]),
        ("features apart", lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim == 4 else a[:, ::-1]),
        ("rows over each other", lambda a: np.lib.stride_tricks.sliding_window_view(a.ravel(), a.shape[-1])[:80]),
        ("not aligned", lambda a: np.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)),
        ("other byte order", lambda a: a.astype(a.dtype.newbyteorder())),
    ],
)
def test_others_are_copied(name, view):
    if name == "rows over each other":  # tokens that step by one number
        k = view(draw()["k"])
        rng = np.random.default_rng(1)
        x = dict(q=k, k=k, v=rng.normal(size=(len(k), 3)), beta=rng.uniform(size=len(k)))
    else:
        x = {key: view(a) for key, a in draw(decay="split").items()}
    plain = {key: np.array(a, np.float64) for key, a in x.items()}
    for found, expected in zip(outputs(x), outputs(plain)):
        assert (found == expected).all()


def test_layouts():
    x = draw(batch=1, heads=1, decay="split")
    whole = outputs(x)
    for cut in (lambda a: a[0], lambda a: a[0, :, 0]):
        few = {key: cut(a) for key, a in x.items()}
        o, final, *gradients = outputs(few)
        assert o.shape == few["v"].shape and final.shape == ((1, 5, 4) if o.ndim == 3 else (5, 4))
        again = efla.forward(**x, initial_state=whole[1])[0]
        assert (efla.forward(**few, initial_state=final)[0] == again.reshape(o.shape)).all()
        for found, expected in zip((o, final, *gradients), whole):
            assert (found == expected.reshape(found.shape)).all()
    scalars = {key: x[key][..., None] if key == "beta" else a for key, a in x.items()}
    assert (efla.forward(**scalars)[0] == whole[0]).all()
    assert efla.backward(**scalars, do=x["v"]).dbeta.shape == (1, 11, 1, 1)


def test_grouped_heads():
    x = draw(heads=4)
    few = dict(x, k=x["k"][:, :, ::2].copy(), beta=x["beta"][:, :, :1].copy())
    full = dict(x, k=np.repeat(few["k"], 2, axis=2), beta=np.repeat(few["beta"], 4, axis=2))
    assert (efla.forward(**few)[0] == efla.forward(**full)[0]).all()
    found, whole = (efla.backward(**y, do=x["v"]) for y in (few, full))
    bound = 4 * roundoff(np.float64)  # three sums of four numbers
    for one, all_ in ((found.dk, whole.dk), (found.dbeta, whole.dbeta)):
        parts = all_.reshape(*one.shape[:3], -1, *one.shape[3:])
        assert (np.abs(parts.sum(3) - one) <= bound * np.abs(parts).sum(3)).all()


def test_packed():
    x = draw(batch=1, decay="split")
    cu, S = [0, 4, 4, 11], np.random.default_rng(2).normal(size=(3, 3, 5, 4))
    o, final = efla.forward(**x, cu_seqlens=cu, initial_state=S, output_final_state=True)
    assert final.shape == S.shape and (final[1] == S[1]).all()
    gradients = efla.backward(**x, do=o, cu_seqlens=cu, initial_state=S)
    for s in (0, 2):
        part = {key: a[:, cu[s] : cu[s + 1]] for key, a in x.items()}
        expected = efla.forward(**part, initial_state=S[s : s + 1], output_final_state=True)
        assert (o[:, cu[s] : cu[s + 1]] == expected[0]).all() and (final[s] == expected[1][0]).all()
        dv = efla.backward(**part, do=expected[0], initial_state=S[s : s + 1]).dv
        assert (dv == gradients.dv[:, cu[s] : cu[s + 1]]).all()
    few = {key: a[0, :, 0] for key, a in x.items()}
    assert efla.forward(**few, cu_seqlens=np.array(cu, np.int32), output_final_state=True)[1].shape == (3, 5, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_types(dtype):
    x = draw(dtype=dtype, decay="split")
    o, final = efla.forward(**x, output_final_state=True)
    assert o.dtype == dtype and final.dtype == np.float32
    expected, _, bound = define(**{key: a.astype(np.float64) for key, a in x.items()}, decay="split")
    u = roundoff(dtype) + roundoff(np.float32)
    assert np.linalg.norm(o - expected) <= u * (bound + np.linalg.norm(expected))
    gradients = efla.backward(**x, do=o)
    assert all(g.dtype == dtype for g in gradients[:5])
    again = efla.forward(**dict(x, beta=x["beta"].astype(np.float32), g=x["g"].astype(np.float64)), initial_state=final)
    assert again[0].dtype == dtype
    whole = efla.forward(**dict(x, beta=np.ones(x["beta"].shape, int)))[0]
    assert (whole == efla.forward(**dict(x, beta=np.ones(x["beta"].shape, dtype)))[0]).all()


def test_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = draw(dtype=bfloat16)
    o, _ = efla.forward(**x)
    wide = efla.forward(**{key: a.astype(np.float32) for key, a in x.items()})[0]
    assert o.dtype == bfloat16 and (o == wide.astype(bfloat16)).all()


def test_no_tokens():
    x, S = draw(tokens=0), np.ones((2, 3, 5, 4))
    o, final = efla.forward(**x, initial_state=S, output_final_state=True)
    assert o.shape == (2, 0, 3, 4) and (final == S).all()
    assert (efla.backward(**x, dfinal_state=S).dinitial_state == S).all()


def test_threads_do_not_change_bits():
    x = draw(batch=2, tokens=300, heads=4, dk=32, dv=32, dtype=np.float32)
    one = outputs(x, threads=1)
    for options in (dict(threads=2), dict(threads=3), dict(), dict(backend=efla.Backend("cpu", threads=2))):
        for found, expected in zip(outputs(x, **options), one):
            assert (found == expected).all()


def test_calls_at_the_same_time():
    shared, found = efla.Backend("cpu", threads=1), {}

    def work(i):
        x = draw(tokens=50, seed=i)
        found[i] = [efla.forward(**x, backend=shared if n % 2 else "cpu")[0] for n in range(40)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(6):
        expected = efla.forward(**draw(tokens=50, seed=i))[0]
        assert len(found[i]) == 40 and all((o == expected).all() for o in found[i])


def test_decoder():
    x = draw(decay="split", dtype=np.float32)
    expected, final = efla.decode(**x, output_final_state=True)
    with efla.Decoder(2, 3, 5, 4, decay="split") as decoder:
        for _ in range(2):
            for t in range(11):
                o = decoder.step(**{key: a[:, t] for key, a in x.items()})
                assert (o == expected[:, t]).all()
            assert (decoder.states == final).all()
            decoder.reset()
        assert (decoder.states == 0).all()
        decoder.states = np.swapaxes(np.swapaxes(final, 2, 3).copy(), 2, 3)
        assert (decoder.states == final).all()
    with pytest.raises(ValueError, match="closed"):
        decoder.reset()


def test_structures_are_those_of_the_headers(tmp_path):
    """Sizes and offsets, as a compiler has them."""
    structures = {
        "efla_array": _library.Array,
        "efla_rule": _library.Rule,
        "efla_sequence": _library.Sequence,
        "efla_result": _library.Result,
        "efla_gradient": _library.Gradient,
        "efla_options": _library.Options,
        "efla_decoder_shape": _library.DecoderShape,
        "efla_coefficients": _library.Coefficients,
    }
    expected = [ctypes.sizeof(structure) for structure in structures.values()]
    terms = [f"sizeof({name})" for name in structures]
    for name, structure in {**structures, "efla_decay": _library.DecayHead}.items():
        for field, *_ in structure._fields_:
            terms.append(f"offsetof({name}, {field})")
            expected.append(getattr(structure, field).offset)
    source = "#include <efla/efla.h>\n#include <stdio.h>\nint main(void) {\n"
    source += "".join(f'  printf("%zu\\n", {term});\n' for term in terms) + "}\n"
    (tmp_path / "sizes.c").write_text(source)
    subprocess.run(["cc", f"-I{ROOT / 'src'}", "-o", tmp_path / "sizes", tmp_path / "sizes.c"], check=True)
    said = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True).stdout
    assert [int(n) for n in said.split()] == expected
