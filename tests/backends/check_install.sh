#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Extended: every pinned runtime is really fetched, checked, unpacked and opened by its plug-in, each in a scratch folder; those of
# another type of machine too. Usage: check_install.sh WHET [NAME ...]. WHET_WHEELS: a folder with the wheels (else pip and network).
set -u
whet=$1
shift
names=${*:-"litert ort openvino libtorch"}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/whet-install-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export WHET_RUNTIMES="$scratch/root"
from=${WHET_WHEELS:+--from $WHET_WHEELS}
failed=0
fault() { echo "FAIL: $1"; failed=$((failed + 1)); }

for n in $names; do
    if ! "$whet" runtimes install "$n" $from -q --no-color >"$scratch/out" 2>"$scratch/err"; then
        if grep -q "pip cannot fetch\|python3" "$scratch/err"; then
            echo "SKIP: network: $(cat "$scratch/err")"
            exit 77
        fi
        fault "$n: $(cat "$scratch/err")"
        continue
    fi
    head -1 "$scratch/out"
    "$whet" runtimes install "$n" --from /nonexistent -q | grep -q "nothing to do" || fault "$n is installed twice"
    "$whet" runtimes --json -q | python3 -c '
import json, sys
name = sys.argv[1]
r = [r for r in json.load(sys.stdin)["runtimes"] if r["name"] == name]
if not r:
    sys.exit("SKIP: %s: its plug-in was not built" % name)
r = r[0]
if not r["available"] or not r["installed"] or r["version"] != r["installed"][0]["version"]:
    print("FAIL: %s: %s" % (name, r))
    sys.exit(3)' "$n"
    [ $? = 3 ] && failed=$((failed + 1))
done
for n in ort openvino litert; do
    case " $names " in *" $n "*) ;; *) continue ;; esac
    for arch in x86_64 aarch64; do
        folder=${WHET_WHEELS:+--from $WHET_WHEELS}
        [ -n "$folder" ] && ! ls "$WHET_WHEELS" | grep -q "$arch" && continue
        "$whet" runtimes install "$n" --arch "$arch" $folder -q >"$scratch/out" 2>"$scratch/err" || { fault "$n for $arch: $(cat "$scratch/err")"; continue; }
        dir=$(sed -n 's/^in //p' "$scratch/out")
        case $arch in x86_64) want="X86-64" ;; *) want="AArch64" ;; esac
        lib=$(ls "$dir" | grep '[.]so' | head -1)
        LC_ALL=C readelf -h "$dir/$lib" | grep -q "$want" || fault "$n for $arch: $dir/$lib is for another machine"
    done
done
# One wrong byte is refused, and nothing is left behind.
wheel=$(python3 - "$(dirname "$0")/../../src/backend/wheels.def" <<'EOF'
import platform, re, sys
print(re.findall(r'W\(litert, "[^"]*", "%s", "([^"]+)"' % platform.machine(), open(sys.argv[1]).read())[0])
EOF
)
mkdir -p "$scratch/bad"
echo wrong >"$scratch/bad/$wheel"
WHET_RUNTIMES="$scratch/none" "$whet" runtimes install litert --from "$scratch/bad" -q 2>"$scratch/err" && fault "a wrong wheel is accepted"
grep -q "$wheel.*not the pinned one" "$scratch/err" || fault "a wrong wheel is not named: $(cat "$scratch/err")"
[ -z "$(find "$scratch/none" -type f 2>/dev/null)" ] || fault "a refused wheel leaves files behind"
[ $failed = 0 ] && echo "$names: installed and opened"
[ $failed = 0 ]
