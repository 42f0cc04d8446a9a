"""``refconv kernels`` without a compiler: what reports keep, what counts as worse, the tables, the exit status."""

import json
from dataclasses import replace

import pytest

from refconv_cuda import kernel_figures, kernel_report, kernel_survey, kernel_tables, nvrtc
from refconv_cuda.diagnostics import Diagnostic
from refconv_cuda.instances import INSTANCES
from refconv_cuda.kernel_comparison import compare
from refconv_cuda.kernel_figures import Figures, KernelFigures, Report
from refconv_cuda.kernel_spills import explained
from refconv_cuda.resources import Resources

GOOD = Figures(registers=64, shared=2176, blocks=16, occupancy=0.5, limit="registers", loop={"float": 32, "integer": 8})
# What ptxas 12.9 makes of implicit_gemm_grad_input<double, 16, 16, 8, 2, 2> for sm_80.
TRADE = replace(GOOD, spill_stores=16, spill_loads=16)
BROKEN = Figures(error='/k/im2col.cu(12): error: identifier "f" is undefined')


def report(on, nvrtc_release="12.9.86", name="k<float>", architectures=None):
    kernels = {name: KernelFigures("k.cu", 64, dict(on))}
    return Report(nvrtc_release, tuple(architectures or on), kernels)


# -- what is kept -----------------------------------------------------------------------------------


def test_a_report_survives_its_file(tmp_path):
    original = report({"sm_75": GOOD, "sm_80": TRADE, "sm_86": GOOD, "sm_90": BROKEN})
    path = tmp_path / "new" / "report.json"
    original.write(path)
    assert kernel_figures.read(path) == original
    on = json.loads(path.read_text())["kernels"]["k<float>"]["on"]
    assert on["sm_86"] == "sm_75"  # the same figures are written once
    assert on["sm_80"]["spill_stores"] == 16


def test_a_report_is_written_alike_each_time(tmp_path):
    for name in "ab":
        report({"sm_75": GOOD, "sm_80": GOOD}).write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nvrtc": "12.9", "kernels": {"k": {}}}', "null"])
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is no report"):
        kernel_figures.read(path)


def test_a_part_of_a_report():
    part = report({"sm_75": GOOD, "sm_80": TRADE}).only(["sm_80", "sm_999"])
    assert part == report({"sm_80": TRADE})


# -- which spills are right -------------------------------------------------------------------------


def test_a_spill_that_keeps_a_block_is_explained():
    assert explained(GOOD, "sm_80", 64)
    assert explained(TRADE, "sm_80", 64)  # with 68 registers, 14 blocks


def test_other_spills_are_not():
    assert not explained(replace(TRADE, registers=57), "sm_80", 64)  # 61 registers, as many blocks
    assert not explained(replace(TRADE, spill_loads=36), "sm_80", 64)  # more than a step of 8 registers
    assert not explained(TRADE, "sm_999", 64)  # nobody knows
    assert not explained(replace(TRADE, blocks=14), "sm_80", 64)


# -- what is worse ----------------------------------------------------------------------------------


def worse(old, new, **others):
    return compare(report({"sm_80": old}, **others), report({"sm_80": new}, **others)).worse


def test_nothing_is_worse_than_itself():
    same = report({"sm_80": TRADE, "sm_90": BROKEN})
    assert compare(same, same) == compare(report({}), report({}))


def test_a_kernel_that_compiles_no_longer():
    assert worse(GOOD, BROKEN) == (f"k<float> does not compile: {BROKEN.error} on sm_80",)


def test_a_kernel_that_begins_to_spill():
    assert worse(GOOD, TRADE) == ("k<float> spills 16 bytes a thread, where it spilled none on sm_80",)
    [text] = worse(GOOD, replace(GOOD, spill_loads=400))
    assert text == "k<float> spills 400 bytes a thread, where it spilled none, and gains no block by it on sm_80"
    assert worse(TRADE, replace(TRADE, spill_loads=20)) != ()
    assert worse(TRADE, GOOD) == ()


def test_a_kernel_that_loses_occupancy():
    new = replace(GOOD, registers=72, shared=2180, blocks=14, occupancy=0.4375)
    expected = "k<float> occupancy 0.50 -> 0.44, registers 64 -> 72, shared memory 2176 -> 2180 bytes on sm_80"
    assert worse(GOOD, new) == (expected,)
    assert worse(new, GOOD) == ()


def test_what_changes_without_harm_is_noted():
    found = compare(report({"sm_80": GOOD, "sm_86": GOOD}), report({"sm_80": replace(GOOD, registers=60)}, "13.0.88"))
    assert found.worse == ()
    assert found.notes == ("k<float> registers 64 -> 60 on sm_80", "NVRTC compiles no longer on sm_86")
    gone = compare(report({"sm_80": GOOD}), report({"sm_80": GOOD}, name="other"))
    assert gone.worse == ()
    assert gone.notes == ("k<float> is gone", "other is new")
    assert compare(report({"sm_80": BROKEN}), report({"sm_80": GOOD})).notes == ("k<float> compiles again on sm_80",)
    assert compare(report({"sm_80": TRADE}), report({"sm_80": GOOD})).notes == (
        "k<float> spills no bytes a thread, where it spilled 16 on sm_80",
    )


def test_an_architecture_that_nobody_looked_at_is_worse_under_the_same_cuda():
    old = report({"sm_80": GOOD, "sm_86": GOOD})
    assert compare(old, report({"sm_80": GOOD})).worse == ("NVRTC compiles no longer on sm_86",)
    missing = report({"sm_80": GOOD}, architectures=("sm_80", "sm_86"))
    assert compare(old, missing).worse == ("k<float> is missing on sm_86",)


def test_the_same_change_is_said_once():
    old, new = report({"sm_80": GOOD, "sm_90": GOOD}), report({"sm_80": BROKEN, "sm_90": BROKEN})
    assert compare(old, new).worse == (f"k<float> does not compile: {BROKEN.error} on sm_80, sm_90",)


# -- the tables -------------------------------------------------------------------------------------


def test_one_report_in_detail():
    lettered = replace(GOOD, loop=None)  # nobody disassembles those
    lines = "\n".join(
        kernel_tables.detail(report({"sm_80": TRADE, "sm_90": GOOD, "sm_90a": lettered, "sm_75": BROKEN}))
    )
    assert "k<float>, 64 threads a block" in lines
    assert "  sm_80\n    64 registers, spills 16 bytes, 2176 bytes shared, occupancy 0.50" in lines
    assert "  sm_90 90a\n    64 registers, no spills" in lines
    assert "(16 blocks, by registers), main loop of 40 instructions: float 80% integer 20%" in lines
    assert "  sm_75\n    does not compile: /k/im2col.cu(12)" in lines


def test_many_reports_side_by_side():
    old = report({"sm_50": GOOD, "sm_80": TRADE}, "11.8.89")
    new = report({"sm_80": GOOD, "sm_100": BROKEN}, "13.5.37")
    lines = [" ".join(line.split()) for line in kernel_tables.side_by_side([old, new])]
    assert "k<float> 11.8 13.5" in lines
    assert "sm_50 64 -" in lines
    assert "sm_80 64+16 64" in lines
    assert "sm_100 - FAILS" in lines
    assert "CUDA 11.8 (NVRTC 11.8.89): 1 kernels on 2 architectures: 2 of 2 ok, 1 spill, at most 16 bytes" in lines
    assert f"CUDA 13.5: sm_100: k<float> does not compile: {BROKEN.error}" in lines


def test_explained_spills_are_no_fault_and_others_are():
    assert kernel_tables.faults(report({"sm_80": TRADE})) == []
    assert "no fault" in list(kernel_tables.totals([report({"sm_80": TRADE})]))[-1]
    bad = report({"sm_80": replace(TRADE, spill_loads=400)})
    assert kernel_tables.faults(bad) == ["sm_80: k<float> spills 400 bytes and gains no block by it"]


# -- the command ------------------------------------------------------------------------------------


@pytest.fixture
def compiler(monkeypatch):
    """Stands for NVRTC 12.9: every kernel takes what ``takes`` says; ``fails`` names the files that it refuses."""

    class Compiler:
        takes = Resources(registers=64)
        fails = ()

    def compile_ours(file, architecture):
        if file in Compiler.fails:
            raise nvrtc.CompileError(file, architecture, [Diagnostic("error", "no", file, 7)], "log")
        names = [instance.name for instance in INSTANCES if instance.file == file]
        taken = dict.fromkeys(names, Compiler.takes)
        return nvrtc.Compiled((12, 9), architecture, "", "", None, taken, dict(zip(names, names, strict=True)))

    monkeypatch.setattr(nvrtc, "compile_ours", compile_ours)
    monkeypatch.setattr(nvrtc, "release", lambda: "12.9.86")
    monkeypatch.setattr(nvrtc, "architectures", lambda: ("sm_80", "sm_90", "sm_90a"))
    return Compiler


def run(*arguments):
    return kernel_report.main([*map(str, arguments), "--jobs", "1"])


def test_all_kernels_are_compiled_and_kept(compiler, tmp_path, capsys):
    assert run("--json", tmp_path / "r.json") == 0
    kept = kernel_figures.read(tmp_path / "r.json")
    assert kept.architectures == ("sm_80", "sm_90", "sm_90a")
    assert set(kept.kernels) == {instance.name for instance in INSTANCES}
    assert {figures.registers for kernel in kept.kernels.values() for figures in kernel.on.values()} == {64}
    assert f"{len(INSTANCES)} kernels on 3 architectures: {3 * len(INSTANCES)} of" in capsys.readouterr().out


def test_one_architecture(compiler, capsys):
    assert run("--arch", "sm_90") == 0
    assert "on 1 architectures" in capsys.readouterr().out
    assert run("--arch", "sm_70") == 2
    assert "NVRTC 12.9.86 knows no sm_70, but sm_80, sm_90, sm_90a" in capsys.readouterr().err


def test_a_kernel_that_does_not_compile_fails(compiler, capsys):
    compiler.fails = ("im2col.cu",)
    assert run() == 1
    assert "sm_80 90 90a: im2col<float> does not compile: im2col.cu(7): error: no" in capsys.readouterr().out


def test_a_worse_report_fails_and_leaves_the_stored_one(compiler, tmp_path, capsys):
    path = tmp_path / "r.json"
    assert run("--json", path, "--compare", path) == 0  # the first time there is nothing to compare with
    before = path.read_bytes()
    assert run("--json", path, "--compare", path) == 0
    assert path.read_bytes() == before
    compiler.takes = Resources(registers=80)
    assert run("--json", path, "--compare", path) == 1
    assert "worse: im2col<float> occupancy 0.50 -> 0.38, registers 64 -> 80" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert kernel_figures.read(tmp_path / "r.new.json").kernels["im2col<float>"].on["sm_80"].registers == 80


def test_a_comparison_looks_at_what_was_compiled(compiler, tmp_path):
    path = tmp_path / "r.json"
    run("--json", path)
    assert run("--arch", "sm_90", "--compare", path) == 0


def test_reports_are_merged_without_a_compiler(compiler, tmp_path, monkeypatch, capsys):
    run("--json", tmp_path / "a.json")
    monkeypatch.setattr(nvrtc, "architectures", lambda: pytest.fail("compiled"))
    capsys.readouterr()
    assert run("--merge", tmp_path / "a.json") == 0
    assert "CUDA 12.9 (NVRTC 12.9.86)" in capsys.readouterr().out
    report({"sm_80": BROKEN}).write(tmp_path / "b.json")
    assert run("--merge", tmp_path / "a.json", tmp_path / "b.json") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "nowhere.json"], "nowhere.json"),
        (["--merge", "nowhere.json"], "nowhere.json"),
        (["nowhere.cu"], "there is no file nowhere.cu"),
    ],
)
def test_what_cannot_be_read_is_said(compiler, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_without_nvrtc_it_says_what_to_install(monkeypatch, capsys):
    def missing():
        raise nvrtc.NvrtcMissing("compiling needs NVRTC: pip install 'refconv[nvrtc]'")

    monkeypatch.setattr(nvrtc, "architectures", missing)
    assert run() == 2
    assert capsys.readouterr().err == "refconv kernels: compiling needs NVRTC: pip install 'refconv[nvrtc]'\n"


def test_our_sources_are_every_instance():
    found = {(source.file, *each) for source in kernel_survey.ours() for each in source.threads.items()}
    assert found == {(instance.file, instance.name, instance.threads) for instance in INSTANCES}
