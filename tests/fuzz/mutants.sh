#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a target on WHET_MUTANTS (2000) mutants of the files under ../shared whose names fit: mutants.sh PROGRAM PATTERN...
# WHET_EMULATOR: what starts programs of another machine.
program=$1 cases=${WHET_MUTANTS:-2000}
shift
shared=${WHET_SHARED:-$(dirname "$0")/../../../shared}
set -f
files=""
for pattern in "$@"; do files="$files $(find "$shared/interop" "$shared/models" -name "$pattern" -size -600k 2>/dev/null | sort)"; done
exec $WHET_EMULATOR "$program" --cases "$cases" $files
