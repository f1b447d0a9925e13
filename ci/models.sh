#!/usr/bin/env bash
# Model checking of everything concurrent, on the code itself: some minutes once built.
#
# `--cfg loom` puts loom's atomics and locks in the place of the usual ones (each crate's `sync.rs`): every interleaving of a few steps, with every
# reordering that the memory model allows. `--cfg shuttle` does so for whatever threads wait by, up to the whole runtime: random interleavings of
# many steps, sequentially consistent. The models are `barrier-arch/tests/models.rs`, `stack-alloc/src/models.rs`, `gc-mark/src/models/` and
# `sched/src/models/`; ci/mutants/models.sh breaks what they check.
#
# usage: ci/models.sh [FILTER]     all models, or those of tests whose names contain FILTER
#
# MODEL_ITERATIONS=N in the environment has shuttle try N times as many. Ends with a line for each model, which says how many interleavings it had,
# and status 0 exactly if all hold.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CARGO_TARGET_DIR=target/models CARGO_TERM_COLOR=never SHUTTLE_SILENCE_WARNINGS=1
filter=${1:-}
log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT
failed=()

# The models of package $2 under checker $1; target and filter in the rest.
check() {
    local checker=$1 package=$2
    shift 2
    echo "== $checker: $package"
    if ! cargo --config "build.rustflags=[\"-C\",\"force-frame-pointers=yes\",\"--cfg\",\"$checker\"]" test -p "$package" "$@" -- --nocapture --test-threads=1 \
        ${filter:+"$filter"} >"$log.one" 2>&1; then
        failed+=("$checker: $package")
        tail -n 60 "$log.one"
    fi
    grep -o 'model .*: [0-9]* interleavings' "$log.one" | sed "s/^model /$checker  /" >>"$log"
    rm -f "$log.one"
}

check loom barrier-arch --test models
check loom stack-alloc --lib models
check loom gc-mark --lib models
check loom sched --lib models
check shuttle gc-mark --lib models
check shuttle sched --lib models

echo
column -t "$log" 2>/dev/null || cat "$log"
if ((${#failed[@]} > 0)); then
    printf 'FAILED %s\n' "${failed[@]}"
    exit 1
fi
[[ -s $log ]] || { echo "no model ran"; exit 1; }
