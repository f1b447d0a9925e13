#!/usr/bin/env bash
# Runs each fuzz target for a while, from the inputs that once showed something wrong and from what earlier runs have collected in fuzz/corpus.
#
# usage: ci/fuzz.sh [SECONDS]     for each target; 30 without an argument
#
# Needs cargo-fuzz (installed if missing) and a compiler that takes -Z options: a nightly toolchain, or RUSTC_BOOTSTRAP=1 with the stable one. Ends with one
# line per target, and status 0 exactly if no target found anything. What was found is in fuzz/artifacts: put it into fuzz/regressions.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: ci/fuzz.sh [SECONDS]"; exit 2; }

if ! cargo fuzz --version >/dev/null 2>&1 && ! cargo install --locked cargo-fuzz; then
    echo "ci/fuzz.sh: there is no cargo-fuzz, and it could not be installed (cargo install cargo-fuzz)"
    exit 2
fi
if cargo +nightly --version >/dev/null 2>&1; then
    cargo=(cargo +nightly)
elif [[ ${RUSTC_BOOTSTRAP:-0} == 1 ]]; then
    cargo=(cargo)
else
    echo "ci/fuzz.sh: there is no nightly toolchain (rustup toolchain install nightly), and RUSTC_BOOTSTRAP=1 is not set: nothing was fuzzed"
    exit 2
fi

# cargo-fuzz's own flags hide those of .cargo/config.toml.
export RUSTFLAGS="${RUSTFLAGS:-} -C force-frame-pointers=yes"
mapfile -t targets < <("${cargo[@]}" fuzz list)
((${#targets[@]} > 0)) || { echo "ci/fuzz.sh: no targets"; exit 2; }
"${cargo[@]}" fuzz build || exit
lines=()
status=0
for target in "${targets[@]}"; do
    log=$(mktemp)
    mkdir -p "fuzz/corpus/$target"
    # The longest input, and how long one may take.
    if "${cargo[@]}" fuzz run "$target" "fuzz/corpus/$target" "fuzz/regressions/$target" -- \
        -max_total_time="$seconds" -max_len=2048 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
        lines+=("$target: nothing found in ${runs:-?} runs, ${covered:-cov: ?}")
    else
        status=1
        tail -n 40 "$log"
        lines+=("$target: FOUND SOMETHING, see fuzz/artifacts/$target")
    fi
    rm -f "$log"
done
printf '%s\n' "${lines[@]}"
exit $status
