#!/usr/bin/env bash
# What it takes to build and run the tests for other architectures on a Debian or Ubuntu x86-64 machine: the standard library of each target, a
# cross compiler to link with, and QEMU's user mode. Idempotent; asks for root (or sudo) where packages are missing. Fails if it could not get it all.
#
# Standard libraries come from rustup. Where rustup cannot download, Debian's compiler and its sources are installed, and cargo builds the
# library with the tests (see architectures.sh). QEMU is that of Debian 13, unpacked under target/, where the system's is too old. Not to be had like
# this: x32, which needs a kernel that has it, and what Debian has no cross compiler for.
#
#   ci/setup-cross.sh [NAME...]        names: see ci/architectures.sh; default: all
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/architectures.sh

names=("$@")
[ $# -gt 0 ] || names=("${ARCHITECTURES[@]}")
lacking=() packages=()
for name in "${names[@]}"; do
    ! runs_here "$name" || continue
    lacking+=("$name")
    [ "$name" != x32 ] || continue
    architecture "$name"
    packages+=("${PACKAGES[@]}")
    # One by one: it adds none if one of them cannot be had.
    rustup target add "$TARGET" || packages+=("${DEBIAN_PACKAGES[@]}")
done
[ ${#lacking[@]} -gt 0 ] || exit 0

root=$([ "$(id -u)" = 0 ] || echo sudo)
$root apt-get update -q || echo "setup-cross: apt-get update failed; going on with the lists that there are" >&2
missing=()
for package in $(printf '%s\n' "${packages[@]}" | sort -u); do
    if ! apt-cache show "$package" >/dev/null 2>&1; then
        echo "setup-cross: this system has no package $package" >&2
    elif ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed'; then
        missing+=("$package")
    fi
done
[ ${#missing[@]} = 0 ] || $root apt-get install -q -y --no-install-recommends "${missing[@]}"

# unpack_emulators NAME...: those of Debian 13, which are linked statically and run anywhere.
unpack_emulators() {
    local here=$EMULATORS suite=trixie
    mkdir -p "$here"/{lists,cache}/partial
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$here/sources.list"
    local apart=(-q -o "Dir::Etc::SourceList=$here/sources.list" -o "Dir::Etc::SourceParts=-" -o "Dir::State::Lists=$here/lists" -o "Dir::Cache=$here/cache"
        -o "APT::Sandbox::User=root")
    apt-get "${apart[@]}" update && (cd "$here" && apt-get "${apart[@]}" download qemu-user && dpkg --fsys-tarfile qemu-user_*.deb | tar -x "${@/#/./usr/bin/}")
    rm -rf "$here"/{lists,cache,sources.list,*.deb}
}
emulators=()
for name in "${lacking[@]}"; do
    architecture "$name"
    [ -z "$QEMU" ] || has_emulator || emulators+=("$QEMU")
done
[ ${#emulators[@]} = 0 ] || unpack_emulators "${emulators[@]}" || echo "setup-cross: no emulators ${emulators[*]}" >&2

for name in "${lacking[@]}"; do
    runs_here "$name" || { echo "setup-cross: $name cannot be had on this machine" >&2; failed=yes; }
done
[ -z "${failed:-}" ]
