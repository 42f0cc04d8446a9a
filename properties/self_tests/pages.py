"""What a page shows, as its reader meets it: its blocks of code, and its transcripts, which are run."""

import re
import shlex
import subprocess

import pytest

SEEDS = 8  # a search without `--seed` may end in another small problem: one of so many must end in the page's


def blocks(text, language):
    """The blocks of code in ``language``, in the page's order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def transcripts(text):
    """Each command after a ``$`` of a ``console`` block, with the lines shown below it."""
    shown = "".join(blocks(text, "console"))
    return [tuple(part.split("\n", 1)) for part in re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]]


def agrees(shown, printed):
    """Whether it is what a command printed, but for where lines are wrapped; a line ``...`` stands for any words."""
    lines = shown.splitlines()
    words = [
        r"(?:\S+ )*" if line == "..." else "".join(f"{re.escape(word)} " for word in line.split()) for line in lines
    ]
    return re.fullmatch("".join(words), "".join(f"{word} " for word in printed.split())) is not None


def assert_true(command, shown, refconv, folder):
    """Runs the command of a transcript in ``folder``. ``refconv``: the fixture of that name; also runs ``diff``."""
    program, *arguments = shlex.split(command)
    if program == "diff":
        done = subprocess.run(["diff", *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert agrees(shown, done.stdout), done.stdout + done.stderr
        return
    assert program == "refconv", f"{command}: a page's commands are refconv and diff"
    given = any(word == "--seed" or re.match(r"b\d+h", word) for word in arguments)
    searches = arguments[0] == "check" and not given
    for seed in range(SEEDS if searches else 1):
        ran = refconv(*arguments, *(("--seed", str(seed)) if searches else ()), cwd=folder)
        if agrees(shown, ran.out):
            return
    pytest.fail(f"$ {command}\n{ran.out}{ran.err}\nis not what the page shows:\n{shown}")
