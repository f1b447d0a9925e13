#!/usr/bin/env bash
# Which lines the tests reach, per file: cargo-llvm-cov over the crates' own tests and the integration tests.
#
# usage: ci/coverage.sh [--html]     a table on standard output; with --html also target/llvm-cov/html
#
# Needs LLVM's tools of the compiler's own major version: the component llvm-tools, or Debian's llvm-NN. What is not covered, and why, is in
# docs/testing.md. Other tests than these reach code too, which does not count here: child processes that are killed, other architectures, models.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-llvm-cov >/dev/null || cargo install --locked cargo-llvm-cov
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
if ! ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-cov >/dev/null 2>&1; then
    for tool in cov profdata; do
        command -v "llvm-$tool-$major" >/dev/null ||
            { echo "ci/coverage.sh needs llvm-$tool of LLVM $major: rustup component add llvm-tools, or the package llvm-$major"; exit 2; }
    done
    LLVM_COV=$(command -v "llvm-cov-$major") LLVM_PROFDATA=$(command -v "llvm-profdata-$major")
    export LLVM_COV LLVM_PROFDATA
fi

cargo llvm-cov clean --workspace
cargo llvm-cov --no-report -p barrier-arch -p stack-alloc -p unwind-walk -p gc-mark --tests --features unwind-walk/cfi
cargo llvm-cov --no-report -p integration-tests --tests
if [[ ${1:-} == --html ]]; then
    cargo llvm-cov report --html
fi
cargo llvm-cov report --summary-only
