//! What `perf record --call-graph` shows of a stack with barriers, measured, and what `debuggers/perf_barriers.py` makes of it.
//!
//! The test runs perf on its own executable. Inside, [`inferior`] goes down a stack, installs barriers and burns time at the bottom, where all samples are
//! taken, by the kernel's software clock: no counters of the processor are needed. Compared with the chain of functions that is seen without barriers: which
//! share of the samples is complete, and of their frames how many have the right name.
//!
//! Where perf may not record, only the script is tested, on text.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use integration_tests::ground::{By, Ground};
use integration_tests::mode;

const MODE: &str = "PERF_MODE";
/// Triples of frames: some 13 KiB.
const DEPTH: usize = 10;

#[inline(never)]
fn burn() -> u64 {
    (0..300_000_000_u64).fold(0, |sum, i| black_box(sum + i))
}

#[inline(never)]
fn red(depth: usize, ground: &Ground) -> usize {
    let words = black_box([depth; 50]);
    if depth == 0 {
        ground.scan();
        return burn() as usize + words[7];
    }
    green(black_box(depth), ground) + black_box(&words)[9]
}

#[inline(never)]
fn green(depth: usize, ground: &Ground) -> usize {
    let words = black_box([depth; 51]);
    blue(black_box(depth), ground) + black_box(&words)[9]
}

#[inline(never)]
fn blue(depth: usize, ground: &Ground) -> usize {
    let words = black_box([depth; 52]);
    red(black_box(depth - 1), ground) + black_box(&words)[9]
}

/// What perf records; without perf, nothing.
#[test]
fn inferior() {
    let Some(spacing) = mode::from_environment(MODE) else { return };
    Ground::run(1 << 16, spacing, By::FramePointers, |ground| black_box(red(DEPTH, ground)));
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("debuggers/perf_barriers.py")
}

/// Names of functions, youngest first.
type Chain = Vec<String>;

/// The samples that were taken in [`burn`], from what `perf script` prints.
fn chains(text: &str) -> Vec<Chain> {
    let samples = text.split("\n\n").map(|sample| {
        let frames = sample.lines().filter(|line| line.starts_with(['\t', ' ']));
        let name = |line: &str| {
            let name = line.trim().split_once(' ').map_or("?", |(_, name)| name);
            name.rsplit_once(" (").map_or(name, |(name, _)| name).split('+').next().unwrap().to_owned()
        };
        frames.map(name).collect::<Chain>()
    });
    samples.filter(|chain| chain.first().is_some_and(|name| name.contains("burn"))).collect()
}

/// What one recording shows.
struct Seen {
    raw: Vec<Chain>,
    repaired: Vec<Chain>,
}

/// `None` if perf may not record here.
fn record(mode: &str, call_graph: &str) -> Option<Seen> {
    let kind = call_graph.replace(',', "-");
    let file = std::env::temp_dir().join(format!("perf-{}-{}-{kind}.data", std::process::id(), mode.len()));
    let mut command = Command::new("perf");
    command.args(["record", "-q", "-e", "cpu-clock:u", "-F", "499", "--call-graph", call_graph, "-o"]);
    command.arg(&file).arg("--").arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", "inferior", "--test-threads=1"]).env(MODE, mode).output();
    let refused = match &output {
        Err(error) => Some(format!("perf cannot be run here ({error}; ci/packages.sh installs it)")),
        Ok(output) if !output.status.success() => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Ok(_) => None,
    };
    if let Some(reason) = refused {
        eprintln!("NOT MEASURED: {reason}");
        return None;
    }
    let text = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let fields = ["--no-inline", "-F", "comm,ip,sym,dso"];
    let raw = chains(&text(Command::new("perf").args(["script", "-i"]).arg(&file).args(fields)));
    let repaired = chains(&text(Command::new("python3").arg(script()).arg("-i").arg(&file)));
    std::fs::remove_file(&file).unwrap();
    assert!(raw.len() > 20, "{} samples", raw.len());
    assert_eq!(raw.len(), repaired.len());
    Some(Seen { raw, repaired })
}

/// The most frequent chain: without barriers, the truth.
fn usual(chains: &[Chain]) -> Chain {
    let mut counts: HashMap<&Chain, usize> = HashMap::new();
    chains.iter().for_each(|chain| *counts.entry(chain).or_default() += 1);
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    most.expect("there are samples").0.clone()
}

/// Percent of the samples of which `is_so` holds.
fn share(chains: &[Chain], is_so: impl Fn(&Chain) -> bool) -> usize {
    100 * chains.iter().filter(|chain| is_so(chain)).count() / chains.len()
}

fn is_barrier(name: &str) -> bool {
    name.contains("stack_barrier")
}

/// Without frames of barriers, and the one that perf cannot name where its copy of the stack ends.
fn without_barriers(chain: &Chain) -> Chain {
    chain.iter().filter(|name| !is_barrier(name) && *name != "[unknown]").cloned().collect()
}

/// Nearly all: a sample may come before the barriers, or in a prologue.
const NEARLY_ALL: usize = 95;

/// Callers by frame pointer: each barrier stands where its caller's name should.
#[test]
fn by_frame_pointers() {
    let Some(off) = record("off", "fp") else { return };
    let truth = usual(&off.raw);
    assert!(truth.iter().filter(|name| name.contains("green")).count() == DEPTH, "{truth:?}");
    for mode in mode::NAMES {
        let Some(seen) = record(mode, "fp") else { return };
        let complete = share(&seen.raw, |chain| *chain == truth);
        let same_length = share(&seen.raw, |chain| chain.len() == truth.len());
        let renamed = usual(&seen.raw).iter().filter(|name| is_barrier(name)).count();
        let repaired = share(&seen.repaired, |chain| *chain == truth);
        println!(
            "fp, {mode}: {complete} % of {} samples complete, {same_length} % as long; {renamed} of {} frames renamed; repaired: {repaired} %",
            seen.raw.len(),
            truth.len()
        );
        assert!(same_length >= NEARLY_ALL, "{mode}: {:?}", usual(&seen.raw));
        match mode {
            "off" => assert!(complete >= NEARLY_ALL && repaired >= NEARLY_ALL),
            "exponential" => {
                assert!((1..8).contains(&renamed) && complete == 0);
                assert!(repaired >= NEARLY_ALL, "{:#?}\n{truth:#?}", usual(&seen.repaired));
            }
            // A function whose caller's caller is unknown, too, cannot be guessed.
            _ => assert!(renamed > 3 * DEPTH && complete == 0 && repaired == 0),
        }
    }
}

/// Callers by unwind tables, from copies of the stack that reach its top.
#[test]
fn by_unwind_tables_with_all_of_the_stack() {
    let Some(off) = record("off", "dwarf,65528") else { return };
    let truth = usual(&off.raw);
    assert!(truth.iter().filter(|name| name.contains("green")).count() == DEPTH, "{truth:?}");
    for mode in mode::NAMES {
        let Some(seen) = record(mode, "dwarf,65528") else { return };
        let complete = share(&seen.raw, |chain| without_barriers(chain) == truth);
        let repaired = share(&seen.repaired, |chain| *chain == truth);
        println!(
            "dwarf,65528, {mode}: {complete} % of {} samples complete but for frames of barriers; repaired: {repaired} %",
            seen.raw.len()
        );
        // The kernel's copy ends at a page that was never touched; in every-frame mode there are some between the frames and what is above them.
        let whole = if mode == "every frame" { 0..=0 } else { NEARLY_ALL..=100 };
        assert!(whole.contains(&complete) && whole.contains(&repaired), "{mode}: {:#?}", usual(&seen.raw));
    }
}

/// The same from perf's usual copies of 8 KiB: they end below the barriers' records.
#[test]
fn by_unwind_tables_with_a_part_of_the_stack() {
    let Some(off) = record("off", "dwarf") else { return };
    let truth = without_barriers(&usual(&off.raw));
    for mode in mode::NAMES {
        let Some(seen) = record(mode, "dwarf") else { return };
        let usual = without_barriers(&usual(&seen.raw));
        println!("dwarf, {mode}: {} frames, {} without barriers", usual.len(), truth.len());
        assert!(truth.starts_with(&usual), "{mode}: {usual:#?}\n{truth:#?}");
        assert!(usual.len() >= 2 && (usual.len() < truth.len()) == (mode != "off"), "{mode}: {usual:#?}");
    }
}

/// The script's own examples.
#[test]
fn the_script_repairs_text() {
    let output = Command::new("python3").args(["-m", "doctest"]).arg(script()).output();
    let output = output.expect("install python3 (ci/packages.sh does)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
