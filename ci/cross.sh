#!/usr/bin/env bash
# Runs the tests for other architectures, writes the table in README.md, and ends with one line per architecture.
#
#   ci/cross.sh [--check] [NAME...]    names: see ci/architectures.sh; default: all
#   --check: do not change README.md, fail if its table says something else
#   --table: run nothing, write the table of the last runs
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/architectures.sh

check=
[ "${1:-}" != --check ] || { check=yes; shift; }
names=("$@")
[ $# -gt 0 ] || names=("${ARCHITECTURES[@]}")
[ "${1:-}" != --table ] || names=()
[ ${#names[@]} = 0 ] || ci/setup-cross.sh "${names[@]}"

# Emulated processors are slow: fewer generated cases, and dependencies that compile fast rather than run fast.
export PROPTEST_CASES=${PROPTEST_CASES:-8} CARGO_TARGET_DIR=target/cross CARGO_TERM_COLOR=never
quick=(--config 'profile.dev.package."*".opt-level=0' --config 'profile.dev.debug="line-tables-only"')
logs=target/cross/logs
mkdir -p $logs

# What is run there so far. The table's columns are test binaries of these.
crates=(-p barrier-arch -p unwind-walk)

run() { # run NAME: all its tests; the output goes to its log
    local name=$1 failed=0
    cargo_for "$name" test "${quick[@]}" "${crates[@]}" --lib --tests --no-fail-fast || failed=1
    return $failed
}

# counts LOG PATTERN: what became of the test binaries whose "Running" line matches.
counts() {
    awk -v pattern="$2" '
        /^error: could not compile/ { build_failed = 1 }
        /^ +Running / { there = $0 ~ pattern; if (there) started++ }
        /^test result: / && there { passed += $4; failed += $6; ended++; there = 0 }
        END {
            if (!started) print build_failed ? "does not build" : "–"
            else if (failed || ended < started) printf "FAILS: %d of %d\n", failed + started - ended, passed + failed + started - ended
            else if (!passed) print "–"
            else print "✓"
        }' "$1"
}

row() { # row NAME: its row of the table
    local log=$logs/$1.log
    architecture "$1"
    printf '| `%s` | %s | %s | %s | %s | %s | %s | %s |\n' "${TARGET%%-*}" "$GO" \
        "$(counts "$log" 'tests/(against_reference|returns|stepped_instructions|signed)\.rs')" \
        "$(counts "$log" 'tests/switch\.rs')" \
        "$(counts "$log" '/barrier_arch-|tests/(patch|checker|histories|operations_checked|foreign_longjmp|go_[a-z_]*)\.rs')" \
        "$(counts "$log" '/unwind_walk-|tests/(live|walks|corrupt|trampoline|broken_lists)\.rs')" \
        "$(counts "$log" 'tests/unwinding\.rs')" \
        "$HOW"
}

bad=0
verdicts=()
for name in "${names[@]}"; do
    printf '\n== %s\n' "$name"
    if run "$name" >"$logs/$name.log" 2>&1; then verdict=ok; else verdict=FAILS bad=1; fi
    passed=$(awk '/^test result: / { n += $4 } END { print n + 0 }' "$logs/$name.log")
    grep -E '^(error|test .* FAILED|test result: FAILED)' "$logs/$name.log" || true
    architecture "$name"
    verdicts+=("$(printf '%-12s %-6s %4d tests passed, %s' "$name" "$verdict" "$passed" "$HOW")")
done

# The table speaks of all of them, so it is written when each has been run.
complete=yes
for name in "${ARCHITECTURES[@]}"; do [ -s "$logs/$name.log" ] || complete=; done
if [ -n "$complete" ]; then
    table=$(
        echo "| Rust's name | Go's | trampoline | switch | install, remove, … | walk | panics through | tests run |"
        echo "|---|---|---|---|---|---|---|---|"
        for name in "${ARCHITECTURES[@]}"; do row "$name"; done
    )
    written=$(TABLE=$table awk '
        /^<!-- written by ci\/cross.sh -->$/ { print; print ""; print ENVIRON["TABLE"]; print ""; skip = 1 }
        /^<!-- end -->$/ { skip = 0 }
        !skip' README.md)
    if [ -z "$check" ]; then
        printf '%s\n' "$written" >README.md
    elif [ "$written" != "$(cat README.md)" ]; then
        echo "README.md: the table of architectures is not what this run found; it should be"
        echo "$table"
        bad=1
    fi
fi
printf '\n'
[ ${#verdicts[@]} = 0 ] || printf '%s\n' "${verdicts[@]}"
exit $bad
