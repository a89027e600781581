#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of the named groups (build, test, extended), or with --check only tells what is missing.
# As root or with passwordless sudo it installs; otherwise it prints the one command that does.
set -eu
build="gcc g++ make cmake ninja-build pkg-config libdnnl-dev libjansson-dev libsqlite3-dev libjpeg62-turbo-dev libpng-dev
libwebp-dev libyaml-dev libarchive-dev libcurl4-openssl-dev zlib1g-dev
libexpat1-dev libzip-dev libhdf5-dev libjs-chart.js python3 python3-pip ca-certificates xz-utils tar"
test="libcmocka-dev chromium gnuplot-nox"
extended="clang-14 libclang-rt-14-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user openssh-server openssh-client python3-venv
texlive-latex-base texlive-latex-recommended"

check=0
packages=""
for word in "$@"; do
    case $word in
    --check) check=1 ;;
    build) packages="$packages $build" ;;
    test) packages="$packages $test" ;;
    extended) packages="$packages $extended" ;;
    *) echo "setup: '$word' is no group; groups: build test extended" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: this is not a Debian system; install the equivalents of:" $packages >&2
    exit 0
fi
have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p')
missing=""
for p in $packages; do
    printf '%s\n' "$have" | grep -qx "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
if [ "$check" = 0 ] && [ "$(id -u)" = 0 ]; then
    run=""
elif [ "$check" = 0 ] && command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    run="sudo"
else
    echo "whet needs these Debian packages:$missing" >&2
    echo "install them with:" >&2
    echo "  sudo $command" >&2
    exit 2
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { $run apt-get update && $run $command; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "setup: installing the packages failed; the log stands above" >&2
    exit 3
fi
rm -f "$log"
