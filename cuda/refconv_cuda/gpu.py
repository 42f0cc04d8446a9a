"""The GPU as a device, through CuPy, which is imported when a GPU is first asked for."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda import cuda_headers
from refconv_cuda.compiling import compiling
from refconv_cuda.device import KERNELS, VECTOR_BYTES, Array, DeviceMissing, Kernel, address
from refconv_cuda.simulator import schedule

BFLOAT16_SINCE = 14


class Gpu:
    """CuPy arrays and ``RawModule``; matrix products are cuBLAS's.

    poison: fill fresh memory as the simulator does, so that an element that is never written shows. Benchmarks
    turn it off.
    """

    name = "gpu"

    def __init__(self, *, poison: bool = True) -> None:
        import cupy

        self._cupy = cupy
        self._poison = poison
        self._without_wmma = ""

    @property
    def architecture(self) -> int | None:
        return int(self._cupy.cuda.Device().compute_capability)

    def lacks(self, dtype: str) -> str | None:
        """CuPy has bfloat16 from version 14 on (https://docs.cupy.dev/en/stable/upgrade.html)."""
        version = self._cupy.__version__
        if dtype == "bfloat16" and int(version.partition(".")[0]) < BFLOAT16_SINCE:
            return f"CuPy {version} is here, but bfloat16 arrays need CuPy {BFLOAT16_SINCE} or later"
        return None

    def holds(self, array: object) -> bool:
        return isinstance(array, self._cupy.ndarray)

    def to_device(self, array: Array) -> Array:
        there = self._cupy.ascontiguousarray(self._cupy.asarray(array))
        # A view may begin anywhere, and a copy begins where memory was allocated.
        return there if address(there) % VECTOR_BYTES == 0 else there.copy()

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        array = self._cupy.empty(shape, dtype)
        if self._poison:
            halves = array.reshape(-1).view(np.uint16)
            poison = schedule.current().poison
            halves[0::2], halves[1::2] = poison % 2**16, poison // 2**16
        return array

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        return np.asarray(self._cupy.asnumpy(array))

    def matmul(self, a: Array, b: Array) -> Array:
        return self._cupy.matmul(a, b)

    @functools.cache  # noqa: B019 (there is one GPU device, and it lives as long as the process)
    def kernel(self, file: str, name: str) -> Kernel:
        arguments = raw_module_arguments(file, name)
        wmma = includes(file, "mma.h")
        if wmma:
            arguments["options"] += self._wmma_options()
        try:
            with compiling():
                return self._cupy.RawModule(**arguments).get_function(name)  # type: ignore[no-any-return]
        except Exception as error:  # CuPy's own, of what NVRTC says
            if not wmma or not re.search(r'open source file ".*mma\.h', str(error)):
                raise
            major, _ = self._cupy.cuda.nvrtc.getVersion()
            self._without_wmma = f"wmma's headers, mma.h and crt/mma.h, are not here: {cuda_headers.install(major)}"
            raise DeviceMissing(self._without_wmma) from None

    def _wmma_options(self) -> tuple[str, ...]:
        """Where wmma's headers are, if they are found. Raises `DeviceMissing` where a kernel could not be compiled."""
        if self._without_wmma:
            raise DeviceMissing(self._without_wmma)
        major, _ = self._cupy.cuda.nvrtc.getVersion()
        return tuple(f"-I{folder}" for folder in cuda_headers.of_wmma(major))


def includes(file: str, header: str) -> bool:
    """Whether a kernel file of ours includes a header of CUDA's, itself or through another one of ours."""
    text = (KERNELS / file).read_text()
    ours = re.findall(r'^#include "(.*)"', text, re.MULTILINE)
    return f"#include <{header}>" in text or any(includes(other, header) for other in ours)


def raw_module_arguments(file: str, name: str) -> dict[str, Any]:
    """What ``cupy.RawModule`` is called with for a kernel of ours.

    CuPy's own cache looks at the code and the options, not at the files that the code includes, so their digest
    rides along as a macro that nobody reads. ``#line`` lets the compiler name the real file.
    """
    path = KERNELS / file
    headers = hashlib.sha256(b"".join(header.read_bytes() for header in sorted(KERNELS.glob("*.cuh")))).hexdigest()
    return {
        "code": f'#line 1 "{path}"\n{path.read_text()}',
        "options": ("-std=c++14", f"-I{KERNELS}", f"-DREFCONV_HEADERS=0x{headers[:8]}"),
        "name_expressions": (name,),
    }
