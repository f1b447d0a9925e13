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
((${#missing[@]} == 0)) && exit 0
if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
    echo "missing, and not to be installed from here: ${missing[*]}"
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || true
apt-get install -y -q --no-install-recommends "${missing[@]}"
