"""Builds and their cache: once per content, from many processes, in any folder, with any compiler or none."""

import errno
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import COMPILERS, use_compiler

from refconv_cuda import device
from refconv_cuda.device import DeviceMissing
from refconv_cuda.simulator import CompileError, CompilerMissing, RawModule, abi, build, cache, compiler
from refconv_cuda.simulator.device import unavailable

CODE = "__global__ void set(int* y) { *y = N; }"
NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def value(n=3, code=CODE):
    """Builds a module in which N is n, and launches it."""
    y = np.zeros(1, np.int32)
    RawModule(code=code, options=(f"-DN={n}",)).get_function("set")((1,), (1,), (y,))
    return y[0]


def choose(patch):
    """The quickest compiler that is here."""
    if shutil.which("g++"):
        patch.setenv("REFCONV_CXX", "g++")
    else:
        patch.delenv("REFCONV_CXX", raising=False)


@pytest.fixture
def empty_place(tmp_path, monkeypatch):
    """A cache folder that does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(folder))
    choose(monkeypatch)
    return folder


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The runtime's object files. Most tests are not about them, and take them from here."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFCONV_CACHE_DIR", str(folder))
        choose(patch)
        assert value(0) == 0
    return list(folder.glob("*.o"))


@pytest.fixture
def place(empty_place, runtime):
    """A cache folder that has the runtime, but no kernel yet."""
    empty_place.mkdir()
    for file in runtime:
        shutil.copy(file, empty_place)
    return empty_place


@pytest.fixture
def spare(runtime):
    """Gives the temporary folder that takes an unusable cache's place: a new one, with the runtime in it."""
    cache._temporary_folder.cache_clear()
    for file in runtime:
        shutil.copy(file, cache._temporary_folder())
    yield cache._temporary_folder
    cache._temporary_folder.cache_clear()


@pytest.fixture
def runs(monkeypatch):
    """The compiler's runs: a list that grows with each."""
    seen = []
    run = compiler.Compiler._run

    @functools.wraps(run)
    def noted(self, arguments, store):
        seen.append(arguments)
        return run(self, arguments, store)

    monkeypatch.setattr(compiler.Compiler, "_run", noted)
    return seen


def fresh_process(script, **environment):
    """Starts an interpreter of its own. None removes a variable."""
    prelude = """
        import sys, warnings
        import numpy as np
        from refconv_cuda.simulator import RawModule, compiler
        warnings.simplefilter("error")
        def value(n, code="__global__ void set(int* y) { *y = N; }"):
            y = np.zeros(1, np.int32)
            RawModule(code=code, options=(f"-DN={n}",)).get_function("set")((1,), (1,), (y,))
            return int(y[0])
    """
    variables = {**os.environ, **environment}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(script)],
        env={name: text for name, text in variables.items() if text is not None},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.split()


# -- the cache --------------------------------------------------------------------------------------------


def compiled(runs):
    """How many source files were compiled, however often the compiler was asked for something else."""
    return sum("-c" in arguments for arguments in runs)


def test_what_is_built_once_is_found_again(empty_place, runs):
    assert value(3) == 3
    assert compiled(runs) == len(build.RUNTIME_SOURCES) + 1, "the runtime and the kernel"
    for n, code in ((4, CODE), (3, CODE.replace("N;", "N + 0;"))):
        runs.clear()
        assert value(n, code) == n
        assert compiled(runs) == 1, "another kernel, but not another runtime"
    runs.clear()
    assert [value(3), value(4), value(3, CODE.replace("N;", "N + 0;"))] == [3, 4, 3]
    assert runs == [], "the compiler is not even started"


def test_another_process_finds_it_too(place):
    assert value(3) == 3
    script = """
        def run(*arguments): raise AssertionError("compiled again")
        compiler.Compiler._run = run
        print(value(3))
    """
    assert output(fresh_process(script)) == ["3"]


def test_a_compiler_of_another_version_builds_its_own(place, runs, monkeypatch):
    assert value(3) == 3
    runs.clear()
    now = compiler.find()
    other = compiler.Compiler(**{**vars(now), "identity": now.identity + " of tomorrow"})
    monkeypatch.setattr(compiler, "find", lambda: other)
    assert value(3) == 3
    assert compiled(runs) == len(build.RUNTIME_SOURCES) + 1


def test_an_edited_runtime_is_built_anew(place, runs, monkeypatch):
    assert value(3) == 3
    runs.clear()
    text = build._runtime_text() + "// edited"
    monkeypatch.setattr(build, "_runtime_text", lambda: text)
    assert value(3) == 3
    assert compiled(runs) == len(build.RUNTIME_SOURCES) + 1


def test_no_workspace_is_left_behind(place):
    assert value(3) == 3
    with pytest.raises(CompileError):
        value("undeclared")
    assert [path.name for path in place.iterdir() if path.is_dir() and path.name != "zig"] == []
    assert list(place.rglob("*.cpp")) == []


def test_a_workspace_that_a_killed_process_left_does_no_harm(place):
    (place / "building-killed").mkdir(parents=True)
    (place / "building-killed" / "kernel.cpp").write_text("#error")
    assert value(3) == 3


def test_an_error_is_not_remembered(place):
    for _ in range(2):
        with pytest.raises(CompileError, match="undeclared"):
            value("undeclared")
    module = RawModule(code=CODE)  # without N
    for _ in range(2):
        with pytest.raises(CompileError, match="<code>:1:"):
            module.get_function("set")
    assert value(3) == 3


@pytest.mark.parametrize("choice", COMPILERS)
def test_two_processes_build_the_same_at_the_same_time(empty_place, monkeypatch, choice):
    use_compiler(choice, monkeypatch)
    script = """
        print("ready", flush=True)
        input()
        print(value(3))
    """
    processes = [fresh_process(script) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [output(process) for process in processes] == [["3"]] * 2
    assert len(list(empty_place.glob("kernel-*.so"))) == 1


def test_folders_in_their_order(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path / "ours"))
    assert cache.folder() == tmp_path / "ours"
    monkeypatch.setenv("REFCONV_CACHE_DIR", "ours")
    monkeypatch.chdir(tmp_path)
    assert cache.folder() == tmp_path / "ours", "the same after a change of folder"
    monkeypatch.setenv("REFCONV_CACHE_DIR", "")
    assert cache.folder() == tmp_path / "xdg" / "refconv"
    monkeypatch.delenv("REFCONV_CACHE_DIR")
    assert cache.folder() == tmp_path / "xdg" / "refconv"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == tmp_path / "home" / ".cache" / "refconv"


def test_a_folder_of_an_odd_name(tmp_path, monkeypatch):
    monkeypatch.delenv("REFCONV_CXX", raising=False)
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path / "a b" / "ü"))
    assert value(3) == 3


# -- folders that cannot be used ----------------------------------------------------------------------------


def assert_falls_back(runs, spare):
    with pytest.warns(UserWarning, match=r"the cache folder .* cannot be used \(.*\); building in .*refconv-"):
        assert value(3) == 3
    assert len(list(spare().glob("kernel-*.so"))) == 1
    runs.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value(3) == 3
    assert compiled(runs) == 0, "what was built in the spare folder is found there"


@pytest.mark.parametrize("choice", COMPILERS)
def test_a_folder_that_cannot_be_written(tmp_path, runs, spare, monkeypatch, choice):
    # Nobody can make a folder below a file, root included.
    use_compiler(choice, monkeypatch)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert_falls_back(runs, spare)
    assert (tmp_path / "file").read_text() == ""


def test_a_folder_that_is_a_file(tmp_path, place, runs, spare, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path / "file"))
    assert_falls_back(runs, spare)


def test_a_user_without_a_home(place, spare, monkeypatch):
    # As in a container with a user id that /etc/passwd does not have.
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("REFCONV_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert value(3) == 3


def test_a_folder_that_cannot_be_written_but_has_it_all(place, runs, monkeypatch):
    assert value(3) == 3
    runs.clear()

    def refuse(*arguments, **keywords):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(cache.tempfile, "TemporaryDirectory", refuse)
    monkeypatch.setattr(cache.tempfile, "mkdtemp", refuse)
    assert value(3) == 3
    assert runs == []


def fails_at(number, function, error):
    """Raises at that call, and passes the others on."""
    calls = []

    @functools.wraps(function)
    def called(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == number + 1:
            raise error
        return function(*arguments, **keywords)

    return called


@pytest.mark.parametrize("run", range(3))
def test_a_disk_that_fills_up_while_compiling(place, spare, monkeypatch, run):
    monkeypatch.setattr(compiler.Compiler, "_run", fails_at(run, compiler.Compiler._run, NO_SPACE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether there is one depends on which run it was
        assert value(3) == 3


def test_a_disk_that_fills_up_while_renaming(place, spare, monkeypatch):
    replace, failed = os.replace, []

    def full_once(source, target):
        if not failed and Path(target).name.startswith("kernel-"):
            failed.append(target)
            raise NO_SPACE
        replace(source, target)

    monkeypatch.setattr(cache.os, "replace", full_once)
    with pytest.warns(UserWarning, match="cannot be used"):
        assert value(3) == 3
    assert failed
    assert [path.name for path in place.iterdir() if path.is_dir() and path.name != "zig"] == []


def failing_in(place, how, folder):
    """A compiler that does what a shell says where it is to write below a place, and else what g++ does."""
    real = shutil.which("g++")
    if real is None:
        pytest.skip("g++ is not installed")
    script = folder / "c++"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--version*) exec {real} "$@";; esac\n'
        f'case "$*" in *"{place}"*) {how};; esac\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def test_a_compiler_that_says_that_the_disk_is_full(tmp_path, place, spare, monkeypatch):
    # It is no fault of the kernel.
    full = f'echo "fatal error: {NO_SPACE.strerror}" >&2; exit 1'
    monkeypatch.setenv("REFCONV_CXX", failing_in(place, full, tmp_path))
    with pytest.warns(UserWarning, match=f"{place} cannot be used .*{NO_SPACE.strerror}"):
        assert value(3) == 3


def test_a_compiler_that_aborts_where_the_disk_is_full(tmp_path, place, spare, monkeypatch):
    # As zig does, without a word.
    monkeypatch.setenv("REFCONV_CXX", failing_in(place, "kill -ABRT $$", tmp_path))
    with pytest.raises(CompileError, match=r"the compiler failed \(-6\)"):
        value(3)  # there is room, so it has failed for another reason
    usage = shutil.disk_usage(place)._replace(free=2**20)
    monkeypatch.setattr(compiler.shutil, "disk_usage", lambda path: usage)
    with pytest.warns(UserWarning, match=f"{place} cannot be used .*{NO_SPACE.strerror}"):
        assert value(3) == 3


def test_no_folder_at_all(place, spare, monkeypatch):
    # Then the reason is said, and it is no CompileError.
    def full(*arguments):
        raise NO_SPACE

    monkeypatch.setattr(compiler.Compiler, "_run", full)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(OSError, match=NO_SPACE.strerror):
            value(3)


# -- the compiler ---------------------------------------------------------------------------------------------


@pytest.fixture
def forgotten():
    """What was found out about compilers and devices is found out again, and afterwards once more."""
    for function in (compiler._find, device.find):
        function.cache_clear()
    yield
    for function in (compiler._find, device.find):
        function.cache_clear()


@pytest.fixture
def nothing_installed(monkeypatch, forgotten):
    find_spec = importlib.util.find_spec
    monkeypatch.delenv("REFCONV_CXX", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ziglang" else find_spec(name))
    monkeypatch.setattr(shutil, "which", lambda name, *more: None)


def test_no_compiler(nothing_installed, tmp_path, monkeypatch):
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path))
    with pytest.raises(CompilerMissing) as raised:
        value(3)
    for said in ("pip install 'refconv[simulator]'", "g++", "clang++", "REFCONV_CXX"):
        assert said in str(raised.value)
    assert unavailable() == str(raised.value)
    with pytest.raises(DeviceMissing) as missing:
        device.find("simulator")
    assert str(missing.value) == str(raised.value)


def test_a_compiler_that_is_installed_later_is_found(nothing_installed, place, monkeypatch):
    monkeypatch.delenv("REFCONV_CXX", raising=False)
    with pytest.raises(CompilerMissing):
        value(3)
    monkeypatch.undo()
    assert unavailable() is None


@pytest.mark.parametrize("name", ["no-such-compiler", "/no/such/compiler -O1", "/etc", " "])
def test_a_compiler_that_is_not_there(monkeypatch, name):
    monkeypatch.setenv("REFCONV_CXX", name)
    if name.strip():
        with pytest.raises(CompilerMissing, match=f"REFCONV_CXX = {name!r}"):
            value(3)
    else:
        monkeypatch.delenv("REFCONV_CXX")
        default = compiler.find()
        monkeypatch.setenv("REFCONV_CXX", name)
        assert compiler.find() == default, "blank is as good as unset"


def test_a_compiler_that_does_not_work(place, monkeypatch):
    monkeypatch.setenv("REFCONV_CXX", "false")
    with pytest.raises(CompilerMissing, match="false --version failed"):
        value(3)
    assert "false --version failed" in unavailable()


def test_a_compiler_with_arguments(place, runs, monkeypatch):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    monkeypatch.setenv("REFCONV_CXX", "g++ -DN=7")
    y = np.zeros(1, np.int32)
    RawModule(code=CODE).get_function("set")((1,), (1,), (y,))
    assert y[0] == 7


def test_the_compiler_is_chosen_anew_when_the_environment_changes(place, monkeypatch):
    if importlib.util.find_spec("ziglang") is None or shutil.which("g++") is None:
        pytest.skip("there are no two compilers")
    monkeypatch.setenv("REFCONV_CXX", "g++")
    assert compiler.find().command == ("g++",)
    monkeypatch.delenv("REFCONV_CXX")
    assert "ziglang" in compiler.find().command


def test_with_gcc(empty_place):
    # In a process that has never seen another compiler.
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    process = fresh_process("print(compiler.find().command[0], value(3))", REFCONV_CXX="g++")
    assert output(process) == ["g++", "3"]


def test_with_gcc_alone(place):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    script = """
        sys.modules["ziglang"] = None  # as if it were not installed
        print(compiler.find().command[0], value(3))
    """
    assert output(fresh_process(script, REFCONV_CXX=None)) == ["g++", "3"]


def test_with_ziglang_alone(tmp_path):
    # A machine with no compiler of its own: nothing but Python is found.
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    empty = tmp_path / "bin"
    empty.mkdir()
    process = fresh_process("print(value(3))", REFCONV_CXX=None, REFCONV_CACHE_DIR=str(tmp_path), PATH=str(empty))
    assert output(process) == ["3"]


# -- Python and the runtime -----------------------------------------------------------------------------------


def test_structs_of_other_sizes_are_found_out(place, monkeypatch):
    assert value(3) == 3
    monkeypatch.setattr(abi, "SIZES", (abi.SIZES[0] + 8, *abi.SIZES[1:]))
    with pytest.raises(CompileError, match=r"abi\.h has structs of .* bytes, abi\.py of"):
        value(3)


@pytest.mark.parametrize(
    ("told", "enough"),
    [
        ("Debian clang version 14.0.6", False),
        ("clang version 15.0.7", False),
        ("Debian clang version 16.0.6 (15~deb12u1)", True),
        ("Ubuntu clang version 19.1.1 (1ubuntu1)", True),
        ("g++ (Debian 12.2.0-14) 12.2.0", True),
    ],
)
def test_a_clang_without_hooks_at_vectors_is_refused(tmp_path, monkeypatch, told, enough):
    script = tmp_path / "c++"
    script.write_text(f"#!/bin/sh\necho '{told}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("REFCONV_CXX", str(script))
    if enough:
        assert compiler.find().identity == told
    else:
        with pytest.raises(CompilerMissing, match=f"c\\+\\+ is {told}, .* must be at least 16"):
            compiler.find()
