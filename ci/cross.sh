#!/usr/bin/env bash
# Runs the tests for other architectures, writes the table in README.md, and ends with one line per architecture.
#
#   ci/cross.sh [--check] [--thorough] [--minutes N] [NAME...]    names: see ci/architectures.sh; default: all
#   --check: do not change README.md, fail if its table says something else; what it says fails may do so
#   --thorough: every program of the Scheme on every kind of stack, with one worker and more
#   --minutes: begin with no further architecture after so long
#   --table: run nothing, write the table of the last runs
#
# What cannot be had on this machine is not run, and said to be so; its row of the table stays as it is.
#
#   setup-cross.sh ─→ build NAME 1 ─→ build NAME 2 ─→ …           one cargo, as many jobs as there are processors
#                          └─→ run 1    └─→ run 2 ─→ …            meanwhile the tests of two, one binary after the other
#
# All of it is to take half an hour on two processors that have nothing else to do. What each part took is said.
set -euo pipefail
{ # read to its end before it runs: it may be edited meanwhile
cd "$(dirname "$0")/.."
. ci/architectures.sh

check= thorough= minutes=
[ "${1:-}" != --check ] || { check=yes; shift; }
[ "${1:-}" != --thorough ] || { thorough=yes; shift; }
[ "${1:-}" != --minutes ] || { minutes=$2; shift 2; }
wanted=("$@")
# Those that take longest come first: at the end nobody waits for one alone.
slow=(riscv64 s390x aarch64 x32 powerpc64)
if [ $# = 0 ]; then
    wanted=("${slow[@]}")
    for name in "${ARCHITECTURES[@]}"; do
        [[ " ${slow[*]} " == *" $name "* ]] || wanted+=("$name")
    done
fi
[ "${1:-}" != --table ] || wanted=()
[ ${#wanted[@]} = 0 ] || ci/setup-cross.sh "${wanted[@]}" || echo "cross: ci/setup-cross.sh could not get everything"
names=() begun=() lacking=() late=()
for name in "${wanted[@]}"; do
    if runs_here "$name"; then names+=("$name"); else lacking+=("$name"); fi
done

# Emulated processors are slow: every property is tried with as many generated cases as this, whatever its test asks for on x86-64.
export PROPTEST_CASES=${PROPTEST_CASES:-8}
export CARGO_TARGET_DIR=$PWD/target/cross CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
# Dependencies that compile fast rather than run fast, but for the Scheme's compiler, which runs for minutes; x86-64's tests look at its assertions.
quick=(--config 'profile.dev.package."*".opt-level=0' --config 'profile.dev.package."*".debug=false')
for package in cranelift-{codegen,frontend,entity,bforest,bitset,control,jit,module} regalloc2 hashbrown smallvec rustc-hash bumpalo allocator-api2; do
    for setting in opt-level=2 debug-assertions=false overflow-checks=false; do quick+=(--config "profile.dev.package.$package.$setting"); done
done
logs=$CARGO_TARGET_DIR/logs
mkdir -p "$logs"

# What is run everywhere, in one build: another selection of packages would be another choice of features, and so the same crates once more. The
# table's columns are test binaries of these.
everything=(-p barrier-arch -p unwind-walk -p stack-alloc -p gc-mark -p sched -p integration-tests --lib)
for test in {barrier-arch,unwind-walk}/tests/*.rs; do
    everything+=(--test "$(basename "$test" .rs)")
done
for test in debug_modes guard model refused relocate sizes checker every_architecture heap history oracle scan go_moved go_parked_writes go_stopped_cycle go_reuse; do
    everything+=(--test "$test")
done
# The scheduler with a real collector, on native frames, and where there are tasks of compiled code (moving, kept_registers, many_tasks) on
# those. The other files are about x86-64's instructions, or other people's code, or text, or (go_dirty) about lists that no architecture has
# a part in, at a minute's cost.
for test in tasks collector by_tables timers panic_far go_freed tail_calls killed no_allocation moving kept_registers many_tasks; do everything+=(--test "$test"); done

# The Scheme, where there is a way between a task's stacks (`sched::COMPILED_TASK_ARCHITECTURES`); its compiler runs there, too.
scheme_names=(aarch64 riscv64 s390x)
scheme=(-p sched --example scheme)
# Of its tests those of whole programs, in each mode, on the two kinds of stack in turn (with --thorough on both), of errors, of compiled forms, and
# of what has assembly: what a text means is the same everywhere.
scheme_tests=(programs_write programs_with_tasks errors_are_reported a_million_frames codegen:: continuation:: unwind_tests:: moving_tests::)
[ -n "$thorough" ] || export SCHEME_TESTS=brief

# A test that stops the process on purpose shall not leave the whole emulator's memory behind.
ulimit -c 0
# A test binary that takes longer hangs: seconds of processor time, and by the clock, should others want the processors, too.
patience=600 scheme_patience=1500 by_the_clock=1800

build() { # build NAME: its test binaries; a list of "package source binary" to NAME.tests
    rm -f "$logs/$1".{log,json,tests}
    local selected=("${everything[@]}") debug=false level=1
    # The Scheme runs for minutes: optimised, it gains more than that costs.
    [[ " ${scheme_names[*]} " != *" $1 "* ]] || { selected+=("${scheme[@]}"); level=2; }
    # Backtraces name our functions by the table of symbols; on big-endian PowerPC, whose symbols are of descriptors, by debug information.
    [ "$1" != powerpc64 ] || debug='"limited"'
    cargo_for "$1" test --no-run --message-format=json-render-diagnostics "${quick[@]}" \
        --config "profile.dev.debug=$debug" --config "profile.dev.package.sched.opt-level=$level" "${selected[@]}" \
        2>>"$logs/$1.log" >>"$logs/$1.json" || echo "error: could not compile everything" >>"$logs/$1.log"
    sed -nE 's|.*"manifest_path":"([^"]*)/Cargo.toml".*"src_path":"([^"]*)".*"executable":"([^"]+)".*|\1 \2 \3|p' "$logs/$1.json" |
        sort >"$logs/$1.tests"
}

# A virtual machine has the programs, and not what lies beside their sources, nor a shell.
not_in_the_machine=(--skip what_a_fuzzer_found --skip a_refused_reservation)
# An emulator takes up all addresses of 32 bits at its start, so that it does not start where there are fewer.
not_in_32_bits=(--skip a_refused_reservation)

run() { # run NAME: all that was built; the output goes to its log
    local package source binary runner filters seconds
    architecture "$1"
    [ -z "$CPU" ] || local -x QEMU_CPU=$CPU
    runner=$(runner_for "$1")
    # The machine has a /tmp of its own.
    if [ "$HOW" = "in a virtual machine" ] && [[ $CARGO_TARGET_DIR != /tmp/* ]]; then
        run_in_one_machine "$1" "$runner" >>"$logs/$1.log" 2>&1
        return
    fi
    while read -r package source binary <&3; do
        printf '     Running %s\n' "${source#"$PWD/"}"
        filters=() seconds=$patience
        [ "$HOW" != "in a virtual machine" ] || filters=("${not_in_the_machine[@]}")
        [ "$QEMU" != qemu-arm ] || filters=("${not_in_32_bits[@]}")
        [[ $source != */examples/scheme/* ]] || filters=("${scheme_tests[@]}") seconds=$scheme_patience
        (cd "$package" && ulimit -t "$seconds" && timeout "$by_the_clock" $runner "$binary" "${filters[@]}" </dev/null) || echo "error: exit status $?"
    done 3<"$logs/$1.tests" >>"$logs/$1.log" 2>&1
}

# run_in_one_machine NAME RUNNER: all that was built, one start of the machine for all.
run_in_one_machine() {
    local list=$logs/$1.list in_a_row=$CARGO_TARGET_DIR/in_a_row
    sed "s| $PWD/| |" "$logs/$1.tests" >"$list"
    rustc --edition 2024 -O -C target-feature=+crt-static ci/in_a_row.rs -o "$in_a_row"
    VM_FILES=$list:$(cut -d' ' -f3 "$list" | paste -sd:) VM_MEM=3072 VM_TIMEOUT=$by_the_clock \
        $2 "$in_a_row" "$list" "$patience" "${not_in_the_machine[@]}" </dev/null || echo "error: exit status $?"
}

# counts LOG PATTERN BEFORE: what became of the test binaries whose "Running" line matches; BEFORE if there was none.
counts() {
    awk -v pattern="$2" -v before="${3:-–}" '
        /^error: could not compile/ { build_failed = 1 }
        /^ +Running / { there = $2 ~ "^(" pattern ")\\.rs$"; if (there) started++ }
        /^test result: / && there { passed += $4; failed += $6; ended++; there = 0 }
        END {
            if (!started) print build_failed ? "does not build" : before
            else if (failed || ended < started) print "FAILS"
            else if (!passed) print "–"
            else print "✓"
        }' "$1"
}

# The table's columns: heading, then test binaries by a pattern.
columns=(
    "trampoline=barrier-arch/tests/(against_reference|returns|stepped_instructions|signed|thumb|vectors)"
    "switch=barrier-arch/tests/switch"
    "install, remove, …=barrier-arch/(src/lib|tests/(patch|checker|histories|operations_checked|foreign_longjmp|go_[a-z_]*))"
    "walk=unwind-walk/.*"
    "panics through=barrier-arch/tests/unwinding"
    "stacks=stack-alloc/.*"
    "marking=gc-mark/.*"
    "tasks=integration-tests/.*"
    "Scheme=sched/examples/scheme/main"
)

# row_before: the row that README.md has; its last column moves to the end if there are more columns by now.
row_before() {
    grep -F "| \`${TARGET%%-*}\` | $GO |" README.md | awk -v due=$((${#columns[@]} + 3)) '
        { last = $(NF - 1); NF -= 2; while (NF <= due - 1) $(NF + 1) = " – "; print $0 "|" last "|" }' FS='|' OFS='|'
}

table() {
    local name column index was before rule="|---|---|---|"
    printf "| Rust's name | Go's |"
    for column in "${columns[@]}"; do printf ' %s |' "${column%%=*}"; rule+="---|"; done
    printf ' tests run |\n%s\n' "$rule"
    for name in "${ARCHITECTURES[@]}"; do
        architecture "$name"
        if [[ " ${lacking[*]} ${late[*]} " == *" $name "* ]] || [ ! -s "$logs/$name.log" ]; then
            row_before
            continue
        fi
        printf '| `%s` | %s |' "${TARGET%%-*}" "$GO"
        IFS='|' read -ra before < <(row_before)
        for index in "${!columns[@]}"; do
            was=$(xargs <<<"${before[index + 3]:-}")
            printf ' %s |' "$(counts "$logs/$name.log" "${columns[index]#*=}" "$was")"
        done
        printf ' %s |\n' "$HOW"
    done
}

verdict() { # verdict NAME: a line; fails if a test did
    local log=$logs/$1.log word=ok passed
    passed=$(awk '/^test result: / { n += $4 } END { print n + 0 }' "$log")
    ! grep -qE '^(error|test result: FAILED)' "$log" || word=FAILS
    architecture "$1"
    printf '%-12s %-6s %4d tests passed, %s\n' "$1" "$word" "$passed" "$HOW"
    [ $word = ok ]
}

# Seconds by the clock, and of processors.
TIMEFORMAT="%R s, of processors %U + %S s"

timed() { # timed WHAT NAME: build or run, and how long it took
    local took
    took=$({ time "$1" "$2"; } 2>&1)
    printf '%5d s  %-12s %s: %s\n' $SECONDS "$2" "$1" "$took"
}

run_and_say() {
    timed run "$1"
    grep -E '^(error|test .* FAILED|test result: FAILED)' "$logs/$1.log" || true
}

for name in "${names[@]}"; do
    if [ -n "$minutes" ] && ((SECONDS >= minutes * 60)); then
        late+=("$name")
        continue
    fi
    timed build "$name"
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    run_and_say "$name" &
    begun+=("$name")
done
wait

bad=0
written=$(TABLE=$(table) awk '
    /^<!-- written by ci\/cross.sh -->$/ { print; print ""; print ENVIRON["TABLE"]; print ""; skip = 1 }
    /^<!-- end -->$/ { skip = 0 }
    !skip' README.md)
if [ -z "$check" ]; then
    printf '%s\n' "$written" >README.md
elif [ "$written" != "$(cat README.md)" ]; then
    echo "README.md: the table of architectures is not what this run found; it should be"
    table
    bad=1
fi
printf '\n'
# What the table says fails may fail, where only the table is checked.
said_to_fail() { architecture "$1" && [ -n "$check" ] && row_before | grep -q FAILS; }
for name in "${begun[@]}"; do verdict "$name" || said_to_fail "$name" || bad=1; done
for name in "${late[@]}"; do printf '%-12s NOT RUN: no time left\n' "$name"; done
for name in "${lacking[@]}"; do printf '%-12s NOT RUN: no standard library, linker or emulator for it here\n' "$name"; done
exit $bad
}
