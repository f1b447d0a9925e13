#!/usr/bin/env bash
# What it takes to build and run the tests for other architectures on a Debian or Ubuntu x86-64 machine: the standard library of each target, a
# cross linker, and QEMU's user mode. Idempotent; asks for root (or sudo) where packages are missing. Fails if it could not get it all.
#
# Downloads come from rustup (standard libraries), or, where that cannot be had, from the machine's Debian mirror (packages, sources).
#
#   ci/setup-cross.sh [NAME...]        names: see ci/architectures.sh; default: all
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/architectures.sh

names=("$@")
[ $# -gt 0 ] || names=("${ARCHITECTURES[@]}")
missing_names=()
for name in "${names[@]}"; do runs_here "$name" || missing_names+=("$name"); done
[ ${#missing_names[@]} -gt 0 ] || exit 0
names=("${missing_names[@]}")

missing_std=()
for name in "${names[@]}"; do
    architecture "$name"
    has_std "$TARGET" || missing_std+=("$TARGET")
done

if [ ${#missing_std[@]} -gt 0 ] && ! rustup target add "${missing_std[@]}"; then
    # No rustup, or it cannot download: a script that builds the same from Debian's packages, if there is one beside the project.
    fallback=../shared/cross/setup-cross.sh
    [ -x "$fallback" ] || [ -r "$fallback" ] || {
        echo "setup-cross: no standard library for ${missing_std[*]}, and rustup cannot get it" >&2
        exit 1
    }
    exec bash "$fallback" "${names[@]}"
fi

packages=()
for name in "${names[@]}"; do
    architecture "$name"
    packages+=("${PACKAGES[@]}")
done
missing=()
for package in $(printf '%s\n' "${packages[@]}" | sort -u); do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    root=$([ "$(id -u)" = 0 ] || echo sudo)
    $root apt-get update -q
    $root apt-get install -q -y --no-install-recommends "${missing[@]}"
fi
