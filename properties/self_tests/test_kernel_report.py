"""``refconv kernels`` without a compiler: machine code, what is kept, what is wrong, the tables, the exit status."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from refconv import cli
from refconv_cuda import nvrtc
from refconv_cuda.instances import INSTANCES
from refconv_cuda.kernel_report import figures, sass, survey, tables
from refconv_cuda.kernel_report.figures import Figures, KernelFigures, Report
from refconv_cuda.kernel_report.verdict import compare, explained, faults
from refconv_cuda.nvrtc import Diagnostic, Resources, library

# -- machine code -----------------------------------------------------------------------------------

# nvdisasm 13.5 on a cubin of sm_90, shortened.
LISTING = """\
\t.target\tsm_90

//--------------------- .text._Z1fPi --------------------------
\t.section\t.text._Z1fPi,"ax",@progbits
.text._Z1fPi:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
        /*0010*/                   HFMA2.MMA R2, -RZ, RZ, 0, 0 ;
.L_x_1:
        /*0020*/                   LDG.E R4, desc[UR6][R2.64] ;
.L_x_0:
        /*0030*/                   LDS R8, [R7] ;
        /*0040*/                   FFMA R0, R8, R4, R0 ;
        /*0050*/                   STL [R1], R0 ;
        /*0060*/              @!P0 BRA `(.L_x_0) ;
        /*0070*/                   IADD3 R2, R2, 0x1, RZ ;
        /*0080*/               @P1 BRA `(.L_x_1) ;
        /*0090*/                   EXIT ;
.L_x_2:
        /*00a0*/                   BRA `(.L_x_2);
.L_x_3:


//--------------------- .text.g --------------------------
\t.section\t.text.g,"ax",@progbits
.text.g:
        /*0000*/                   MUFU.RCP R0, R0 ;
        /*0010*/                   DFMA R0, R0, R2, R4 ;
        /*0020*/                   EXIT ;
.L_x_4:
        /*0030*/                   BRA `(.L_x_4);
        /*0040*/                   NOP;
"""


def test_the_main_loop_is_the_one_that_computes_whatever_is_in_it():
    outer = [sass.Instruction(0, "FADD"), *(sass.Instruction(16 * n, "FFMA") for n in range(1, 9))]
    search = [sass.Instruction(160, "IADD3"), sass.Instruction(176, "BRA", 160)]  # a loop in it, without arithmetic
    kernel = [*outer, *search, sass.Instruction(192, "BRA", 16), sass.Instruction(208, "FADD")]
    assert sass.main_loop(kernel) == kernel[1:-1]
    assert (
        sass.main_loop([sass.Instruction(0, "IADD3"), *kernel[1:-1], sass.Instruction(224, "BRA", 0)]) == kernel[1:-1]
    )
    assert sass.main_loop(search) == search


def test_the_main_loop_is_the_innermost_that_computes():
    code = sass.read(LISTING)
    assert list(code) == ["_Z1fPi", "g"]
    loop = sass.main_loop(code["_Z1fPi"])
    assert [each.opcode for each in loop] == ["LDS", "FFMA", "STL", "BRA"]
    assert sass.mix(loop) == {"shared": 1, "float": 1, "local": 1, "control": 1}


def test_without_a_loop_there_is_none():
    kernel = sass.read(LISTING)["g"]
    assert sass.main_loop(kernel) == []
    assert sass.mix(kernel) == {"conversion": 1, "float": 1, "control": 3}


@pytest.mark.parametrize(
    ("opcode", "kind"),
    [
        ("LDG.E.128", "global"),
        ("ATOMG.E.ADD", "global"),
        ("LDS.128", "shared"),
        ("LDL.LU", "local"),
        ("ULDC.64", "constant"),
        ("BAR.SYNC.DEFER_BLOCKING", "control"),
        ("I2F.RP", "conversion"),
        ("DADD", "float"),
        ("FFMA2", "float"),
        ("HMMA.16816.F32", "float"),
        ("HGMMA.64x128x16.F32", "float"),
        ("IMAD.WIDE", "integer"),
        ("FLO.U32", "integer"),
        ("UIADD3", "integer"),
    ],
)
def test_kinds_of_instructions(opcode, kind):
    assert sass.Instruction(0, opcode).kind == kind


def test_a_constant_moved_through_the_half_precision_pipe_is_no_arithmetic():
    assert sass.read(LISTING)["_Z1fPi"][1].kind == "integer"


ROOT = Path(__file__).resolve().parents[2]
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
    assert figures.read(path) == original
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
        figures.read(path)


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
    assert compare(same, same).worse == ()


def test_a_kernel_that_compiles_no_longer():
    assert worse(GOOD, BROKEN) == (f"k<float> does not compile: {BROKEN.error} (sm_80)",)
    assert compare(report({"sm_80": GOOD}), report({"sm_80": BROKEN}, "13.0.88")).worse == worse(GOOD, BROKEN)
    missing = compare(report({"sm_80": GOOD, "sm_86": GOOD}), report({"sm_80": GOOD}, architectures=("sm_80", "sm_86")))
    assert missing.worse == ("k<float> is missing (sm_86)",)


def test_a_kernel_that_begins_to_spill():
    assert worse(GOOD, TRADE) == ("k<float> spills 16 bytes a thread, where it spilled 0 (sm_80)",)
    assert worse(TRADE, replace(TRADE, spill_loads=20)) != ()
    assert worse(TRADE, GOOD) == ()


def test_a_kernel_that_loses_occupancy():
    new = replace(GOOD, registers=72, shared=2180, blocks=14, occupancy=0.4375)
    expected = "k<float> occupancy 0.50 -> 0.44, registers 64 -> 72, shared memory 2176 -> 2180 bytes (sm_80)"
    assert worse(GOOD, new) == (expected,)
    assert worse(new, GOOD) == ()


def test_what_changes_without_harm_is_noted():
    def notes(old, new, **others):
        return compare(report({"sm_80": old}), report({"sm_80": new}, **others)).notes

    assert notes(GOOD, replace(GOOD, registers=60)) == ("k<float> registers 64 -> 60 (sm_80)",)
    assert notes(TRADE, GOOD) == ("k<float> spills 0 bytes a thread, where it spilled 16 (sm_80)",)
    assert notes(BROKEN, GOOD) == ("k<float> compiles again (sm_80)",)
    assert notes(BROKEN, replace(BROKEN, error="another")) == ()


def test_kernels_come_and_go():
    def of(*names):
        return Report("12.9.86", ("sm_80",), {name: KernelFigures("k.cu", 64, {"sm_80": GOOD}) for name in names})

    found = compare(of("a", "b"), of("b", "c"))
    assert found.worse == ()
    assert found.notes == ("a is gone", "c is new")
    assert compare(of("a"), of("b")).worse == ("nothing was compared: no kernel is in both reports",)
    assert compare(of("a"), of()).worse == ("nothing was compared: no kernel is in both reports",)


def test_an_architecture_that_nobody_looked_at_is_noted():
    found = compare(report({"sm_80": GOOD, "sm_86": GOOD}), report({"sm_80": GOOD}))
    assert found.worse == ()
    assert found.notes == ("not compiled this time (sm_86)",)


def test_the_choices_of_another_ptxas_are_not_compared():
    new = replace(GOOD, registers=72, spill_loads=400, blocks=14, occupancy=0.4375)
    assert len(worse(GOOD, new)) == 2
    found = compare(report({"sm_80": GOOD}), report({"sm_80": new}, "13.0.88"))
    assert found.worse == ()
    assert found.notes == ("figures of CUDA 12.9 and 13.0 are not compared, but whether kernels compile",)
    assert compare(report({"sm_80": GOOD}), report({"sm_80": new}, "12.9.99")).worse == worse(GOOD, new)


def test_the_same_change_is_said_once():
    old, new = report({"sm_80": GOOD, "sm_90": GOOD}), report({"sm_80": BROKEN, "sm_90": BROKEN})
    assert compare(old, new).worse == (f"k<float> does not compile: {BROKEN.error} (sm_80 90)",)


# -- the tables -------------------------------------------------------------------------------------


def test_one_report_in_detail():
    lettered = replace(GOOD, loop=None)  # nobody disassembles those
    lines = "\n".join(tables.detail(report({"sm_80": TRADE, "sm_90": GOOD, "sm_90a": lettered, "sm_75": BROKEN})))
    assert "k<float>, 64 threads a block" in lines
    assert "  sm_80\n    64 registers, spills 16 bytes (or 14 blocks), 2176 bytes shared, occupancy 0.50" in lines
    assert "  sm_90 90a\n    64 registers, no spills" in lines
    assert "(16 blocks, by registers), main loop of 40 instructions: float 80% integer 20%" in lines
    assert "  sm_75\n    does not compile: /k/im2col.cu(12)" in lines


def test_many_reports_side_by_side():
    old = report({"sm_50": GOOD, "sm_80": TRADE}, "11.8.89")
    new = report({"sm_80": GOOD, "sm_100": BROKEN}, "13.5.37")
    lines = [" ".join(line.split()) for line in tables.side_by_side([old, new])]
    assert "k<float> 11.8 13.5" in lines
    assert "sm_50 64 -" in lines
    assert "sm_80 64+16 64" in lines
    assert "sm_100 - FAILS" in lines
    assert "CUDA 11.8 (NVRTC 11.8.89): 1 kernel on 2 architectures: 2 of 2 ok, 1 spill, at most 16 bytes" in lines
    assert f"CUDA 13.5: k<float> does not compile: {BROKEN.error} (sm_100)" in lines


def test_explained_spills_are_no_fault_and_others_are():
    assert faults(report({"sm_80": TRADE})) == ()
    assert "no fault" in list(tables.totals([report({"sm_80": TRADE})]))[-1]
    bad = report({"sm_80": replace(TRADE, spill_loads=400)})
    assert faults(bad) == ("k<float> spills 400 bytes and gains no block by it (sm_80)",)


# -- what is stored ---------------------------------------------------------------------------------

STORED = [figures.read(path) for path in sorted((ROOT / "reports" / "kernels").glob("*.json"))]


def test_nothing_is_wrong_with_what_is_stored():
    assert len(STORED) >= 7
    for stored in STORED:
        assert faults(stored) == (), stored.nvrtc


def test_the_page_shows_the_stored_table(capsys):
    page = (ROOT / "docs" / "cuda-versions.md").read_text(encoding="utf-8")
    command, *shown = page.partition("$ refconv kernels --table")[2].partition("```")[0].splitlines()
    assert command == " reports/kernels/*.json"
    assert cli.main(["kernels", "--table", *map(str, (ROOT / "reports" / "kernels").glob("*.json"))]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line not in printed and line != "..."] == []
    assert len(shown) > 10


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
    for module in (nvrtc, library):
        monkeypatch.setattr(module, "release", lambda: "12.9.86")
    monkeypatch.setattr(nvrtc, "architectures", lambda: ("sm_80", "sm_90", "sm_90a"))
    return Compiler


def run(*arguments):
    return cli.main(["kernels", *map(str, arguments), "--jobs", "1"])


def test_all_kernels_are_compiled_and_kept(compiler, tmp_path, capsys):
    assert run("--json", tmp_path / "r.json") == 0
    kept = figures.read(tmp_path / "r.json")
    assert kept.architectures == ("sm_80", "sm_90", "sm_90a")
    assert set(kept.kernels) == {instance.name for instance in INSTANCES}
    assert {figures.registers for kernel in kept.kernels.values() for figures in kernel.on.values()} == {64}
    assert f"{len(INSTANCES)} kernels on 3 architectures: {3 * len(INSTANCES)} of" in capsys.readouterr().out


def test_one_architecture(compiler, capsys):
    assert run("--arch", "sm_90") == 0
    assert "on 1 architecture:" in capsys.readouterr().out
    assert run("--arch", "sm_70") == 2
    assert "NVRTC 12.9.86 knows no sm_70, but sm_80, sm_90, sm_90a" in capsys.readouterr().err


def test_a_kernel_that_does_not_compile_fails(compiler, capsys):
    compiler.fails = ("im2col.cu",)
    assert run() == 1
    assert "im2col<float> does not compile: im2col.cu(7): error: no (sm_80 90 90a)" in capsys.readouterr().out


def test_a_worse_report_fails(compiler, tmp_path, capsys):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert run("--json", old) == 0
    assert run("--json", new, "--compare", old) == 0
    assert new.read_bytes() == old.read_bytes()
    assert "Compared with NVRTC 12.9.86: no worse" in capsys.readouterr().out
    compiler.takes = Resources(registers=80)
    assert run("--json", new, "--compare", old) == 1
    assert "worse: im2col<float> occupancy 0.50 -> 0.38, registers 64 -> 80 (sm_80 90 90a)" in capsys.readouterr().out
    assert figures.read(new).kernels["im2col<float>"].on["sm_80"].registers == 80
    assert figures.read(old).kernels["im2col<float>"].on["sm_80"].registers == 64


def test_a_comparison_looks_at_what_was_compiled(compiler, tmp_path):
    path = tmp_path / "r.json"
    run("--json", path)
    assert run("--arch", "sm_90", "--compare", path) == 0


def test_a_table_is_printed_without_a_compiler(compiler, tmp_path, monkeypatch, capsys):
    run("--json", tmp_path / "a.json")
    monkeypatch.setattr(nvrtc, "architectures", lambda: pytest.fail("compiled"))
    capsys.readouterr()
    assert run("--table", tmp_path / "a.json") == 0
    assert "CUDA 12.9 (NVRTC 12.9.86)" in capsys.readouterr().out
    report({"sm_80": BROKEN}).write(tmp_path / "b.json")
    assert run("--table", tmp_path / "a.json", tmp_path / "b.json") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "nowhere.json"], "nowhere.json"),
        (["--table", "nowhere.json"], "nowhere.json"),
        (["nowhere.cu"], "there is no file nowhere.cu"),
        (["--name", "k<float>"], "--name, --threads, --shared and --option are about a FILE.cu of yours"),
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
    found = {(source.file, *each) for source in survey.ours() for each in source.threads.items()}
    assert found == {(instance.file, instance.name, instance.threads) for instance in INSTANCES}
