"""What needs a GPU: the laws on our kernels there, and the right twins of the sanitizer's corpus.

``tox run -e gpu`` runs this. Where there is no GPU it says that nothing ran on one, and why.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refconv_cuda import cupy_wheels

REASON = cupy_wheels.unavailable()
# Each test by itself, and not the module: pytest's exit status where nothing is collected is a failure's.
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"NOTHING RAN ON A GPU: {REASON}")


def _corpus():
    """The module that reads the corpus; tests are no package, so it is found by its file."""
    path = Path(__file__).parents[1] / "test_corpus.py"
    spec = importlib.util.spec_from_file_location("refconv_corpus", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


corpus = _corpus()
# Its right twin recurses as deep as the simulator's stack allows, which no GPU's does unasked.
NOT_HERE = {"endless_recursion"}


def test_every_law_holds():
    start = (sys.executable, "-c", "from refconv.cli import main; raise SystemExit(main())")
    command = [*start, "check", "--device", "gpu", "--profile", "ci", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "pair", [pair for pair in corpus.PAIRS if pair.name not in NOT_HERE], ids=lambda pair: f"{pair.tool}/{pair.name}"
)
def test_the_right_twin_computes_what_its_header_says(pair):
    import cupy

    module = cupy.RawModule(
        code=pair.text,
        options=("-std=c++17",),
        name_expressions=(pair.kernel,) if "<" in pair.kernel else None,
    )
    before, arguments = {}, {}
    for argument in pair.arguments:
        value = corpus.value_of(argument)
        before[argument["name"]] = None if value is None else np.array(value)
        if value is None:
            arguments[argument["name"]] = np.uintp(0)  # a null pointer
        else:
            arguments[argument["name"]] = cupy.asarray(np.array(value)) if np.ndim(value) else np.asarray(value)[()]
    kernel = module.get_function(pair.kernel)
    kernel(pair.grid, pair.block, tuple(arguments.values()), shared_mem=pair.shared)
    cupy.cuda.Device().synchronize()
    for name, expression in pair.results.items():
        expected = eval(expression, {"np": np, **before})
        assert np.array_equal(cupy.asnumpy(arguments[name]), expected), name
