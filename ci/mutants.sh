#!/usr/bin/env bash
# Breaks one invariant at a time and shows which test notices.
#
# Works on a copy of the last commit, under target/mutants, with a target directory of its own; the checkout is not touched. First the
# tests are run on the unbroken copy: they must pass. Then for each mutant: replace a text that occurs exactly once, build (a mutant that
# does not compile proves nothing), run the smallest test target that should notice. A failure, a crash, or no end within the time
# limit kills it. A mutant whose text is no longer there is stale: it is named before anything is built, and counts as one that was not
# killed. The mutants are in ci/mutants/, one file per crate:
#
#   mutant NAME FILE PACKAGE TARGET FILTER <<'END'      TARGET: lib, or the name of an integration test; loom/ or shuttle/ before it
#                                                       if it is a model (ci/models.sh), example/ if it is an example
#   the text
#   ====
#   its replacement
#   END
#
# usage: ci/mutants.sh [NAME...]     all of them, or these
#
# Needs git, tar, perl, flock and timeout. Ends with the line "N mutants, N killed", and status 0 exactly if the two are the same.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
for tool in git tar perl flock timeout cargo; do
    command -v "$tool" >/dev/null || { echo "ci/mutants.sh needs $tool, which is not installed"; exit 2; }
done
checkout=$PWD
work=$checkout/target/mutants
tree=$work/tree
# Seconds; more for tests that take more than a twentieth of it when nothing is broken.
shortest_limit=${MUTANTS_TIME_LIMIT:-120}
export CARGO_TARGET_DIR=$work/target CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never
# A failing case is enough; nobody reads the smallest one. The same cases each time: a mutant that is killed is killed again.
export PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_RNG_SEED=1 RUST_BACKTRACE=0
chosen=("$@")
count=0 killed=0 limit=
declare -A sound stale
alive=()

copy_tree() {
    rm -rf "$tree"
    mkdir -p "$tree"
    git archive HEAD | tar -x -C "$tree" || { echo "ci/mutants.sh works on the last commit of a git checkout"; exit 2; }
    # Benches are not needed, and what they depend on takes minutes to build.
    rm -rf "$tree"/*/benches
    perl -0777 -i -pe 's/^criterion\.workspace.*\n//mg; s/^\[\[bench\]\]\n(?:\w+ = .*\n)+//mg' "$tree"/*/Cargo.toml
}

is_chosen() {
    ((${#chosen[@]} == 0)) && return
    local name
    for name in "${chosen[@]}"; do [[ $name == "$1" ]] && return; done
    return 1
}

# Path of the test binary of package $1, target $2; the compiler's messages go to build.log.
build() {
    local name=${2#*/} watched=()
    local target=(--test "$name")
    [[ $name == lib ]] && target=(--lib)
    [[ $2 == example/* ]] && target=(--example "$name")
    # Joined with those of .cargo/config.toml.
    [[ $2 == loom/* || $2 == shuttle/* ]] && watched=(--config "build.rustflags=[\"--cfg\",\"${2%%/*}\"]")
    (cd "$tree" && cargo "${watched[@]}" test -p "$1" "${target[@]}" --no-run 2>&1) | tee "$work/build.log" |
        sed -n 's/^ *Executable .*(\(.*\))$/\1/p'
}

# Runs the tests of binary $3 of package $1 that match $2, one at a time: the last one that is named without a result is the one that
# crashed.
run() {
    (
        cd "$tree/$1" || exit
        timeout --signal=KILL "$limit" "$3" --test-threads=1 $2
        exit $?
    ) >"$work/run.log" 2>&1
}

# As `run`, three times if need be: what goes wrong between threads does not do so each time.
run_until_killed() {
    local try
    for try in 1 2 3; do run "$@" || return; done
}

# The first test that failed, crashed or did not end, according to run.log.
culprit() {
    sed -n -e 's/^test \(.*\) \.\.\. FAILED.*$/\1/p' "$work/run.log" | head -1 | grep . ||
        sed -n -e '/\.\.\. ok$/d' -e 's/^test \([^ ]*\).* \.\.\..*$/\1/p' "$work/run.log" | tail -1 | grep . ||
        echo "(before the first test)"
}

# Do the tests pass on the unbroken tree, and are there any? Sets the time limit for the broken ones.
check_sound() {
    local key="$1 $2 $3" binary since
    limit=${sound[$key]:-}
    [[ -n $limit ]] && return
    limit=$((shortest_limit * 5))
    binary=$(build "$1" "$2")
    since=$SECONDS
    if [[ -z $binary ]] || ! run "$1" "$3" "$binary" || ! grep -q '\.\.\. ok$' "$work/run.log"; then
        echo "the tests of $key do not pass before anything is broken:"
        tail -n 20 "$work/build.log" "$work/run.log"
        exit 2
    fi
    limit=$((20 * (SECONDS - since)))
    ((limit < shortest_limit)) && limit=$shortest_limit
    sound[$key]=$limit
}

# How often does the text before the line ==== in $1 occur in file $2?
occurrences() {
    PATCH=$1 perl -0777 -ne '
        my ($old, $new) = split /^====\n/m, $ENV{PATCH}, 2;
        defined $new or die "a mutant without a replacement\n";
        my $found = () = /\Q$old\E/g;
        print $found;' "$2"
}

# Replaces the text before the line ==== in $1 by that after it, in file $2.
replace() {
    PATCH=$1 perl -0777 -i -pe '
        BEGIN { ($old, $new) = split /^====\n/m, $ENV{PATCH}, 2; }
        s/\Q$old\E/$new/;' "$2"
}

# $1 was not killed, for the reason $2.
lives() {
    echo "$1: $2"
    alive+=("$1: $2")
}

# The text and its replacement, to the last newline.
read_patch() {
    patch=$(cat; echo .)
    patch=${patch%.}
}

# First round: is the text of each mutant still there, exactly once?
look_for() {
    local name=$1 file=$2 patch found
    read_patch
    is_chosen "$name" || return
    count=$((count + 1))
    [[ -f $tree/$file ]] || { stale[$name]="there is no $file"; return; }
    found=$(occurrences "$patch" "$tree/$file")
    [[ $found == 1 ]] || stale[$name]="its text occurs ${found:-?} times in $file, not once"
}

# Second round: break it and run the tests.
break_it() {
    local name=$1 file=$2 package=$3 target=$4 filter=$5 patch binary status how
    read_patch
    is_chosen "$name" && [[ -z ${stale[$name]:-} ]] || return
    check_sound "$package" "$target" "$filter"
    cp -p "$tree/$file" "$work/original"
    replace "$patch" "$tree/$file"
    binary=$(build "$package" "$target")
    if [[ -z $binary ]]; then
        lives "$name" "DOES NOT BUILD"
        grep -A6 '^error' "$work/build.log" | head -20
    elif run_until_killed "$package" "$filter" "$binary"; then
        lives "$name" "SURVIVED $package::$target $filter"
    else
        status=$?
        killed=$((killed + 1))
        case $status in
            101) how="" ;;
            137) how=" (no end within $limit s)" ;;
            *) how=" (SIG$(kill -l $((status - 128))))" ;;
        esac
        echo "$name: killed by $package::$target::$(culprit)$how"
    fi
    cp "$work/original" "$tree/$file" # a new time stamp: cargo builds it again
}

# Calls $1 for each mutant.
each_mutant() {
    local list
    eval "mutant() { $1 \"\$@\"; }"
    for list in "$checkout"/ci/mutants/*.sh; do
        # shellcheck source=/dev/null
        source "$list"
    done
}

mkdir -p "$work"
exec 9>"$work/lock"
flock --nonblock 9 || { echo "another run is under way in $work"; exit 2; }
copy_tree
each_mutant look_for
for name in "${!stale[@]}"; do
    lives "$name" "STALE, ${stale[$name]}: bring ci/mutants up to date"
done
each_mutant break_it
if ((${#alive[@]} > 0)); then
    printf '\nnot killed:\n'
    printf '  %s\n' "${alive[@]}"
fi
echo "$count mutants, $killed killed"
((count > 0 && killed == count))
