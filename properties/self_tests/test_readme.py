"""The README alone is enough: its examples are run as a new user would, its transcripts are what the commands print."""

import re
from pathlib import Path

import pages
import pytest

from refconv_cuda import nvrtc

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRANSCRIPTS = pages.transcripts(README)
FEW = ("--examples", "5", "--seed", "1", "--jobs", "1")
NUMPY, CUDA = pages.blocks(README, "python")
SLIPS = {
    "the other axis's stride": lambda code: swapped(code, "s_h", "s_w"),
    "the other axis's dilation": lambda code: swapped(code, "d_h", "d_w"),
}
KERNEL_SLIPS = {
    "a column past the end": lambda code: code.replace("v >= p.width", "v > p.width"),
    "groups forgotten": lambda code: code.replace("+ first + q]", "+ q]"),
}


def swapped(code, a, b):
    """Each in the other's place, save in the line that unpacks both from the problem."""
    names = {a: b, b: a}
    unpacked, rest = re.match(r"(.* = problem\.stride.*?\n)(.*)", code, re.DOTALL).groups()
    return unpacked + re.sub(rf"\b({a}|{b})\b", lambda found: names[found[0]], rest)


def check(refconv, folder, files, *arguments):
    for name, text in files.items():
        (folder / name).write_text(text)
    return refconv("check", "--impl", "my_conv.py:conv", *FEW, *arguments, cwd=folder)


def test_the_first_example_holds(refconv, tmp_path):
    ran = check(refconv, tmp_path, {"my_conv.py": NUMPY})
    assert ran.status == 0, ran.out + ran.err
    assert "held: all" in ran.out


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_first_example_is_found(refconv, tmp_path, slip):
    wrong = SLIPS[slip](NUMPY)
    assert wrong != NUMPY
    ran = check(
        refconv, tmp_path, {"my_conv.py": wrong}, "--law", "index-sum", "--dtype", "float32", "--examples", "50"
    )
    assert ran.status == 1, ran.out + ran.err


def kernel():
    [code] = pages.blocks(README, "cuda")
    return code


def test_the_second_example_holds(refconv, tmp_path):
    ran = check(refconv, tmp_path, {"my_conv.py": CUDA, "my_conv.cu": kernel()})
    assert ran.status == 0, ran.out + ran.err
    assert "held: all" in ran.out


@pytest.mark.parametrize("slip", KERNEL_SLIPS)
def test_a_slip_in_the_kernel_is_found(refconv, tmp_path, slip):
    wrong = KERNEL_SLIPS[slip](kernel())
    assert wrong != kernel()
    files = {"my_conv.py": CUDA, "my_conv.cu": wrong}
    ran = check(refconv, tmp_path, files, "--law", "index-sum", "--examples", "50")
    assert ran.status == 1, ran.out + ran.err


@pytest.mark.parametrize(("command", "shown"), TRANSCRIPTS, ids=[command for command, _ in TRANSCRIPTS])
def test_the_transcript_is_what_the_command_prints(refconv, command, shown):
    installed, _, command = command.rpartition(" && ")
    if "refconv[nvrtc]" in installed and nvrtc.unavailable():
        pytest.skip(nvrtc.unavailable())
    pages.assert_true(command, shown, refconv, ROOT)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a b\nc\n", "a b c\n", True),
        ("a b\n", "a b c\n", False),
        ("a\n...\n", "a b\nc\n", True),
        ("a\n...\nc\n", "a b\nc\n", True),
        ("a\n...\nc\n", "a b\ncc\n", False),
        ("...\nb c\n", "a\nb c\n", True),
        ("1\n", "12\n", False),
    ],
)
def test_what_agrees_with_a_transcript(shown, printed, same):
    assert pages.agrees(shown, printed) == same


def test_the_table_of_laws_is_the_catalogue(refconv):
    table = README.partition("| law | statement |\n|---|---|\n")[2].partition("\n\n")[0]
    names = re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)
    printed = refconv("laws").out
    assert sorted(names) == sorted(re.findall(r"^(\S+)$", printed, re.MULTILINE))


def test_every_option_exists(refconv):
    shown = "\n".join(pages.blocks(README, "sh") + [command for command, _ in TRANSCRIPTS])
    named = {option for line in shown.split("\n") for option in re.findall(r"refconv \w+ .*", line)}
    of = {}
    for line in named:
        command, arguments = re.match(r"refconv (\w+) ([^#]*)", line).groups()
        of.setdefault(command, set()).update(re.findall(r"(?<!\S)--[a-z-]+", arguments))
    prose = set(re.findall(r"`(?:refconv \w+ )?(--[a-z-]+)", README))
    assert {"check", "sanitize", "certify", "kernels", "explain"} <= of.keys()
    assert {"--json", "--memory", "--picture", "--device"} <= prose
    known = {command: set(re.findall(r"--[a-z-]+", refconv(command, "--help").out)) for command in of}
    assert {command: options - known[command] for command, options in of.items() if options - known[command]} == {}
    assert prose - set.union(*known.values()) == set()
