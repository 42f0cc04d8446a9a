"""What is not simulated is refused at compile time, by name and line; what only looks like it is not."""

import pytest

from refconv_cuda.simulator import CompileError
from refconv_cuda.simulator.refused import refuse

# Each: code whose third line is to be refused, and what the message calls it.
REFUSED = {
    "pipeline and mbarrier": ("__pipeline_arrive_on(&mbarrier);", "__pipeline_arrive_on"),
    "cuda::memcpy_async": ("cuda::memcpy_async(block, tile, x, 64, barrier);", "cuda::memcpy_async"),
    "memcpy_async of an older CUDA": (
        "nvcuda::experimental::memcpy_async(a, b, pipe);",
        "nvcuda::experimental::memcpy_async",
    ),
    "cuda::barrier": ("__shared__ cuda::barrier<cuda::thread_scope_block> bar;", "cuda::barrier"),
    "cuda::pipeline": ("auto pipe = cuda::make_pipeline(); cuda::pipeline<> p;", "cuda::pipeline"),
    "tensor map": ("const __grid_constant__ CUtensorMap map", "TMA (CUtensorMap)"),
    "bulk copy": ("cde::cp_async_bulk_tensor_2d_global_to_shared(&tile, &map, x, y, bar);", "TMA (cde::cp_async_bulk"),
    "cluster dimensions": ("__global__ void __cluster_dims__(2, 1, 1) k() {}", "a cluster (__cluster_dims__)"),
    "cluster group": ("auto cluster = cg::this_cluster();", "a cluster (cg::this_cluster)"),
    "grid group": ("cg::grid_group grid = cooperative_groups::this_grid();", "a grid group (cg::grid_group)"),
    "launch": ("child<<<1, 32>>>(x);", "dynamic parallelism"),
    "texture reference": ("texture<float, 2, cudaReadModeElementType> image;", "a texture or surface (texture)"),
    "texture object": ("__global__ void k(cudaTextureObject_t image) {}", "cudaTextureObject_t"),
    "fetch": ("float v = tex2D<float>(image, u, w);", "tex2D"),
    "layered fetch": ("v = tex1DLayered(image, u, 0);", "tex1DLayered"),
    "surface write": ("surf2Dwrite(v, image, 4 * u, w);", "surf2Dwrite"),
    "header": ("#include <cuda/barrier>", "<cuda/barrier>"),
    "header in quotes": ('#  include "cuda/pipeline"', "<cuda/pipeline>"),
}

ACCEPTED = {
    "line comment": '// asm("nop;") and x<<<1, 2>>>()',
    "block comment": "/* tex2D(a, b)\n   this_grid() */ int x;",
    "string": 'const char* s = "asm(\\"nop\\") <<< cuda::barrier";',
    "raw string": 'const char* s = R"(asm("nop;") "<<<")";',
    "raw string with a mark": 'const char* s = R"ptx(asm(")") <<<)ptx";',
    "character": "char c = '\"'; char d = '\\''; int e;",
    "digit separators": "int million = 1'000'000; int n = 2'0;",
    "names that contain words": "int my_asm(int texture, int tex2D_offset) { return texture < 3; } float asmx;",
    "shifts and templates": "A<B<C<int>>> a; x = y << 3; z <<= 2;",
    "launch bounds": "__global__ void __launch_bounds__(256, 2) k() {}",
    "copies": "__pipeline_memcpy_async(&tile[i], &x[i], 16); __pipeline_commit(); __pipeline_wait_prior(0);",
    "copies of groups": "#include <cooperative_groups/memcpy_async.h>\ncg::memcpy_async(b, t, x, 64); cg::wait(b);",
    "copies' headers": "#include <cuda_pipeline.h>\n#include <cuda_pipeline_primitives.h>",
    "other includes": "#include <cuda_fp16.h>\n#include <mma.h>\n#include <cooperative_groups.h>",
    "block groups": "auto b = cg::this_thread_block(); auto t = cg::tiled_partition<32>(b); grid.x = gridDim.x;",
    "async words": "bool async = true; int pipeline, barrier; memcpy(a, b, 3);",
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code):
    text, name = REFUSED[code]
    with pytest.raises(CompileError) as raised:
        refuse(f"int before; // asm(\n/* <<< */ int also;\n{text}\nint after;\n", "my.cu")
    message = str(raised.value)
    assert message.startswith("my.cu:3: "), message
    assert f"{name}" in message.split(" is not simulated: ")[0]
    assert message.split(" is not simulated: ")[1]


@pytest.mark.parametrize("code", ACCEPTED)
def test_accepted(code):
    refuse(f"{ACCEPTED[code]}\n", "my.cu")


def test_the_first_is_named():
    with pytest.raises(CompileError, match=r"^k\.cu:2: a grid group"):
        refuse('\nthis_grid();\nasm("nop;");\n', "k.cu")


def test_our_own_kernels_are_accepted():
    from refconv_cuda.device import KERNELS

    files = [path for path in KERNELS.iterdir() if path.suffix in (".cu", ".cuh")]
    assert files
    for path in files:
        refuse(path.read_text(), path.name)


def test_a_long_file_takes_no_time():
    refuse("float x = 1.0f; // tex2D\n" * 10_000 + '"' + "a" * 100_000, "my.cu")
    with pytest.raises(CompileError, match=":20001:"):
        refuse("int x;\n" * 20_000 + "f<<<1, 1>>>();", "my.cu")
