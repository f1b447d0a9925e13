#!/usr/bin/env bash
# Debian's packages that tests need: a C++ compiler, debuggers, perf, valgrind, other unwinders.
#
# Installs what is missing, if it may; says what is missing if it may not. Elsewhere than on Debian install the like by hand.
set -euo pipefail

wanted=(g++ gdb lldb-14 libunwind-14 libunwind-dev linux-perf python3 valgrind)
missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
# LLVM's libunwind in versions that cannot be installed beside the one above: unpacked under target/, where tests look for them. Without them fewer are tested.
unpacked=target/unwinders
for version in 16 19; do
    [[ -e $unpacked/usr/lib/llvm-$version/lib/libunwind.so.1 ]] && continue
    mkdir -p "$unpacked"
    (cd "$unpacked" && apt-get download -q "libunwind-$version" && dpkg -x "libunwind-${version}"_*.deb . && rm -f ./*.deb) >/dev/null 2>&1 ||
        echo "not to be had: libunwind-$version"
done
((${#missing[@]} == 0)) && exit 0
if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
    echo "missing, and not to be installed from here: ${missing[*]}"
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true
apt-get install -y -q --no-install-recommends "${missing[@]}"
