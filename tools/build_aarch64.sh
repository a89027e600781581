#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-compiles the minimal build for 64-bit Arm. The libraries it needs are taken from Debian's arm64 packages, unpacked into
# build-aarch64/sysroot (nothing is installed on this system). With --bundle the program and its libraries are packed for boards
# (`whet study --host`). Under qemu-aarch64, if present, the program says its version.
set -eu
cd "$(dirname "$0")/.."
bundle=no
if [ "${1:-}" = --bundle ]; then bundle=yes; fi
out=build-aarch64
root=$PWD/$out/sysroot
packages="libjansson-dev libjansson4 libsqlite3-dev libsqlite3-0 libjpeg62-turbo-dev libjpeg62-turbo libpng-dev libpng16-16 zlib1g-dev zlib1g libcmocka-dev libcmocka0"
mkdir -p "$out/debs" "$root"
if [ ! -e "$root/usr/include/jansson.h" ] || [ ! -e "$root/usr/include/cmocka.h" ]; then
    apt="-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State=$PWD/$out/apt -o Dir::State::status=$PWD/$out/apt/status -o Dir::Cache=$PWD/$out/apt"
    mkdir -p "$out/apt/lists/partial" "$out/apt/archives/partial"
    : > "$out/apt/status"
    # shellcheck disable=SC2086
    apt-get -qq $apt update
    # shellcheck disable=SC2086
    (cd "$out/debs" && apt-get -qq $apt download $packages)
    for deb in "$out"/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
fi
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig"
cmake -S . -B "$out" -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DWHET_MINIMAL=ON -DWHET_SYSROOT="$root" >/dev/null
ninja -C "$out"
file "$out/whet" 2>/dev/null || true
if command -v qemu-aarch64 >/dev/null 2>&1; then
    qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$root/usr/lib/aarch64-linux-gnu:$root/lib/aarch64-linux-gnu" "$out/whet" --version
else
    echo "SKIP: qemu: qemu-aarch64 is not installed, the program was built but not started"
fi
if [ "$bundle" = yes ]; then python3 tools/make_bundle.py "$out" --sysroot "$root"; fi
