#!/usr/bin/env bash
# Every test of the workspace: unit, integration and doc tests, the Scheme's programs, the examples' own tests.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/packages.sh
# Tests that crash should say which one they were: the collector's stop with a signal, not with a panic.
cargo test --workspace --lib --bins --tests
# The other examples have the Scheme in them, whose tests need not run again.
cargo test -p sched --example headline --example deep_recursion -- --skip scheme::
cargo test --workspace --doc
cargo run -p sched --example headline -- --scale 1 --repeat 1
