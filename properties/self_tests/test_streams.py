"""A standard stream that is closed changes no exit status, and brings up no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

WRONG = f"--impl {Path(__file__).parent / 'planted' / 'swapped_padding.py'}:Conv --dtype float32"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        (f"check b1h1w1i1o1k1p0x1 {WRONG} --law index-sum --database none", 1),
        (f"explain b1h1w1i1o1k1p0x1 {WRONG}", 1),
        (f"certify b1h2w2i1o1k1 {WRONG}", 0),
    ],
)
def test_a_closed_stream_changes_nothing(command, status, closed):
    line = f"{sys.executable} -m refconv {command} {closed}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (status, False)
