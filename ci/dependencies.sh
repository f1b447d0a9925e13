#!/usr/bin/env bash
# Licences and advisories (cargo deny), and the stated minimum version of Rust.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo-deny >/dev/null; then
    cargo install --locked cargo-deny
fi
# The advisory database is fetched from the net; where that cannot be had, licences, bans and sources are still checked.
if ! cargo deny fetch db >/dev/null 2>&1; then
    echo "advisories: the database cannot be fetched here, they are NOT checked"
    cargo deny check licenses bans sources
else
    cargo deny check
fi

stated=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
toolchain=$(rustup toolchain list 2>/dev/null | grep -oE "^$stated[^ ]*" | head -n 1 || true)
if [ -n "$toolchain" ]; then
    CARGO_TARGET_DIR=target/msrv cargo "+$toolchain" check --workspace
else
    echo "MSRV: toolchain $stated is not installed, NOT checked (this is $(rustc --version))"
fi
