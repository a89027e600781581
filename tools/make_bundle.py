#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The relocatable bundle whet-<arch>.tar.gz: the installed tree of a build with every library but glibc's in lib/, found by the
programs' run path $ORIGIN/../lib. manifest.json names the version, the machine, the lowest glibc that has every symbol that is
needed, and each file with its SHA-256. Equal trees give equal bytes.

usage: make_bundle.py BUILD [--out FILE.tar.gz] [--sysroot DIR]   (--sysroot: where a cross build's libraries lie)
needs: readelf (binutils); the build's own libraries where the loader, or the sysroot, has them
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

GLIBC = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|anl|nsl|nss_.*|BrokenLocale|mvec|thread_db))\.so(\..*)?$")
RUNTIMES = re.compile(r"lib(torch|c10|onnxruntime|openvino|LiteRt|tensorflow)")  # brought by `whet runtimes install`
MACHINES = {"Advanced Micro Devices X86-64": "x86_64", "AArch64": "aarch64"}


def readelf(*args):
    return subprocess.run(["readelf", "-W", *args], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d", path))


def glibc_of(path):
    """The newest glibc version among the symbols that this file wants."""
    wanted = readelf("-V", path).split("Version needs section", 1)
    found = re.findall(r"Name: GLIBC_(\d+)\.(\d+)", wanted[1]) if len(wanted) > 1 else []
    return max(((int(a), int(b)) for a, b in found), default=(0, 0))


def machine_of(path):
    name = re.search(r"Machine:\s+(.*)", readelf("-h", path)).group(1).strip()
    return MACHINES.get(name, name)


def search_path(sysroot, machine):
    triple = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}.get(machine, machine)
    roots = [pathlib.Path(sysroot)] if sysroot else [pathlib.Path("/")]
    if sysroot:
        roots.append(pathlib.Path("/usr") / triple)  # the cross compiler's own
    for root in roots:
        for folder in (f"usr/lib/{triple}", f"lib/{triple}", "usr/lib64", "lib64", "usr/lib", "lib"):
            yield root / folder


def find_library(name, folders):
    for folder in folders:
        if (folder / name).exists():
            return (folder / name).resolve()
    sys.exit(f"make_bundle: {name} is needed and is in none of: {', '.join(map(str, folders))}")


def collect(tree, sysroot):
    """Copies what the tree's programs need into lib/; gives the machine and the lowest glibc."""
    programs = [p for p in sorted(tree.rglob("*")) if p.is_file() and not p.is_symlink() and is_elf(p)]
    machine = machine_of(tree / "bin" / "whet")
    folders, glibc, have = list(search_path(sysroot, machine)), (0, 0), {p.name for p in programs}
    while programs:
        path = programs.pop()
        glibc = max(glibc, glibc_of(path))
        for name in needed(path):
            if GLIBC.match(name) or RUNTIMES.match(name) or name in have:
                continue
            have.add(name)
            copy = tree / "lib" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(find_library(name, folders).read_bytes())
            copy.chmod(0o755)
            programs.append(copy)
    return machine, "%d.%d" % glibc


def pack(tree, top, out):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(tree.rglob("*")):
            info = tar.gettarinfo(path, f"{top}/{path.relative_to(tree)}")
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            if info.isreg():
                with open(path, "rb") as f:
                    tar.addfile(info, f)
            else:
                tar.addfile(info)
    part = out.with_name(out.name + ".part")
    with open(part, "wb") as f, gzip.GzipFile("", "wb", 6, f, mtime=0) as z:
        z.write(raw.getvalue())
    part.rename(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--out")
    parser.add_argument("--sysroot")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch) / "whet"
        subprocess.run(["cmake", "--install", o.build, "--prefix", str(tree), "--strip"], check=True, stdout=subprocess.DEVNULL)
        for useless in ("include", "share", "lib/pkgconfig"):
            subprocess.run(["rm", "-rf", str(tree / useless)], check=True)
        for library in [*tree.glob("lib/libwhet.*"), *tree.glob("lib/*/libwhet.*")]:
            library.unlink()
        machine, glibc = collect(tree, o.sysroot)
        files = {str(p.relative_to(tree)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(tree.rglob("*")) if p.is_file()}
        version = re.search(r"project\(whet.*?VERSION ([0-9.]+)", (pathlib.Path(__file__).parents[1] / "CMakeLists.txt").read_text(), re.S).group(1)
        manifest = {"whet_bundle": 1, "version": version, "machine": machine, "glibc": glibc, "files": files}
        (tree / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        out = pathlib.Path(o.out or pathlib.Path(o.build) / f"whet-{machine}.tar.gz")
        pack(tree, f"whet-{machine}", out)
    print(f"{out}: whet {version} for {machine}, glibc {glibc} or newer, {out.stat().st_size / 1e6:.1f} MB, {len(files)} files")


if __name__ == "__main__":
    main()
