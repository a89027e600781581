#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed tree as others use it: example.c against the shared and the static library through pkg-config, headers alone
as C11 and C++, exported names, plug-ins found from the prefix and after a move, the man page and the completions.

usage: install.py BUILD CC [FLAG ...]    (the flags are those that the build's own objects need)
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD, CC, FLAGS = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
TESTS, SKIPS = [], []


def test(f):
    TESTS.append(f)
    return f


def skip(what):
    SKIPS.append(what)
    print(f"SKIP: {what}: not installed")


def sh(*command, **env):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=240,
                          env={**os.environ, **env})
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-800:]}{done.stderr[-2000:]}"
    return done.stdout


def flags(prefix, *more):
    return sh("pkg-config", *more, "--cflags", "--libs", "whet", PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig")).split()


def run_example(program, model, **env):
    saved = program.with_suffix(".onnx")
    doc = json.loads(sh(program, model, saved, **env))
    assert doc["kind"] == "inspect" and doc["format"] == "ONNX" and doc["path"] == str(saved), doc


@test
def shared_library(prefix, scratch, model):
    sh(CC, "-std=c11", *WARNINGS, *FLAGS, SOURCE / "tests/e2e/example.c", "-o", scratch / "shared", *flags(prefix))
    run_example(scratch / "shared", model, LD_LIBRARY_PATH=str(prefix / "lib"))


@test
def static_library(prefix, scratch, model):
    alone = scratch / "static-tree"
    shutil.copytree(prefix, alone, symlinks=True)
    for so in (alone / "lib").glob("libwhet.so*"):
        so.unlink()
    sh(CC, "-std=c11", *WARNINGS, *FLAGS, SOURCE / "tests/e2e/example.c", "-o", scratch / "static", *flags(alone, "--static"))
    run_example(scratch / "static", model)


@test
def headers_alone(prefix, scratch, model):
    names = sorted(p.relative_to(prefix / "include") for p in (prefix / "include").rglob("*.h"))
    assert len(names) == len(list((SOURCE / "include").rglob("*.h"))) > 10, names
    for name in names:
        text = f"#include <{name}>\n#include <{name}>\nint main(void) {{ return 0; }}\n"
        for compiler, language, standards in ((CC, "c", ("c11", "gnu17")), ("g++", "c++", ("c++11", "c++20"))):
            unit = scratch / f"alone.{language}"
            unit.write_text(text)
            for standard in standards:
                sh(compiler, f"-std={standard}", "-x", language, *WARNINGS, f"-I{prefix / 'include'}", "-fsyntax-only", unit)
    whole = (prefix / "include/whet/whet.h").read_text()
    absent = [n.name for n in names if n.parent.name == "whet" and n.name != "whet.h" and f'"whet/{n.name}"' not in whole]
    assert not absent, f"whet.h does not include {absent}"


@test
def cplusplus_program(prefix, scratch, model):
    unit = scratch / "name.cc"
    unit.write_text('#include <cstdio>\n#include <whet/whet.h>\nint main() { std::puts(whet_version()); }\n')
    sh("g++", *WARNINGS, *FLAGS, unit, "-o", scratch / "cc", *flags(prefix))
    have = sh(scratch / "cc", LD_LIBRARY_PATH=str(prefix / "lib")).strip()
    version = sh("pkg-config", "--modversion", "whet", PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig")).strip()
    assert have == version and have in sh(prefix / "bin/whet", "--version"), (have, version)


def globals_of(library, *more):
    lines = (line.split() for line in sh("nm", "-g", "--defined-only", *more, library).splitlines())
    return {words[2] for words in lines if len(words) == 3}


@test
def exported_names(prefix, scratch, model):
    for library, more in (("libwhet.so", ["-D"]), ("libwhet.a", [])):
        names = {n for n in globals_of(prefix / "lib" / library, *more) if not n.startswith("__")}  # those are the compiler's
        assert len(names) > 50, f"{library} exports {len(names)} names"
        foreign = sorted(n for n in names if not n.startswith("whet_"))
        assert not foreign, f"{library} exports names without whet_: {', '.join(foreign[:10])}"
    text = "".join(p.read_text() for p in (SOURCE / "include").rglob("*.h") if p.parent.name != "sys")
    declared = set(re.findall(r"^[a-z][\w \*]*?\b(whet_[a-z0-9_]+)\(", text, re.M))
    missing = declared - globals_of(prefix / "lib/libwhet.so", "-D")
    assert len(declared) > 40 and not missing, f"declared but not exported: {missing}"


@test
def plugins_found(prefix, scratch, model):
    if not (BUILD / "plugins/ort.so").exists():
        return
    moved = scratch / "moved tree"
    shutil.copytree(prefix, moved, symlinks=True)
    for tree in (prefix, moved):
        out = sh(tree / "bin/whet", "runtimes", "--json", WHET_PLUGINS="")
        paths = [os.path.realpath(p) for p in re.findall(r'"([^"]*ort\.so)"', out)]
        assert paths == [os.path.realpath(tree / "lib/whet/plugins/ort.so")], out


@test
def man_page(prefix, scratch, model):
    page = prefix / "share/man/man1/whet.1"
    text = page.read_text()
    commands = set(re.findall(r"^C\((\w+)\)", (SOURCE / "cli/commands.def").read_text(), re.M)) - {"worker", "man"}
    absent = [c for c in commands if not re.search(rf"\b{c}\b", text)]
    assert ".TH " in text and len(commands) > 10 and not absent, f"the man page lacks a title or {absent}"
    if shutil.which("groff") is None:
        return skip("groff")
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-z", str(page)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr[:2000]


@test
def completions(prefix, scratch, model):
    for shell, name in (("bash", "bash-completion/completions/whet"), ("zsh", "zsh/site-functions/_whet"),
                        ("fish", "fish/vendor_completions.d/whet.fish")):
        script = prefix / "share" / name
        assert script.stat().st_size > 500, f"{name} is nearly empty"
        if shutil.which(shell) is None:
            skip(shell)
            continue
        sh(shell, "-n", script)
    out = sh("bash", "-c", f". '{prefix}/share/bash-completion/completions/whet'; COMP_WORDS=(whet ins); COMP_CWORD=1; "
             "f=$(complete -p whet | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f whet ins whet; echo ${COMPREPLY[*]}")
    assert "inspect" in out, f"bash completes 'whet ins' to '{out.strip()}'"


def main():
    failed = 0
    prefix = BUILD.resolve() / "install"
    shutil.rmtree(prefix, ignore_errors=True)
    sh("cmake", "--install", BUILD, "--prefix", prefix, DESTDIR="")
    with tempfile.TemporaryDirectory(prefix="whet-install-") as name:
        scratch = pathlib.Path(name)
        model = BUILD / "fuzz-seeds/onnx/conv"
        for t in TESTS:
            try:
                t(prefix, scratch, model)
            except AssertionError as e:
                failed += 1
                print(f"FAIL: {t.__name__}: {e}\nrepro: python3 {' '.join(sys.argv)}")
    print(f"{len(TESTS) - failed} passed, {failed} failed, {len(SKIPS)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
