#!/usr/bin/env bash
# Every feature of the crates alone, and none: each must build without warnings.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-hack >/dev/null || cargo install --locked cargo-hack
RUSTFLAGS="-D warnings -C force-frame-pointers=yes" CARGO_TARGET_DIR=target/features \
    cargo hack check --workspace --exclude integration-tests --each-feature --no-dev-deps
