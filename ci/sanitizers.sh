#!/usr/bin/env bash
# The native suite under AddressSanitizer, LeakSanitizer and ThreadSanitizer, and under valgrind. One line per combination at the end; status 0 if all passed.
#
# usage: ci/sanitizers.sh [address|leak|thread|valgrind ...]      all of them, or these
#
# Needs nothing but the toolchain: the sanitizers' runtimes come with it (`librustc-*_rt.*.a`), and RUSTC_BOOTSTRAP=1 lets the stable compiler use them. The
# standard library is the ordinary one, not instrumented. Under valgrind the ordinary test programs are run; needs the package `valgrind`.
# Builds under target/sanitizers, some minutes each.
#
#   address   stacks are told to it: a panic on a task cleans up the frames that it drops. Locals must lie on the stack, not on the heap, for a collector that
#             scans frames word by word: detect_stack_use_after_return=0.
#   leak      what only a waiting task's stack refers to is no leak.
#   thread    each task is a thread of execution. What the standard library does uninstrumented is in ci/thread.supp.
#   valgrind  memcheck; stacks are registered, and words that nobody stored may be scanned. ci/valgrind.supp
set -uo pipefail
cd "$(dirname "$0")/.." || exit
target=$(rustc -vV | sed -n 's/^host: //p')
seconds=${SANITIZERS_TIME_LIMIT:-900}
lines=()
status=0

# Test programs of integration-tests for $1. Those that are about frames tell the latter two nothing.
programs() {
    case $1 in
        address | leak) echo tasks collector oracle go_freed go_reuse exceptions ;;
        thread | valgrind) echo tasks collector ;;
    esac
}

# What is left out for $1: tests of which unwinder there is, since the sanitizers' own functions stand before it, and of processes that end by abort.
skipped() {
    case $1 in
        address | leak) echo --skip unwinders --skip aborts ;;
    esac
}

# Builds program $2 for tool $1; prints its path.
build() {
    local args=(test -p integration-tests --no-run --test "$2" --message-format short)
    if [[ $1 == valgrind ]]; then
        cargo "${args[@]}" 2>&1
    else
        local flags="-C force-frame-pointers=yes -Zsanitizer=$1"
        # What crossbeam orders by fences, of which ThreadSanitizer knows nothing, it then orders otherwise.
        [[ $1 == thread ]] && flags+=" -Cunsafe-allow-abi-mismatch=sanitizer --cfg crossbeam_sanitize_thread"
        RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags CARGO_TARGET_DIR=target/sanitizers/$1 cargo "${args[@]}" --target "$target" 2>&1
    fi | tee target/sanitizers/build.log | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'
}

# Runs program $2 under tool $1.
run() {
    local program=$PWD/$2 command=(timeout "$seconds")
    [[ $1 == valgrind ]] && command+=(valgrind --quiet --error-exitcode=9 "--suppressions=$PWD/ci/valgrind.supp")
    (
        cd integration-tests || exit
        # shellcheck disable=SC2046
        ASAN_OPTIONS=detect_stack_use_after_return=0 TSAN_OPTIONS="suppressions=$OLDPWD/ci/thread.supp" RUST_BACKTRACE=0 \
            "${command[@]}" "$program" --test-threads=1 $(skipped "$1")
    )
}

mkdir -p target/sanitizers
tools=("$@")
((${#tools[@]} == 0)) && tools=(address leak thread valgrind)
for tool in "${tools[@]}"; do
    if [[ $tool == valgrind ]] && ! command -v valgrind >/dev/null; then
        lines+=("valgrind: NOT RUN, it is not installed")
        status=1
        continue
    fi
    for name in $(programs "$tool"); do
        log=target/sanitizers/$tool-$name.log
        program=$(build "$tool" "$name")
        if [[ -z $program ]]; then
            lines+=("$tool $name: DOES NOT BUILD")
            tail -20 target/sanitizers/build.log
            status=1
        elif run "$tool" "$program" >"$log" 2>&1 && grep -q 'test result: ok. [1-9]' "$log"; then
            lines+=("$tool $name: $(sed -n 's/^test result: ok. \([0-9]* passed\).*/\1/p' "$log"), nothing reported")
        else
            lines+=("$tool $name: FAILED, see $log: $(grep -m1 -E 'SUMMARY|FAILED|ERROR' "$log")")
            status=1
        fi
    done
done
echo
printf '%s\n' "${lines[@]}"
exit $status
