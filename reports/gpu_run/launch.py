"""Launches kernels of the sanitizer's corpus, right or faulty, one after another, and says what became of each.

    python -m gpu_run.launch gpu|simulator right|faulty TOOL/NAME...

On a GPU this is what runs under compute-sanitizer. Prints a line of JSON for each kernel, ``{"kernel":
"memcheck/row_overflow", "outcome": "right"}``; one that has cost it the GPU is the last. The outcome is also ``wrong:
...`` for a result that is not the header's, ``raised: ...``, ``nothing`` where a faulty kernel came to its end, and on
the simulator ``found: ...``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import corpus_files
import numpy as np
from corpus_files import Pair

from refconv_cuda import faults

Launch = Callable[[Pair, bool], tuple[Mapping[str, Any], Mapping[str, Any]]]
STATIC_SHARED = 48 * 1024  # bytes; more must be asked for


def on_gpu() -> Launch:
    """A launch through CuPy; returns the arguments before and after it, by name."""
    import cupy

    # From a pool, an array would lie in the middle of a larger piece of memory, and have room behind its end.
    cupy.cuda.set_allocator(None)
    cupy.cuda.set_pinned_memory_allocator(None)

    # For <cooperative_groups.h>, which wants <nv/target>: since CUDA 13 that has a folder of its own.
    home = Path(cupy.cuda.get_cuda_path() or "/usr/local/cuda", "include")
    options = ("-std=c++17", "-lineinfo", f"-I{home}", f"-I{home / 'cccl'}")

    def launch(pair: Pair, faulty: bool) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        module = cupy.RawModule(
            code=f'#line 1 "{pair.name}.cu"\n{pair.text}',
            options=(*options, *(("-DFAULTY",) if faulty else ())),
            name_expressions=(pair.kernel,),  # no kernel here is extern "C": only so CuPy knows it by this name
        )
        kernel = module.get_function(pair.kernel)
        if pair.shared > STATIC_SHARED:
            kernel.max_dynamic_shared_size_bytes = pair.shared
        given = {
            argument["name"]: corpus_files.value_of(argument, empty=lambda *shape_and_dtype: shape_and_dtype)
            for argument in pair.arguments
        }
        arguments: dict[str, Any] = {}
        for name, value in given.items():
            if value is None:
                arguments[name] = np.uintp(0)  # a null pointer
            elif isinstance(value, tuple):
                arguments[name] = cupy.empty(*value)
            else:
                arguments[name] = cupy.asarray(value) if value.ndim else value[()]
        kernel(pair.grid, pair.block, tuple(arguments.values()), shared_mem=pair.shared)
        cupy.cuda.runtime.deviceSynchronize()
        before = {name: value for name, value in given.items() if not isinstance(value, tuple)}
        # Nothing else is copied back: initcheck would report what the kernel need not have written.
        return before, {name: cupy.asnumpy(arguments[name]) for name in pair.results if not faulty}

    return launch


def on_simulator() -> Launch:
    """The same on the simulator, every access checked."""
    from refconv_cuda.simulator import RawModule

    def launch(pair: Pair, faulty: bool) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        module = RawModule(
            code=f'#line 1 "{pair.name}.cu"\n{pair.text}',
            options=("-DFAULTY",) if faulty else (),
            name_expressions=(pair.kernel,) if "<" in pair.kernel else (),
            check=True,
            step_budget=corpus_files.STEP_BUDGET,
        )
        arguments = {argument["name"]: corpus_files.value_of(argument) for argument in pair.arguments}
        before = {name: None if value is None else np.array(value) for name, value in arguments.items()}
        scalars = [value if value is None or value.ndim else value[()] for value in arguments.values()]
        module.get_function(pair.kernel)(pair.grid, pair.block, tuple(scalars), shared_mem=pair.shared)
        return before, arguments

    return launch


def outcome(pair: Pair, launch: Launch, faulty: bool) -> str:
    """What became of one launch, in a few words."""
    try:
        before, after = launch(pair, faulty)
    except Exception as error:
        finding = getattr(error, "finding", None)
        if finding is None:
            return f"raised: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return f"found: {finding.kind}" + (f", {pair.name}.cu:{finding.line}" if finding.line else "")
    if faulty:
        return "nothing"
    for name, expression in pair.results.items():
        expected = eval(expression, {"np": np, **before})
        if not np.array_equal(after[name], expected):
            return f"wrong: {name} is not {expression}"
    return "right"


def main() -> int:
    """Runs the command; the status is 0 whatever became of the kernels."""
    device, kind, *names = sys.argv[1:]
    pairs = {f"{pair.tool}/{pair.name}": pair for pair in corpus_files.PAIRS}
    launch = on_gpu() if device == "gpu" else on_simulator()
    for name in names:
        told = outcome(pairs[name], launch, kind == "faulty")
        print(json.dumps({"kernel": name, "outcome": told}), flush=True)
        if device == "gpu" and told.startswith("raised") and faults.lost():
            break  # the next one would be blamed for it
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
