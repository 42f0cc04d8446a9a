"""Inline PTX as it is written: what is read, what is refused by name, and what is said of what is no PTX."""

from contextlib import nullcontext

import numpy as np
import pytest

from refconv_cuda import simulator
from refconv_cuda.simulator import BarrierDivergence, CompileError, KernelTrap, OutOfBounds, RawModule, ptx

REFUSED = {
    "asm": ('asm("nanosleep.u32 20;");', "inline PTX (asm), 'nanosleep.u32',"),
    "asm volatile": ('asm volatile ("mov.u32 %0, %%smid;" : "=r"(sm));', "the register %smid in inline PTX (asm)"),
    "asm on two lines": ('asm\n    volatile("nop;");', "inline PTX (asm), 'nop',"),
    "__asm__": ('__asm__ __volatile__("nop;");', "inline PTX (asm), 'nop',"),
    "TMA": (
        'asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile [%0];" :: "r"(s));',
        "TMA (cp.async.bulk) in",
    ),
    "wgmma": ('asm volatile("wgmma.fence.sync.aligned;\\n" ::: "memory");', "wgmma in"),
    "wgmma on the next line": (
        'asm volatile(\n    "{\\n"\n    ".reg .pred p;\\nwgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0};}");',
        "wgmma in",
    ),
    "a loop on an mbarrier": (
        'asm volatile("{.reg .pred p;\\nWAIT:\\n mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\\n'
        '@!p bra WAIT;}" :: "r"(bar), "r"(phase));',
        "mbarrier in",
    ),
    "tcgen05": ('asm volatile("tcgen05.wait::ld.sync.aligned;");', "tcgen05 in"),
    "a cluster": ('asm volatile("barrier.cluster.arrive.aligned;");', "a cluster (barrier.cluster) in"),
    "a cache policy": (
        'asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2;" :: "r"(s), "l"(g), "l"(policy));',
        "cp.async in",
    ),
    "another shape": (
        'asm("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%0}, {%1}, {%2}, {%0};" : "+f"(d) : "r"(a), "r"(b));',
        "mma.sync in",
    ),
    "sparse": ('asm("mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {};");', "inline PTX (asm), 'mma.sp"),
    "the second instruction": ('asm("bar.sync 0;\\n exit;");', "'exit'"),
    "a named barrier": ('asm("barrier.arrive 1, 64;");', "'barrier.arrive'"),
    "a type of register": ('asm("{ .reg .b128 t; }");', "a register of the type .b128"),
}
MMA = "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32"
MALFORMED = {
    "too few registers": (
        f'asm("{MMA} {{%0, %1}}, {{%2, %3}}, {{%4}}, {{%0, %1}};" : "+f"(d), "+f"(e) : "r"(a), "r"(b), "r"(c));',
        f"{MMA} is simulated with the operands {{4 f32}}, {{2 b32}}, {{1 b32}}, {{4 f32}}, but is given {{%0, %1}}, ",
    ),
    "no braces": (
        'asm("ldmatrix.sync.aligned.m8n8.x1.shared.b16 %0, [%1];" : "=r"(a) : "r"(p));',
        "{1 b32}, [shared], but",
    ),
    "too many operands": ('asm("add.u32 %0, %0, %0, %0;" : "+r"(a));', "but is given %0, %0, %0, %0"),
    "none": ('asm("add.u32;");', "but is given none"),
    "no such operand": ('asm("mov.u32 %0, %2;" : "=r"(a) : "r"(b));', "names operand %2, but there are only 2"),
    "no such name": (
        'asm("mov.u32 %0, %[b];" : "=r"(a) : [c] "r"(b));',
        "names operand %[b], but no operand has that name",
    ),
    "a float for a whole number": (
        'asm("add.u32 %0, %1, 1;" : "=r"(a) : "f"(x));',
        "(a float's register where it takes an integer's)",
    ),
    "a float for two halves": (
        f'asm("{MMA} {{%0, %1, %2, %3}}, {{%4, %4}}, {{%4}}, {{%0, %1, %2, %3}};" '
        ': "+f"(d), "+f"(d), "+f"(d), "+f"(d) : "f"(a));',
        "(a float's register where it takes an integer's)",
    ),
    "64 bits for 32": ('asm("mov.u32 %0, %1;" : "=r"(a) : "l"(p));', "(a register has 64 bits where it takes 32)"),
    "32 bits for a pointer": (
        'asm("ld.global.u32 %0, [%1];" : "=r"(a) : "r"(p));',
        "(an address of this space is a register of 64 bits)",
    ),
    "no address": ('asm("ld.global.u32 %0, %1;" : "=r"(a) : "l"(p));', "u32, [global], but is given %0, %1"),
    "an odd address": (
        'asm("ld.global.u32 %0, [%1*4];" : "=r"(a) : "l"(p));',
        "must be [register] or [register+constant]",
    ),
    "no constant": (
        'asm("cp.async.wait_group %0;" :: "r"(n));',
        "is simulated with the operands a constant, but is given %0",
    ),
    "writes an input": ('asm("mov.u32 %1, 3;" : "=r"(a) : "r"(b));', "it writes an operand that is an input"),
    "no such register": ('asm("{.reg .u32 t; mov.u32 u, t;}");', "mov.u32 names 'u', which no .reg declares"),
    "a register of an inner block": ('asm("{ {.reg .u32 t;} mov.u32 t, 1; }");', "names 't', which no .reg declares"),
    "a guard that is no predicate": ('asm("@%0 mov.u32 %0, 1;" : "+r"(a));', "must be a register of the type .pred"),
    "a constraint": (
        'asm("mov.u32 %0, %1;" : "=r"(a) : "m"(b));',
        'has the constraint "m", which must be one of "h", "r"',
    ),
    "an output without =": ('asm("mov.u32 %0, 1;" : "r"(a));', 'output \'"r"(a)\' has the constraint "r"'),
    "an input with =": ('asm("mov.u32 %0, 1;" : "=r"(a) : "=r"(b));', "which only an output may have"),
    "no expression": (
        'asm("mov.u32 %0, 1;" : "=r" a);',
        "must be a constraint in quotes and an expression in parentheses",
    ),
    "no string": ('asm(kernel : "=r"(a));', "'kernel' must be a string literal"),
    "no semicolon": ('asm("bar.sync 0");', "'bar.sync 0' must end with a semicolon"),
    "a brace too many": ('asm("{ bar.sync 0; } }");', "its braces must come in pairs"),
    "a brace too few": ('asm("{ bar.sync 0;");', "its braces must come in pairs"),
    "a part too many": ('asm("bar.sync 0;" : : : "memory" : "x");', "more than outputs, inputs and clobbers"),
    "goto": ('asm goto("bar.sync 0;" : : : : there);', "it must have the form asm volatile("),
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code):
    text, name = REFUSED[code]
    with pytest.raises(CompileError) as raised:
        ptx.translated(f'# 1 "other.cuh"\nint x;\n# 1 "my.cu"\nint before; // asm\nint also;\n{text}\nint after;\n')
    message = str(raised.value)
    assert message.startswith("my.cu:3: "), message
    what, why = message.split(" is not simulated: ")
    assert name in what
    assert "REFCONV_SIMULATOR" in why


@pytest.mark.parametrize("code", MALFORMED)
def test_malformed(code):
    text, said = MALFORMED[code]
    with pytest.raises(CompileError) as raised:
        ptx.translated(f'# 1 "my.cu"\nvoid f() {{\n{text}\n}}\n')
    message = str(raised.value)
    assert message.startswith("my.cu:2: inline PTX (asm): "), message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        '# 1 "my.cu"\nint basmati; float asm_count; void plasma(int) {}\n',
        '# 1 "my.cu"\nconst char* s = "asm(\\"nop;\\")"; const char* t = R"(asm("wgmma;"))"; char c = \'"\';\n',
        '# 1 "my.cu"\nint x;\n',
    ],
)
def test_a_text_without_is_left_alone(text):
    assert ptx.translated(text) == text


def test_lines_stay():
    text = '# 1 "my.cu"\nvoid f() {\n  asm volatile(\n    "bar.sync 0;"\n    ::: "memory"); g();\n  h();\n}\n'
    lines = ptx.translated(text).splitlines()
    assert lines[0] == "#include <words/ptx.h>"
    assert "__syncthreads()" in lines[3]
    assert lines[5].strip() == "; g();"
    assert lines[6:] == ["  h();", "}"]


# -- what a kernel may write, and a compiler of C++ then sees ---------------------------------------------------

SOURCE = r"""
#define NAMES(a, b) a + b
template <class T>
__device__ void twice(T& x) {
    asm("add.u32 %[sum], %[one], %[one];" : [sum] "=r"(x) : [one] "r"(x));
}
template <int bits>
__device__ unsigned low(unsigned x) {
    unsigned result;
    asm("and.b32 %0, %1, %2;" : "=r"(result) : "r"(x), "n"((1 << bits) - 1));
    return result;
}
struct Pair { unsigned a, b; };
extern "C" __global__ void forms(unsigned* y, int n) {
    int counted = 0;
    auto next = [&]() { return counted++; };
    if (n > 0)
        asm("mov.u32 %0, 1;" : "=r"(y[0]));
    else asm("mov.u32 %0, 2;" : "=r"(y[0]));
    for (int i = 0; i < 3; ++i) asm volatile("add.u32 %0, %0, 5;" : "+r"(y[1]));
    asm("mov.u32 %0, %1;" : "=r"(y[2 + next()]) : "r"(next()));  // each operand is evaluated once
    y[3] = counted;
    unsigned x = 21;
    twice(x);
    y[4] = x;
    y[5] = low<4>(0xabcd);
    __asm__ __volatile__("add.u32 %0, %1, %2;" : "=&r"(y[6]) : "r"(NAMES(n,
        1)), "r"(n < 0 ? 0 : 2));
    Pair pair[2] = {};
    asm("{\n\t"
        "mov.b32 %0, 0x7; // seven: x;\n\t"
        "mov.u32 %1, -1;\n\t}"
        : "=r"(pair[1].a), "=r"(pair[0].b));
    y[7] = pair[1].a + pair[0].b;
    asm volatile("" : "+r"(y[8]) :: "memory");
    asm volatile("// nothing");
    asm("{ .reg .u32 lane; mov.u32 lane, %laneid; }");  // without operands, a register has one %
    signed char refconv = 1; int ptx = 1, bits_as = refconv + ptx;
    asm("mov.s32 %0, %1;" : "=r"(y[9]) : "r"(bits_as));
    y[10] = __LINE__;
}
extern "C" __global__ void undefined(unsigned* y) {
    unsigned x;
    asm("{ .reg .pred p; setp.eq.u32 p, %1, 0; @p mov.u32 %0, 1; }" : "=r"(x) : "r"(y[0]));
    y[1] = x;
}
extern "C" __global__ void elsewhere(unsigned* y, int how) {
    __shared__ alignas(16) unsigned tile[4];
    tile[0] = tile[1] = tile[2] = tile[3] = 1;
    unsigned local[4] = {}, shared = static_cast<unsigned>(__cvta_generic_to_shared(tile)), x;
    if (how == 0) asm volatile("ld.global.u32 %0, [%1];" : "=r"(y[0]) : "l"(tile));
    if (how == 1) asm volatile("st.global.u32 [%0], %1;" ::"l"(local), "r"(3));
    if (how == 2) asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared), "l"(tile + 1));
    if (how == 3) asm volatile("ld.shared.u32 %0, [%1];" : "=r"(y[0]) : "l"((1ull << 32) + shared));  // like a pointer
    if (how == 4) asm volatile("ld.shared.u32 %0, [%1];" : "=r"(y[0]) : "r"(shared + 16));
    if (how == 5) asm volatile("st.shared.u32 [%0], %1;" ::"r"(shared - 4096), "r"(1));
    if (how == 6) asm volatile("st.shared.u32 [%0], %1;" ::"r"(0), "r"(1));
    if (how == 7) asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(y[0]), "=r"(x) : "r"(shared + 4));
    if (how == 8) asm volatile("ld.shared.u32 %0, [%1];" : "=r"(y[0]) : "r"((unsigned)__cvta_generic_to_shared(y)));
}
extern "C" __global__ void apart(unsigned* y, int lanes) {
    if (threadIdx.x < lanes) {
        asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y[threadIdx.x]) : "r"(1));  // the one
    } else {
        asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y[threadIdx.x]) : "r"(1));  // the other
    }
}
extern "C" __global__ void beyond(unsigned* y, const unsigned* x) {
    asm("add.u32 %0, %1, %2;"
        : "=r"(y[0])
        : "r"(x[0]), "r"(x[1]));
}
"""


@pytest.fixture(scope="module")
def kernel(compiler):
    return RawModule(code=SOURCE).get_function


def test_forms(kernel):
    y = np.zeros(11, np.uint32)
    y[8] = 77
    with simulator.checked():
        kernel("forms")((1,), (1,), (y, np.int32(4)))
    line = next(i for i, text in enumerate(SOURCE.splitlines(), 1) if "__LINE__" in text)
    assert y.tolist() == [1, 15, 1, 2, 42, 0xD, 7, 6, 77, 2, line]


def test_what_no_instruction_sets_is_not_zero(kernel):
    y = np.array([5, 0], np.uint32)
    kernel("undefined")((1,), (1,), (y,))
    assert np.isnan(y.view(np.float32)[1])


@pytest.mark.parametrize("check", [True, False], ids=["checked", "plain"])
@pytest.mark.parametrize(
    ("how", "exception", "said"),
    [
        *((how, KernelTrap, "stops at an instruction on global memory, with an address of another") for how in (0, 1)),
        (2, OutOfBounds, "but cp.async copies from global to shared memory only"),
        *((how, OutOfBounds, "of shared memory, in no variable") for how in (3, 4, 5, 6, 8)),
        (7, OutOfBounds, "accesses 8 bytes at an address that is no multiple of 8"),
    ],
)
def test_an_address_of_other_memory(kernel, check, how, exception, said):
    line = next(i for i, text in enumerate(SOURCE.splitlines(), 1) if f"how == {how})" in text)
    with simulator.checked() if check else nullcontext(), pytest.raises(exception) as raised:
        kernel("elsewhere")((1,), (1,), (np.zeros(4, np.uint32), np.int32(how)))
    assert said in str(raised.value)
    assert raised.value.finding.line == line


NO_BYTES = r"""
extern "C" __global__ void no_bytes(unsigned* y) {
    __shared__ unsigned tile[4];
    unsigned local[4] = {}, shared = static_cast<unsigned>(__cvta_generic_to_shared(tile));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(tile + 2), "r"(0));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared + 4), "l"(local), "r"(0));
    asm volatile("cp.async.wait_all;" ::: "memory");
    y[0] = tile[0];
    y[1] = tile[1];
}
"""


@pytest.mark.parametrize("check", [True, False], ids=["checked", "plain"])
def test_a_copy_of_no_bytes_may_point_where_other_memory_lies(check):
    """As an address far past an array's end does by chance."""
    y = np.ones(2, np.uint32)
    RawModule(code=NO_BYTES, check=check).get_function("no_bytes")((1,), (1,), (y,))
    assert y.tolist() == [0, 0]


def test_a_warp_is_at_one_instruction(kernel):
    y = np.zeros(32, np.uint32)
    for lanes in (32, 0):
        kernel("apart")((1,), (32,), (y, np.int32(lanes)))
        # Ones in every other column, transposed.
        assert (y.reshape(4, 8) == [0x00010001] * 4 + [0] * 4).all()
    with pytest.raises(BarrierDivergence) as raised:
        kernel("apart")((1,), (32,), (y, np.int32(16)))
    accesses = (raised.value.finding.access, raised.value.finding.other)
    assert {SOURCE.splitlines()[access.line - 1].split("// ")[1] for access in accesses} == {"the one", "the other"}
    with pytest.raises(KernelTrap, match="an instruction of the whole warp in a warp of fewer than 32 threads"):
        kernel("apart")((1,), (20,), (y, np.int32(32)))


def test_operands_are_the_users_accesses(kernel):
    line = next(i for i, text in enumerate(SOURCE.splitlines(), 1) if text.endswith('asm("add.u32 %0, %1, %2;"'))
    with (
        simulator.checked(),
        pytest.raises(OutOfBounds, match=rf"<code>:{line}: out-of-bounds read in beyond: .* 'const unsigned\* x'"),
    ):
        kernel("beyond")((1,), (1,), (np.zeros(1, np.uint32), np.zeros(1, np.uint32)))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('asm("mov.u32 %0, 1;" : "=r"(x));', 'an operand "r" must be an integer of 32 bits'),
        ('float f; asm("mov.f32 %0, %1;" : "=f"(f) : "f"(x));', 'an operand "f" must be a float'),
        ('asm("cp.async.cg.shared.global [%0], [%1], 8;" :: "r"(1), "l"(&x));', "cp.async.cg copies 16"),
    ],
)
def test_an_operand_of_another_type(statement, said):
    code = f'extern "C" __global__ void k(short x) {{\n{statement}\n}}'
    with pytest.raises(CompileError) as raised:
        RawModule(code=code).get_function("k")
    assert said in str(raised.value)
    assert "<code>:2" in str(raised.value)
