# SPDX-License-Identifier: MIT
"""Is a kernel right? `check` calls it on awkward inputs and has the program compare judge what it returns."""
import inspect
import os
import tempfile
import textwrap
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Union

import numpy as np

from . import _exchange, _library
from ._adapters import KINDS
from ._exchange import Case, Inputs
from ._rules import rule_of

L2NORM = "use_qk_l2norm_in_kernel"  # flash-linear-attention's name for unit keys, which norms queries too
GRADIENTS = ("q", "k", "v", "beta", "g", "alpha", "initial_state")


class Preset(NamedTuple):
    """Defaults for the kernels of a library: the arrays that they take, and the rule."""

    arrays: str
    method: str


PRESETS = {"": Preset("numpy", "exact"), "fla": Preset("torch", "euler")}


class Held(NamedTuple):
    """The rule that a kernel is held against."""

    method: str
    decay: str
    keys: str


class Outcome(NamedTuple):
    """What became of one case. right: None where it was left out, and `says` tells why."""

    case: Case
    right: Optional[bool]
    says: str
    answer: Optional[dict]  # of compare --json
    judged: tuple = ()  # names of what was judged

    @property
    def faults(self) -> List[str]:
        """What explains the errors, or all explanations that cannot be told apart."""
        answer = self.answer or {}
        found = [finding["says"] for finding in (answer.get("judgement") or {}).get("findings", ())]
        gradients = answer.get("gradients") or {}
        whole = gradients.get("fault")  # of the backward pass; without one each gradient may have its own
        if whole:
            return [*found, whole["says"]]
        each = {name: one["fault"] for name, one in gradients.items() if one and one.get("fault")}
        return found + [f"{name}: {fault['says']}" for name, fault in each.items()]


class Report:
    """What `check` found: true if the kernel is right. repr() says in a line what is wrong, which pytest shows of
    ``assert efla.check(kernel)``, str() also where, case by case, which it shows of ``assert report, report``.

    outcomes: one `Outcome` for every case. faults: what explains the errors, the most frequent first. rule: the method,
    decay and treatment of keys that it was held against."""

    def __init__(self, name: str, rule: str, outcomes: List[Outcome]):
        self.name, self.rule, self.outcomes = name, rule, outcomes

    def __bool__(self) -> bool:
        judged = [outcome.right for outcome in self.outcomes if outcome.right is not None]
        return bool(judged) and all(judged)

    @property
    def faults(self) -> List[str]:
        """What explains the errors of most cases comes first."""
        found: Dict[str, int] = {}
        for outcome in self.outcomes:
            for fault in outcome.faults:
                found[fault] = found.get(fault, 0) + 1
        return sorted(found, key=lambda fault: -found[fault])

    def _verdict(self) -> str:
        judged = [outcome for outcome in self.outcomes if outcome.right is not None]
        wrong = sum(not outcome.right for outcome in judged)
        if not judged:
            return "not judged"
        return f"wrong in {wrong} of {len(judged)} cases" if wrong else f"right in all {len(judged)} cases"

    def __repr__(self) -> str:
        because = "".join(f"; fault: {fault}" for fault in self.faults[:1])
        line = f"{self.name}: {self._verdict()}{because}"
        return textwrap.shorten(line, 230, placeholder=" ...")  # pytest cuts at 240

    def __str__(self) -> str:
        lines = [f"{self.name}: {self._verdict()}; held against {self.rule}"]
        for outcome in self.outcomes:
            what = {True: "right", False: "WRONG", None: "left out"}[outcome.right]
            lines.append(f"  {outcome.case.name:16} {what:8} {outcome.says}".rstrip())
        lines += [f"fault: {fault}" for fault in self.faults]
        return "\n".join(lines)


def _taken(fn: Callable) -> Dict[str, inspect.Parameter]:
    """The arguments of a kernel by name; where it takes any, all that there may be."""
    found = dict(inspect.signature(fn).parameters)
    if any(p.kind is p.VAR_KEYWORD for p in found.values()):
        for name in ("q", "k", "v", "beta", "g", "alpha", "scale", "initial_state", "output_final_state", "cu_seqlens"):
            found.setdefault(name, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY))
    missing = [name for name in ("q", "k", "v", "beta") if name not in found]
    if missing:
        raise ValueError(f"fn: has no argument {missing[0]!r}, expected q, k, v and beta among {', '.join(found)}")
    return found


class _Question:
    """A kernel, and what is asked of it in every case."""

    def __init__(self, fn, backward, gradients, arrays, scale, rule, program, options):
        self.fn, self.backward, self.gradients, self.arrays = fn, backward, gradients, arrays
        self.scale, self.unit, self.taken = scale, rule.keys == "unit", _taken(fn)
        self.program, self.options = program, options
        argument = _library.argument_of(rule.decay)
        if argument and argument not in self.taken:
            raise ValueError(f"fn: has no argument {argument!r}, which decay {rule.decay} needs")

    def run(self, case: Case, x: Inputs) -> Outcome:
        """Calls the kernel and has its answer judged."""
        missing = [name for name in x.arguments if name not in self.taken]
        if missing:
            return Outcome(case, None, f"the kernel has no argument {missing[0]}", None)
        derivatives = {name: x.arrays.pop(name) for name in ("do", "dfinal_state") if name in x.arrays}
        try:
            scale, found = self._call(x, derivatives)
        except NotImplementedError as refusal:
            return Outcome(case, None, f"not implemented: {refusal}", None)
        except Exception as failure:  # whatever a kernel raises is its answer
            return Outcome(case, False, f"{type(failure).__name__}: {failure}", None)
        if L2NORM in self.taken and self.unit:
            q = _exchange.numbers(x.arrays["q"]).astype(np.float64)
            x.arrays["q"] = q / np.linalg.norm(q, axis=-1, keepdims=True)
            found.pop("dq", None)
        return self._judge(case, {**x.arrays, **found}, tuple(found), scale)

    def _give(self, name: str, values: np.ndarray):
        if name == "cu_seqlens":
            return self.arrays.give(values.astype(np.int64), False)
        return self.arrays.give(values, self.gradients)

    def _call(self, x: Inputs, derivatives: dict):
        """The kernel's scale, and what it computes, by the names that compare knows."""
        given = {name: self._give(name, values) for name, values in x.arrays.items()}
        more = {}
        scale = self.scale(x.arrays["k"].shape[-1]) if callable(self.scale) else self.scale
        if "scale" in self.taken:
            scale = more["scale"] = x.scale if scale is None else scale
        if L2NORM in self.taken:
            more[L2NORM] = self.unit
        last = {"output_final_state": True} if "output_final_state" in self.taken else {}
        result = self.fn(**given, **more, **last)
        outputs = {"o": result} if not isinstance(result, (tuple, list)) else dict(zip(("o", "final_state"), result))
        outputs = {name: y for name, y in outputs.items() if y is not None}
        found = {name: self.arrays.take(y) for name, y in outputs.items()}
        self._check_shapes(x.arrays, found)
        if self.gradients:
            derivatives = {name: d for name, d in derivatives.items() if name[1:] in outputs}
            found.update(self._gradients(given, more, outputs, derivatives))
        return 1.0 if scale is None else scale, found

    @staticmethod
    def _check_shapes(x: dict, found: dict) -> None:
        batch, _, heads, dk = x["k"].shape
        states = len(x["cu_seqlens"]) - 1 if "cu_seqlens" in x else batch
        wanted = {"o": x["v"].shape, "final_state": (states, heads, dk, x["v"].shape[-1])}
        for name, y in found.items():
            if y.shape != wanted[name]:
                raise ValueError(f"{name}: shape {y.shape}, expected {wanted[name]}")

    def _gradients(self, given: dict, more: dict, outputs: dict, derivatives: dict) -> dict:
        """What was differentiated by, and the gradients."""
        inputs = {name: given[name] for name in given if name in GRADIENTS}
        back = {name: self.arrays.give(d, False) for name, d in derivatives.items()}
        if self.backward is None:
            through = {"d" + name: y for name, y in outputs.items() if "d" + name in back}
            back = {name: d.to(through[name].dtype) for name, d in back.items()}
            found = self.arrays.gradients(inputs, list(through.values()), list(back.values()))
        else:
            taken = _taken(self.backward)
            found = self.backward(**given, **{name: y for name, y in more.items() if name in taken}, **back)
            names = ["d" + name for name in inputs]
            found = found if isinstance(found, dict) else dict(zip(names, found))
            found = {name[1:]: d for name, d in found.items() if name in names and d is not None}
        found = {**back, **{"d" + name: d for name, d in found.items()}}
        return {name: self.arrays.take(d) for name, d in found.items()}

    def _judge(self, case: Case, arrays: dict, judged: tuple, scale: float) -> Outcome:
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "kernel" + _exchange.SUFFIX)
            _exchange.save(file, arrays, scale)
            answer = _exchange.ask(self.program, file, self.options)
        return Outcome(case, answer["verdict"] == "within", _said(answer), answer, judged)


def _said(answer: dict) -> str:
    """A line: the largest error, or the first number that is out of tolerance."""
    gradients = {name: one for name, one in (answer.get("gradients") or {}).items() if one and "verdict" in one}
    granted = [float(one["largest_over_granted"] or 0) for one in (answer["errors"], *gradients.values())]
    wrong = [name for name, one in gradients.items() if one["verdict"] != "within"]
    if answer["verdict"] == "within":
        return f"largest error {max(granted):.2g} of what is granted"
    firsts = [answer["first"], answer["first_state"], *(gradients[name]["first"] for name in wrong)]
    first = next((one for one in firsts if one), None)
    if first is None:
        return "depends on later tokens"
    found, expected = (one if isinstance(one, str) else f"{one:.6g}" for one in (first["found"], first["expected"]))
    alone = f" ({', '.join(wrong)} alone)" if not (answer["first"] or answer["first_state"]) else ""
    return f"from token {first['token']} on: {first['index']} is {found}, expected {expected}{alone}"


def check(
    fn: Callable,
    method: Optional[str] = None,
    keys: str = "raw",
    decay: str = "none",
    *,
    preset: str = "",
    arrays: Optional[str] = None,
    dtype: str = "float32",
    device: str = "cpu",
    scale: Union[None, float, Callable[[int], float]] = None,
    per_channel: bool = False,
    gradients: bool = False,
    backward: Optional[Callable] = None,
    cases: Optional[Iterable[str]] = None,
    seed: int = 1,
    precision: Optional[str] = None,
    tolerance: Optional[str] = None,
    program: Optional[str] = None,
) -> Report:
    """Is a kernel right, to rounding errors, and if not, why? Calls it on awkward inputs and returns a `Report`,
    which is true if all that could be judged is right: in a test, ``assert efla.check(my_kernel)``.

    The inputs are those that compare makes (``compare --make``), for kernels with the method, decay and dtype.

    fn is called with names, as far as it takes them: q, k (B, T, H, dk), v (B, T, H, dv), beta (B, T, H); with a
    decay its argument, g (or alpha, for "retention") (B, T, H), with per_channel g (B, T, H, dk); scale;
    initial_state (N, H, dk, dv); output_final_state=True; cu_seqlens (N + 1,) where B = 1. It returns o (B, T, H,
    dv), or (o, final_state). Cases that need an argument which fn does not have, or for which it raises
    NotImplementedError, are left out and listed.

    method, keys, decay: the rule that fn is to have, as for `efla.forward`. preset="fla": a kernel of
    flash-linear-attention, such as chunk_delta_rule, that is tensors, method "euler" (DeltaNet's) and, with
    keys="unit", use_qk_l2norm_in_kernel=True. arrays: "numpy" or "torch", by default as the preset says, or "torch"
    for a function that is annotated so. dtype: of the inputs, "float64", "float32", "float16" or "bfloat16"; with
    the last two g and initial states are float32. scale: in place of the case's, or a function of dk; of a kernel that
    has no such argument by default 1.

    gradients: also the derivatives by all inputs are judged, by autograd, or as backward(**inputs, scale=..., do=...,
    dfinal_state=...) returns them: a dict with dq, dk, dv, dbeta, dg or dalpha, dinitial_state, or a sequence in that
    order. dfinal_state is given in cases with initial states.

    cases: names of some cases (`efla.check_cases()`). precision: the format in which the kernel keeps its state, and
    tolerance: options of compare. program: compare, by default as EFLA_COMPARE says, or that of the checkout or the
    installation.

    ValueError: an argument is invalid, or fn lacks one. FileNotFoundError: there is no compare. RuntimeError: it
    could not judge a file."""
    if preset not in PRESETS:
        raise ValueError(f"preset: {preset!r}, expected one of {', '.join(filter(None, PRESETS))}")
    annotated = any("torch" in str(p.annotation) for p in inspect.signature(fn).parameters.values())
    arrays = arrays or ("torch" if annotated else PRESETS[preset].arrays)
    if arrays not in KINDS:
        raise ValueError(f"arrays: {arrays!r}, expected one of {', '.join(KINDS)}")
    method = method or PRESETS[preset].method
    rule_of(method, decay, keys, 1.0)  # or says what is wrong with it
    if dtype not in _exchange.TYPES:
        raise ValueError(f"dtype: {dtype!r}, expected one of {', '.join(_exchange.TYPES)}")
    kind = KINDS[arrays](device)
    if backward is not None:
        gradients = True
    elif gradients and not kind.differentiates:
        raise ValueError("gradients: a kernel in NumPy needs backward, which returns them")
    rule, program = Held(method, decay, keys), _exchange.find_program(program)
    options = ["--method", method, "--decay", decay]
    makes = [*options, "--type", _exchange.TYPES[dtype], "--seed", str(seed), *(["--channels"] if per_channel else [])]
    options += ["--keys", keys]
    options += ["--precision", precision] if precision else []
    options += ["--tolerance", tolerance] if tolerance else []
    question = _Question(fn, backward, gradients, kind, scale, rule, program, options)
    with tempfile.TemporaryDirectory() as directory:
        made = _exchange.make_cases(program, directory, makes, cases)
        outcomes = [question.run(case, _exchange.load(file)) for case, file in made]
    name = getattr(fn, "__name__", type(fn).__name__)
    return Report(name, f"method {method}, decay {decay}, keys {keys}", outcomes)


def check_cases(program: Optional[str] = None) -> List[str]:
    """The names of all cases that there are, of which `check` takes those that suit the kernel."""
    return [case.name for case in _exchange.known_cases(_exchange.find_program(program))]
