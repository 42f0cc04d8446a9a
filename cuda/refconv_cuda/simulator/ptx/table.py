"""The PTX instructions that are simulated: for each, its operands, and the C++ expression that it is.

A row is an opcode, the operands, and the expression, in which ``$1`` is the first operand and ``ptx::`` the simulator's
words (runtime/words/ptx.h). ``<T:u32,s32>`` in an opcode makes a row of each alternative; ``<T>`` elsewhere is the one
that was chosen. Modifiers that speak to caches alone are dropped before a row is looked for.

An operand: its PTX type; ``=`` before that of a result; ``4*b32`` a vector in braces; ``b32!`` not a float's register;
``u8+`` a register that may be wider; ``[shared]``, ``[global]``, ``[generic]`` an address in brackets; ``imm`` a
constant, and ``zero`` that one.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One instruction with one form of operands."""

    opcode: str
    operands: tuple[str, ...]
    expression: str


_INTEGERS = "u32,s32,u64,s64"
_BITS = "b16,b32,b64"

_TENSOR_CORES = [
    *(
        (f"mma.sync.aligned.m16n8k{k}.row.col.f32.<T:f16,bf16>.<T>.f32", f"=4*f32, {k // 4}*b32!, {k // 8}*b32!, 4*f32",
         f"ptx::mma<16, {k}, ptx::<T>, ptx::<T>, ptx::f32>($2, $3, $4, false)")
        for k in (16, 8)
    ),
    *(
        (f"mma.sync.aligned.m16n8k{k}.row.col.f16.f16.f16.f16", f"=2*b32!, {k // 4}*b32!, {k // 8}*b32!, 2*b32!",
         f"ptx::mma<16, {k}, ptx::f16, ptx::f16, ptx::f16>($2, $3, $4, false)")
        for k in (16, 8)
    ),
    *(
        (f"mma.sync.aligned.m16n8k{k}.row.col.f32.tf32.tf32.f32", f"=4*f32, {k // 2}*b32!, {k // 4}*b32!, 4*f32",
         f"ptx::mma<16, {k}, ptx::tf32, ptx::tf32, ptx::f32>($2, $3, $4, false)")
        for k in (8, 4)
    ),
    ("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64", "=2*f64, 1*f64, 1*f64, 2*f64",
     "ptx::mma<8, 4, ptx::f64, ptx::f64, ptx::f64>($2, $3, $4, false)"),
    *(
        (f"mma.sync.aligned.m{m}n8k{k}.row.col<S:{saturate}>.s32.<A:u8,s8>.<B:u8,s8>.s32",
         f"={m // 4}*b32!, {m * k // 128}*b32!, {k // 16}*b32!, {m // 4}*b32!",
         f"ptx::mma<{m}, {k}, ptx::<A>, ptx::<B>, ptx::s32>($2, $3, $4, {'true' if saturate else 'false'})")
        for m, k in ((16, 32), (16, 16), (8, 16))
        for saturate in ("", ".satfinite")
    ),
    *(
        (f"ldmatrix.sync.aligned.<O:m8n8.x{n}{trans},x{n}{trans}.m8n8>.shared.b16", f"={n}*b32, [shared]",
         f"ptx::ldmatrix<{n}, {'true' if trans else 'false'}>(ptx::in_shared($2))")
        for n in (1, 2, 4)
        for trans in ("", ".trans")
    ),
    *(
        (f"stmatrix.sync.aligned.<O:m8n8.x{n}{trans},x{n}{trans}.m8n8>.shared.b16", f"[shared], {n}*b32",
         f"ptx::stmatrix<{n}, {'true' if trans else 'false'}>(ptx::in_shared($1), $2)")
        for n in (1, 2, 4)
        for trans in ("", ".trans")
    ),
    ("movmatrix.sync.aligned.m8n8.trans.b16", "=b32, b32", "ptx::movmatrix($2)"),
]  # fmt: skip

_COPIES = [
    *(
        (f"cp.async.{cache}.shared.global", f"[shared], [global], imm{operands}",
         f"ptx::cp_async(ptx::shared($1, $3), ptx::source($2), ptx::copy_size<{smallest}, $3>(), {source})")
        for cache, smallest in (("ca", 4), ("cg", 16))
        for operands, source in (("", "$3"), (", u32", "ptx::source_size($4, $3)"), (", pred", "($4) ? 0 : $3"))
    ),
    ("cp.async.commit_group", "", "ptx::cp_async_commit_group()"),
    ("cp.async.wait_group", "imm", "ptx::cp_async_wait_group($1)"),
    ("cp.async.wait_all", "", "ptx::cp_async_wait_all()"),
]  # fmt: skip

_SCALARS = "b8,u8,s8,b16,u16,s16,b32,u32,s32,f32,b64,u64,s64,f64"
_ACCESSES = [
    *(
        (f"<I:ld>{space}{vector}.<T:{types}>", f"={each}, [{name}]", f"ptx::load<ptx::<T>, {n}>(ptx::in_{name}($2))")
        for space, name in ((".shared", "shared"), (".global", "global"), ("", "generic"))
        for vector, n, each, types in (
            ("", 1, "<T>+", _SCALARS),
            (".v2", 2, "2*<T>+", _SCALARS),
            (".v4", 4, "4*<T>+", "b8,u8,s8,b16,u16,s16,b32,u32,s32,f32"),
        )
    ),
    *(
        (f"<I:st>{space}{vector}.<T:{types}>", f"[{name}], {each}",
         f"ptx::store<ptx::<T>, {n}>(ptx::in_{name}($1), {value})")
        for space, name in ((".shared", "shared"), (".global", "global"), ("", "generic"))
        for vector, n, each, value, types in (
            ("", 1, "<T>+", "{$2}", _SCALARS),
            (".v2", 2, "2*<T>+", "$2", _SCALARS),
            (".v4", 4, "4*<T>+", "$2", "b8,u8,s8,b16,u16,s16,b32,u32,s32,f32"),
        )
    ),
    ("red<O:,.relaxed.gpu>.global.add.<T:u32,s32,u64,f32,f64>", "[global], <T>",
     "atomicAdd(static_cast<ptx::<T>*>(ptx::global($1)), $2)"),
    ("atom<O:,.relaxed.gpu>.global.add.<T:u32,s32,u64,f32,f64>", "=<T>, [global], <T>",
     "atomicAdd(static_cast<ptx::<T>*>(ptx::global($2)), $3)"),
    *(
        (f"prefetch{space}.<L:L1,L2>", f"[{name}]", "ptx::nothing($1)")
        for space, name in ((".global", "global"), ("", "generic"))
    ),
]  # fmt: skip

_BARRIERS = [
    ("<B:bar,barrier>.sync<A:,.aligned>", "zero", "__syncthreads()"),
    ("bar.warp.sync", "b32", "__syncwarp($1)"),
    ("<F:membar.cta,fence.acq_rel.cta,fence.sc.cta>", "", "__threadfence_block()"),
    ("<F:membar.gl,membar.sys,fence.<O:acq_rel,sc>.<S:gpu,sys>>", "", "__threadfence()"),
    ("trap", "", "__trap()"),
]

_ARITHMETIC = [
    (f"mov.<T:u16,s16,{_BITS},{_INTEGERS},f32,f64,pred>", "=<T>, <T>", "$2"),
    ("mov.b32", "=b32, 2*b16", "ptx::joined<ptx::b32>($2)"),
    ("mov.b64", "=b64, 2*b32", "ptx::joined<ptx::b64>($2)"),
    ("mov.b32", "=2*b16, b32", "ptx::parted<ptx::b16>($2)"),
    ("mov.b64", "=2*b32, b64", "ptx::parted<ptx::b32>($2)"),
    (f"add.<T:u16,s16,{_INTEGERS}>", "=<T>, <T>, <T>", "ptx::add<ptx::<T>>($2, $3)"),
    (f"sub.<T:u16,s16,{_INTEGERS}>", "=<T>, <T>, <T>", "ptx::subtract<ptx::<T>>($2, $3)"),
    (f"mul.lo.<T:u16,s16,{_INTEGERS}>", "=<T>, <T>, <T>", "ptx::multiply<ptx::<T>>($2, $3)"),
    (f"mad.lo.<T:{_INTEGERS}>", "=<T>, <T>, <T>, <T>", "ptx::add<ptx::<T>>(ptx::multiply<ptx::<T>>($2, $3), $4)"),
    ("mul.wide.u32", "=u64, u32, u32", "ptx::u64($2) * ptx::u64($3)"),
    ("mul.wide.s32", "=s64, s32, s32", "ptx::s64($2) * ptx::s64($3)"),
    ("mad.wide.u32", "=u64, u32, u32, u64", "ptx::u64($2) * ptx::u64($3) + $4"),
    ("mad.wide.s32", "=s64, s32, s32, s64", "ptx::add<ptx::s64>(ptx::s64($2) * ptx::s64($3), $4)"),
    (f"min.<T:{_INTEGERS}>", "=<T>, <T>, <T>", "ptx::lesser<ptx::<T>>($2, $3)"),
    (f"max.<T:{_INTEGERS}>", "=<T>, <T>, <T>", "ptx::greater<ptx::<T>>($2, $3)"),
    ("add<R:,.rn>.<T:f32,f64>", "=<T>, <T>, <T>", "$2 + $3"),
    ("sub<R:,.rn>.<T:f32,f64>", "=<T>, <T>, <T>", "$2 - $3"),
    ("mul<R:,.rn>.<T:f32,f64>", "=<T>, <T>, <T>", "$2 * $3"),
    ("fma.rn.f32", "=f32, f32, f32, f32", "fmaf($2, $3, $4)"),
    ("fma.rn.f64", "=f64, f64, f64, f64", "fma($2, $3, $4)"),
    ("min.f32", "=f32, f32, f32", "fminf($2, $3)"),
    ("max.f32", "=f32, f32, f32", "fmaxf($2, $3)"),
    ("neg.f32", "=f32, f32", "-$2"),
    ("abs.f32", "=f32, f32", "fabsf($2)"),
    *(
        row
        for form, kind in (("", "b16"), ("x2", "b32!"))
        for row in (
            (f"add<R:,.rn>.<F:f16,bf16>{form}", f"={kind}, {kind}, {kind}", "ptx::narrow_sum<ptx::<F>>($2, $3)"),
            (f"sub<R:,.rn>.<F:f16,bf16>{form}", f"={kind}, {kind}, {kind}", "ptx::narrow_difference<ptx::<F>>($2, $3)"),
            (f"mul<R:,.rn>.<F:f16,bf16>{form}", f"={kind}, {kind}, {kind}", "ptx::narrow_product<ptx::<F>>($2, $3)"),
            (f"fma.rn.<F:f16,bf16>{form}", f"={kind}, {kind}, {kind}, {kind}", "ptx::narrow_fma<ptx::<F>>($2, $3, $4)"),
        )
    ),
    (f"and.<T:{_BITS}>", "=<T>, <T>, <T>", "ptx::<T>($2 & $3)"),
    (f"or.<T:{_BITS}>", "=<T>, <T>, <T>", "ptx::<T>($2 | $3)"),
    (f"xor.<T:{_BITS}>", "=<T>, <T>, <T>", "ptx::<T>($2 ^ $3)"),
    (f"not.<T:{_BITS}>", "=<T>, <T>", "ptx::<T>(~$2)"),
    ("<O:and>.pred", "=pred, pred, pred", "bool($2 & $3)"),
    ("<O:or>.pred", "=pred, pred, pred", "bool($2 | $3)"),
    ("<O:xor>.pred", "=pred, pred, pred", "bool($2 ^ $3)"),
    ("<O:not>.pred", "=pred, pred", "!$2"),
    (f"shl.<T:{_BITS}>", "=<T>, <T>, u32", "ptx::shift_left<ptx::<T>>($2, $3)"),
    (f"shr.<T:{_BITS},u16,s16,{_INTEGERS}>", "=<T>, <T>, u32", "ptx::shift_right<ptx::<T>>($2, $3)"),
    ("lop3.b32", "=b32, b32, b32, b32, imm", "ptx::lop3($2, $3, $4, $5)"),
    *(
        (f"setp.{word}.<T:{types}>", "=pred, <T>, <T>", f"$2 {operator} $3")
        for word, operator, types in (
            ("eq", "==", f"{_BITS},{_INTEGERS},f32,f64"),
            ("ne", "!=", f"{_BITS},{_INTEGERS}"),
            ("lt", "<", f"{_INTEGERS},f32,f64"),
            ("le", "<=", f"{_INTEGERS},f32,f64"),
            ("gt", ">", f"{_INTEGERS},f32,f64"),
            ("ge", ">=", f"{_INTEGERS},f32,f64"),
            ("lo", "<", "u32,u64"),
            ("ls", "<=", "u32,u64"),
            ("hi", ">", "u32,u64"),
            ("hs", ">=", "u32,u64"),
        )
    ),
    ("setp.ne.<T:f32,f64>", "=pred, <T>, <T>", "$2 < $3 || $2 > $3"),
    (f"selp.<T:{_BITS},{_INTEGERS},f32,f64>", "=<T>, <T>, <T>, pred", "($4) ? $2 : $3"),
    ("cvta.to.shared.u64", "=u64, u64", "__cvta_generic_to_shared(reinterpret_cast<const void*>($2))"),
    ("cvta.to.global.u64", "=u64, u64", "$2"),
    ("cvta.global.u64", "=u64, u64", "$2"),
]  # fmt: skip

_CONVERSIONS = [
    ("cvt.rna.tf32.f32", "=b32!, f32", "ptx::to_tf32($2)"),
    ("cvt.rn.f16x2.f32", "=b32!, f32, f32", "ptx::narrowed<ptx::f16>($2, $3)"),
    ("cvt.rn.bf16x2.f32", "=b32!, f32, f32", "ptx::narrowed<ptx::bf16>($2, $3)"),
    ("cvt.rn.f16.f32", "=b16, f32", "ptx::f16::narrow($2)"),
    ("cvt.rn.bf16.f32", "=b16, f32", "ptx::bf16::narrow($2)"),
    ("cvt.f32.f16", "=f32, b16", "ptx::f16::widen($2)"),
    ("cvt.f32.bf16", "=f32, b16", "ptx::bf16::widen($2)"),
    ("cvt.<T:u16,s16,u32,s32,u64,s64>.<F:u16,s16,u32,s32,u64,s64>", "=<T>, <F>", "static_cast<ptx::<T>>($2)"),
    ("cvt.rn.f32.<F:u32,s32,u64,s64,f64>", "=f32, <F>", "static_cast<float>($2)"),
    ("cvt.rn.f64.<F:u64,s64>", "=f64, <F>", "static_cast<double>($2)"),
    ("cvt.f64.f32", "=f64, f32", "static_cast<double>($2)"),
]

# What instructions that are not in the table belong to, in words that they begin with or contain; the more special
# one first.
_FAMILIES = (
    ("cp.async.bulk", "TMA (cp.async.bulk)"),
    ("cp.async.mbarrier", "mbarrier"),
    ("cp.async", "cp.async"),
    ("cp.reduce.async.bulk", "TMA (cp.reduce.async.bulk)"),
    ("tensormap", "TMA (tensormap)"),
    ("prefetch.tensormap", "TMA (prefetch.tensormap)"),
    ("fence.proxy", "TMA (fence.proxy)"),
    ("wgmma", "wgmma"),
    ("setmaxnreg", "wgmma (setmaxnreg)"),
    ("tcgen05", "tcgen05"),
    ("mbarrier", "mbarrier"),
    ("fence.mbarrier_init", "mbarrier"),
    ("barrier.cluster", "a cluster (barrier.cluster)"),
    ("mapa", "a cluster (mapa)"),
    ("shared::cluster", "a cluster (shared::cluster)"),
    ("ldmatrix", "ldmatrix"),
    ("mma.sync", "mma.sync"),
)

SPECIAL_REGISTERS = {
    **{
        f"%{register}{axis}": ("u32", f"{variable}{axis}")
        for register, variable in (
            *(("tid", "threadIdx"), ("ntid", "blockDim")),
            *(("ctaid", "blockIdx"), ("nctaid", "gridDim")),
        )
        for axis in (".x", ".y", ".z")
    },
    "%laneid": ("u32", "::refconv::lane()"),
    "%warpid": ("u32", "(::refconv::thread_rank() / 32)"),
    "%lanemask_eq": ("u32", "(1u << ::refconv::lane())"),
    "%lanemask_lt": ("u32", "((1u << ::refconv::lane()) - 1)"),
    "%lanemask_le": ("u32", "((2u << ::refconv::lane()) - 1)"),
    "%lanemask_gt": ("u32", "~((2u << ::refconv::lane()) - 1)"),
    "%lanemask_ge": ("u32", "~((1u << ::refconv::lane()) - 1)"),
    "WARP_SZ": ("u32", "32u"),
}


def rows(opcode: str) -> tuple[Row, ...]:
    """The forms that an instruction has; none if it is not simulated."""
    return _rows().get(_without_hints(opcode), ())


def family(opcode: str) -> str | None:
    """What an instruction that is not simulated belongs to, if that has a name that people know."""
    return next((name for word, name in _FAMILIES if word in opcode), None)


_CACHES = re.compile(r"\.(?:ca|cg|cs|lu|cv|wb|wt|nc|weak|volatile)\b|\.L1::\w+|\.L2::\d+B")


def _without_hints(opcode: str) -> str:
    opcode = opcode.replace("shared::cta", "shared")
    if opcode.startswith(("ld.", "st.")):
        return _CACHES.sub("", opcode)
    return re.sub(r"\.L2::\d+B", "", opcode) if opcode.startswith("cp.async") else opcode


@functools.cache
def _rows() -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in (*_TENSOR_CORES, *_COPIES, *_ACCESSES, *_BARRIERS, *_ARITHMETIC, *_CONVERSIONS):
        for opcode, operands, expression in _expanded(*row):
            separate = tuple(each.strip() for each in operands.split(",") if each.strip())
            found[opcode] = (*found.get(opcode, ()), Row(opcode, separate, expression))
    return found


_CHOICE = re.compile(r"<(\w+):([^<>]*)>")


def _expanded(opcode: str, operands: str, expression: str) -> list[tuple[str, str, str]]:
    """A row for each choice of the alternatives in its opcode, the innermost first."""
    choice = _CHOICE.search(opcode)
    if choice is None:
        return [(opcode, operands, expression)]
    found = []
    for alternative in choice[2].split(","):
        name = f"<{choice[1]}>"
        chosen = opcode[: choice.start()] + alternative + opcode[choice.end() :]
        replaced = [text.replace(name, alternative) for text in (chosen, operands, expression)]
        found += _expanded(*replaced)
    return found
