#!/usr/bin/env bash
# A Scheme torture program (ci/soak.scm) in every combination of modes, for so many minutes each:
#
#   barriers            off, exponential, at every frame
#   stacks              reserved; moved at every call and every collection
#   collections         beside the program; with the world stopped
#   when                at every allocation, back to back; when the heap wants it, with three workers
#
# always verified by marking again from scratch, watched for missing write barriers, interrupted by a profiler a thousand times a second, in a build with
# debug assertions. A lost object ends the program with a report.
#
# usage: ci/soak.sh [MINUTES [AT_ONCE]]     for each of the 24 combinations, fractions are allowed; so many of them side by side. Default: 10 1
#
# Ends with a line for each combination, and status 0 exactly if all held.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
minutes=${1:-10}
seconds=$(awk -v minutes="$minutes" 'BEGIN { if (minutes + 0 <= 0) exit 1; print minutes * 60 }') ||
    { echo "ci/soak.sh: '$minutes' is not a number of minutes"; exit 2; }
at_once=${2:-1}
[[ $at_once =~ ^[1-9][0-9]*$ ]] || { echo "ci/soak.sh: '$at_once' is not a number of combinations"; exit 2; }
cargo build -q -p sched --example scheme || exit
scheme=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug/examples/scheme
results=$(mktemp -d) || exit
trap 'rm -rf "$results"' EXIT

# One combination: its number, its name, and the options that make it. Its line goes to a file of that number.
soak() {
    local line=$results/$1 name=$2 rounds status
    shift 2
    # What hangs is as bad as what crashes.
    rounds=$(timeout --signal=ABRT "$(awk -v s="$seconds" 'BEGIN { print int(s * 2) + 300 }')" \
        "$scheme" ci/soak.scm --verify --oracle --profile 1000 --heap-limit 64M --stack-limit 16M "$@" -- "$seconds" 2>"$line.log")
    status=$?
    if ((status == 0)); then
        printf '%-58s ok, %s rounds; %s\n' "$name" "$rounds" "$(tail -n 1 "$line.log")" >"$line"
    else
        printf '%-58s FAILED with status %s\n' "$name" "$status" >"$line"
        { echo "== $name: $*"; tail -n 40 "$line.log"; } >&2
    fi
}

number=100
for barriers in off on every-frame; do
    for stacks in reserve copy; do
        moves=()
        [[ $stacks == copy ]] && moves=(--always-move)
        for collections in concurrent stopped; do
            world=()
            [[ $collections == stopped ]] && world=(--stop-the-world)
            for when in stress workers; do
                pressure=(--gc-stress)
                [[ $when == workers ]] && pressure=(--jobs 3)
                while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
                number=$((number + 1))
                soak "$number" "barriers $barriers, stacks $stacks, $collections, $when" \
                    --barriers "$barriers" --stacks "$stacks" "${moves[@]}" "${world[@]}" "${pressure[@]}" &
            done
        done
    done
done

wait
echo
cat "$results"/???
failed=$(cat "$results"/??? | grep -c FAILED)
echo "$((number - 100)) combinations, $failed failed"
((failed == 0))
