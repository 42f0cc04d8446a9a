"""Compiles CUDA C with the NVRTC of this environment, for any architecture it knows, without a GPU or a driver.

``compile_ours`` takes our kernels, ``compile_file`` anyone's; both give PTX, machine code, the log, and what each
kernel takes: registers, spills, shared memory, and from these the occupancy. Warnings are errors: what one version
warns of, the next one often refuses.

NVRTC comes in wheels, and its binding is NVIDIA's own, cuda-bindings, which has a release for every CUDA line back to
11.8: `refconv[nvrtc]` installs the newest of both. CuPy's binding would do as well, but it comes with all of CuPy, and
``RawModule.compile`` wants a driver.
"""

from refconv_cuda.nvrtc.compile import OPTIONS, Compiled, CompileError, compile_file, compile_ours
from refconv_cuda.nvrtc.library import INSTALL, NvrtcMissing, architectures, headers, release, unavailable, version
from refconv_cuda.nvrtc.log import Diagnostic, Resources
from refconv_cuda.nvrtc.occupancy import Occupancy

__all__ = [
    "INSTALL",
    "OPTIONS",
    "CompileError",
    "Compiled",
    "Diagnostic",
    "NvrtcMissing",
    "Occupancy",
    "Resources",
    "architectures",
    "compile_file",
    "compile_ours",
    "headers",
    "release",
    "unavailable",
    "version",
]
