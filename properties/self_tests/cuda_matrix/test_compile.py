"""The NVRTC of this environment, whichever it is: what it compiles, and what it says of faults planted in a kernel.

The tox environments of the CUDA lines run this, each with its own NVRTC; no GPU and no driver is needed.
"""

import re

import pytest

from refconv import cli
from refconv_cuda import instances, nvrtc
from refconv_cuda.device import KERNELS
from refconv_cuda.kernel_report import sass
from refconv_cuda.nvrtc.occupancy import LIMITS, capability

if reason := nvrtc.unavailable():
    pytest.skip(reason, allow_module_level=True)

VERSION = nvrtc.version()
ARCHITECTURES = nvrtc.architectures()
OLDEST, NEWEST = ARCHITECTURES[0], ARCHITECTURES[-1]
INSTANCE = "im2col<float>"
PIXEL = "long long pixel = input_pixel(p, output, tap);"  # a line of im2col.cu


def planted(folder, line):
    """im2col.cu with ``line`` in place of the one that finds the pixel: the file, and the number of that line."""
    text = (KERNELS / "im2col.cu").read_text()
    assert text.count(PIXEL) == 1
    path = folder / "planted.cu"
    path.write_text(text.replace(PIXEL, line))
    return path, text[: text.index(PIXEL)].count("\n") + 1


def compile_planted(path, architecture, standard="c++14"):
    options = (f"-std={standard}", f"-I{KERNELS}")
    return nvrtc.compile_file(path, architecture, names=[INSTANCE], options=options)


def assert_refused(path, line, architecture, words, standard="c++14"):
    with pytest.raises(nvrtc.CompileError) as caught:
        compile_planted(path, architecture, standard)
    found = [each for each in caught.value.diagnostics if each.file == str(path)]
    assert {each.line for each in found} == {line}, caught.value
    assert any(words in each.text for each in found), caught.value
    assert f"{path}({line}): " in str(caught.value)


def test_machine_code_and_ptx():
    compiled = nvrtc.compile_ours("im2col.cu", OLDEST)
    assert compiled.version == VERSION
    assert compiled.cubin[:4] == b"\x7fELF"
    assert f".target {OLDEST}" in compiled.ptx
    assert set(compiled.kernels) == {instance.name for instance in instances.of_file("im2col.cu")}
    assert all(16 <= taken.registers <= 255 for taken in compiled.kernels.values())
    assert "registers" in compiled.log


def test_ptx_alone():
    compiled = nvrtc.compile_ours("im2col.cu", OLDEST.replace("sm_", "compute_"))
    assert ".visible .entry" in compiled.ptx or ".entry" in compiled.ptx
    assert compiled.cubin is None
    assert compiled.kernels == {}


def test_shared_memory_is_that_of_the_tile():
    compiled = nvrtc.compile_ours("implicit_gemm_forward.cu", NEWEST)
    assert compiled.kernels["implicit_gemm_forward<float, 16, 16, 8, 2, 2>"].shared == 2 * 8 * 17 * 4
    assert compiled.kernels["implicit_gemm_forward<double, 64, 64, 16, 4, 4>"].shared == 2 * 16 * 65 * 8


def test_a_file_of_anyones(tmp_path):
    path = tmp_path / "half.cu"
    path.write_text('#include <cuda_fp16.h>\nextern "C" __global__ void one(__half* x) { *x = __float2half(1.0f); }\n')
    assert set(nvrtc.compile_file(path, NEWEST).kernels) == {"one"}


def test_every_architecture_is_known_to_the_occupancy():
    assert [name for name in ARCHITECTURES if capability(name) not in LIMITS] == []


def test_a_slip_that_only_11_8_refuses_has_its_line(tmp_path):
    # Designated initialisers are C++20, which NVRTC reads from 12.0 on.
    path, line = planted(tmp_path, PIXEL.replace("tap)", "Tap{.m = tap.m, .n = tap.n, .channel = tap.channel})"))
    if VERSION < (12, 0):
        assert_refused(path, line, OLDEST, "expected an expression", "c++20")
    else:
        assert compile_planted(path, OLDEST, "c++20").kernels.keys() == {INSTANCE}


def test_without_a_standard_11_8_reads_c_of_1998():
    # So the launcher says which it means. Later versions take C++17 for granted.
    def compile_plain():
        return nvrtc.compile_file(KERNELS / "im2col.cu", OLDEST, names=[INSTANCE], options=())

    if VERSION >= (12, 0):
        assert compile_plain().kernels.keys() == {INSTANCE}
        return
    with pytest.raises(nvrtc.CompileError) as caught:
        compile_plain()
    errors = [each for each in caught.value.diagnostics if each.kind == "error"]
    lines = (KERNELS / "problem.cuh").read_text().splitlines()
    assert {each.file for each in errors} == {str(KERNELS / "problem.cuh")}
    assert all(lines[each.line - 1].strip().startswith("return {") for each in errors)


def test_a_word_that_11_8_does_not_know_has_its_line(tmp_path):
    # The DPX functions came with 12.0, in all language modes and for all architectures.
    path, line = planted(tmp_path, PIXEL + " pixel = __vimin3_s32(static_cast<int>(pixel), 1 << 30, 1 << 30);")
    if VERSION < (12, 0):
        assert_refused(path, line, OLDEST, '"__vimin3_s32" is undefined')
    else:
        assert compile_planted(path, OLDEST).kernels.keys() == {INSTANCE}


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name[-1].isdigit()])
def test_a_word_that_only_sm_90_has_has_its_line_elsewhere(tmp_path, architecture):
    path, line = planted(tmp_path, PIXEL + " if (__clusterGridDimInClusters().x == 0) continue;")
    if capability(architecture) < 90:
        assert_refused(path, line, architecture, "__clusterGridDimInClusters")
    else:
        assert compile_planted(path, architecture).kernels.keys() == {INSTANCE}


def test_an_instruction_that_only_sm_90_has_has_its_line_elsewhere(tmp_path):
    # The compiler passes inline PTX on unread, and ptxas names a line of the PTX.
    path, line = planted(tmp_path, PIXEL + ' asm volatile("barrier.cluster.arrive.aligned;");')
    assert_refused(path, line, "sm_80", "requires .target sm_90 or higher")
    assert compile_planted(path, "sm_90").kernels.keys() == {INSTANCE}


def test_a_warning_is_an_error(tmp_path):
    path, line = planted(tmp_path, PIXEL + " int unused;")
    assert_refused(path, line, NEWEST, '"unused" was declared but never referenced')


def test_more_shared_memory_than_a_block_has_is_refused(tmp_path):
    # 12.4's ptxas says nothing.
    path = tmp_path / "shared.cu"
    path.write_text(
        'extern "C" __global__ void f(int* x) {\n    __shared__ int s[20000];\n    s[threadIdx.x] = *x;\n'
        "    __syncthreads();\n    *x = s[3];\n}\n"
    )
    with pytest.raises(nvrtc.CompileError, match="shared"):
        nvrtc.compile_file(path, "sm_80")


def test_an_architecture_that_it_does_not_know_is_refused():
    with pytest.raises(nvrtc.CompileError, match="invalid value for --gpu-architecture"):
        nvrtc.compile_ours("im2col.cu", "sm_99")


def command(path, *arguments):
    """``refconv kernels`` on a planted file, for the newest architecture."""
    instance = ["--name", INSTANCE, f"--option=-I{KERNELS}", "--arch", NEWEST, "--jobs", "1"]
    return cli.main(["kernels", str(path), *instance, *map(str, arguments)])


def test_the_command_says_the_line_too(tmp_path, capsys):
    path, line = planted(tmp_path, PIXEL + " undeclared();")
    assert command(path) == 1
    assert f"planted.cu({line}): error: " in capsys.readouterr().out
    planted(tmp_path, PIXEL)
    assert command(path) == 0
    assert re.search(r"\d+ registers, no spills, 0 bytes shared, occupancy \d", capsys.readouterr().out)


def test_dynamic_shared_memory_counts(tmp_path, capsys):
    path, _ = planted(tmp_path, PIXEL)
    assert command(path, "--shared", 40000, "--threads", 64) == 0
    assert re.search(r"40000 bytes shared, occupancy \S+ \(\d+ blocks?, by shared memory\)", capsys.readouterr().out)


def test_a_file_of_templates_needs_a_name(capsys):
    path = KERNELS / "im2col.cu"
    assert cli.main(["kernels", str(path), "--arch", NEWEST, "--jobs", "1"]) == 2
    assert f"{path} has no kernel but templates: --name" in capsys.readouterr().err


def test_a_name_that_is_none_is_refused(tmp_path, capsys):
    path, _ = planted(tmp_path, PIXEL)
    assert command(path, "--name", "im3col<float>") == 1
    assert 'identifier "im3col" is undefined' in capsys.readouterr().out


def test_a_kernel_that_begins_to_spill_fails(tmp_path, capsys):
    # 64 sums that live through the loop.
    path, before = tmp_path / "sums.cu", tmp_path / "before.json"
    path.write_text(
        'extern "C" __global__ void sums(const float* x, float* y, int n) {\n    float s[64] = {};\n'
        "    for (int i = 0; i < n; i++) {\n#pragma unroll\n    for (int j = 0; j < 64; ++j) s[j] += x[i * j + j];\n"
        "    }\n#pragma unroll\n    for (int j = 0; j < 64; ++j) y[threadIdx.x * 64 + j] = s[j];\n}\n"
    )
    arguments = ["kernels", str(path), "--arch", NEWEST, "--jobs", "1"]
    assert cli.main([*arguments, "--json", str(before)]) == 0
    assert cli.main([*arguments, "--compare", str(before), "--option=--maxrregcount=32"]) == 1
    assert re.search(r"worse: sums spills \d+ bytes a thread, where it spilled 0", capsys.readouterr().out)


def test_what_has_become_worse_fails(tmp_path, capsys):
    path, _ = planted(tmp_path, PIXEL)
    before = tmp_path / "before.json"
    assert command(path, "--json", before) == 0
    assert command(path, "--compare", before) == 0
    capsys.readouterr()

    pad = " __shared__ volatile int pad[10000]; pad[threadIdx.x] = 1;"
    planted(tmp_path, PIXEL + pad)
    assert command(path, "--compare", before) == 1
    said = capsys.readouterr().out
    assert re.search(r"worse: im2col<float> occupancy \S+ -> \S+, .*shared memory 0 -> 40000 bytes", said), said

    _, line = planted(tmp_path, PIXEL + " undeclared();")
    assert command(path, "--compare", before) == 1
    said = capsys.readouterr().out
    assert re.search(rf"worse: im2col<float> does not compile: .*planted\.cu\({line}\): error: ", said), said


@pytest.mark.skipif(sass.disassembler() is None, reason="there is no nvdisasm here")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_the_main_loop_multiplies_what_the_tile_says(architecture):
    # A slice of 16 terms, for a thread's patch of 4 x 4.
    compiled = nvrtc.compile_ours("implicit_gemm_forward.cu", architecture)
    symbol = compiled.mangled["implicit_gemm_forward<float, 64, 64, 16, 4, 4>"]
    loop = sass.main_loop(sass.disassemble(compiled.cubin, sass.disassembler())[symbol])
    assert [each.opcode for each in loop].count("FFMA") == 16 * 4 * 4
