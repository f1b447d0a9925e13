//! A debugger sees through barriers: `bt` at a stop below them, and at every instruction of a return
//! through one.
//!
//! The test runs gdb on its own executable. Inside, [`inferior`] stops with `int3` under barriers on a
//! stack of its own, then returns through them while a script single-steps and asks gdb for the frames
//! after each instruction. For x86-64: a debugger of another machine's programs does not run here.
#![cfg(target_arch = "x86_64")]

mod support;

use std::arch::asm;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::{Spacing, StkbarSlice};
use support::{TestStack, install_here};

const MODE: &str = "BARRIER_ARCH_GDB_MODE";
const DEPTH: u64 = 12;

/// At least 400 bytes, so that the exponential spacing puts some barriers between.
#[inline(never)]
fn nested_call(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> u64 {
    let words = black_box([depth; 50]);
    if depth > 0 {
        return nested_call(black_box(depth - 1), bars, spacing) + words[7] - depth + 1;
    }
    assert!(install_here(bars, spacing) > 2);
    // SAFETY: stops in the debugger.
    unsafe { asm!("int3") };
    black_box(words[3])
}

/// What gdb runs; without gdb, nothing.
#[test]
fn inferior() {
    let spacing = match std::env::var(MODE).as_deref() {
        Ok("exponential") => Spacing::default(),
        Ok("every frame") => Spacing::EveryFrame,
        _ => return,
    };
    let stack = TestStack::new(1 << 18, spacing);
    assert_eq!(stack.run(|bars| nested_call(DEPTH, bars, spacing)), DEPTH);
}

/// Python, run by gdb. A list of frames must always be the tail of the first one: returns only take frames
/// off.
const SCRIPT: &str = r#"
import gdb
gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set backtrace limit 200")
gdb.execute("run")

def frames():
    found, frame, barriers = [], gdb.newest_frame(), 0
    while frame is not None:
        name = frame.name() or "?"
        if "stack_barrier" in name:
            barriers += 1
        elif "::arch::" not in name or "stack_base" in name:
            found.append((name.split("<")[0], frame.pc()))
        frame = frame.older()
    return [name for name, _ in found], [pc for _, pc in found], barriers

names, pcs, barriers = frames()
print("FIRST", barriers, "|".join(names))
steps = bad = hits = 0
inside = False
while names and len([n for n in frames()[0] if "nested_call" in n]) > 0:
    gdb.execute("stepi", to_string=True)
    now = gdb.newest_frame()
    if "stack_barrier" not in (now.name() or ""):
        inside = False
        continue
    steps += 1
    hits += not inside
    inside = True
    seen_names, seen_pcs, _ = frames()
    # The first frame that is not the trampoline is the one being returned to, at its return address.
    if seen_names != names[-len(seen_names):] or seen_pcs != pcs[-len(seen_pcs):]:
        bad += 1
        print("BAD at", hex(now.pc()), seen_names[:3], [hex(pc) for pc in seen_pcs[:3]])
print("STEPPED", steps, "HITS", hits, "BAD", bad)
gdb.execute("delete")
gdb.execute("continue")
"#;

/// What gdb printed, or `None` if there is no gdb here that can run a process.
fn gdb(mode: &str, script: &str) -> Option<String> {
    static SCRIPTS: AtomicUsize = AtomicUsize::new(0);
    let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("barrier-arch-{}-{number}.py", std::process::id()));
    std::fs::write(&path, script).unwrap();
    let output = Command::new("gdb")
        .args(["--batch", "--nx", "--quiet", "-x"])
        .arg(&path)
        .arg("--args")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "inferior", "--nocapture", "--test-threads=1"])
        .env(MODE, mode)
        .env_remove("DEBUGINFOD_URLS")
        .output();
    std::fs::remove_file(&path).unwrap();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: gdb cannot be run here ({error})");
            return None;
        }
    };
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for refusal in ["ptrace: Operation not permitted", "Python scripting is not supported"] {
        if text.contains(refusal) {
            eprintln!("skipped: {refusal}");
            return None;
        }
    }
    Some(text)
}

fn line<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).split_whitespace().collect()
}

fn frames_are_complete(mode: &str, least_barriers: usize) {
    let Some(text) = gdb(mode, SCRIPT) else { return };
    let first = text.lines().find_map(|line| line.strip_prefix("FIRST ")).unwrap_or_else(|| panic!("{text}"));
    let (barriers, names) = first.split_once(' ').unwrap();
    assert!(barriers.parse::<usize>().unwrap() >= least_barriers, "{text}");
    let names: Vec<&str> = names.split('|').collect();
    assert_eq!(names.iter().filter(|name| name.contains("nested_call")).count() as u64, DEPTH + 1, "{text}");
    let at = |part: &str| {
        names.iter().position(|name| name.contains(part)).unwrap_or_else(|| panic!("{part}: {text}"))
    };
    // Through all barriers, past the end of the stack, to where it was resumed from, and on to the thread's
    // own start.
    let resumed_from = names.iter().rposition(|name| name.contains("inferior"));
    assert!(resumed_from.is_some_and(|i| at("stack_base") < i && i < at("__rust_begin_short")), "{text}");
    assert!(["clone", "clone3", "main", "_start"].contains(names.last().unwrap()), "{text}");
    let stepped = line(&text, "STEPPED ");
    let [steps, hits, bad] = [0, 2, 4].map(|i| stepped[i].parse::<usize>().unwrap());
    assert_eq!(bad, 0, "{text}");
    assert!(hits + 3 >= least_barriers && steps >= 10 * hits, "{text}");
    assert!(text.contains("exited normally"), "the program went on undisturbed: {text}");
}

#[test]
fn gdb_sees_all_frames_at_every_instruction_of_the_indexed_stubs() {
    frames_are_complete("exponential", 3);
}

#[test]
fn gdb_sees_all_frames_at_every_instruction_of_the_searching_stubs() {
    frames_are_complete("every frame", DEPTH as usize);
}

/// `finish` sets a breakpoint at the return address: with a barrier there, at the stub.
#[test]
fn gdb_finishes_functions_under_barriers() {
    const FINISH: &str = r#"
import gdb
gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("run")
stops = []
for _ in range(8):
    gdb.execute("finish", to_string=True)
    frame = gdb.newest_frame()
    stops.append(frame.name() or "?")
print("STOPS", "|".join(stops))
gdb.execute("continue")
"#;
    for mode in ["exponential", "every frame"] {
        let Some(text) = gdb(mode, FINISH) else { return };
        let stops = line(&text, "STOPS ").join(" ");
        assert!(stops.contains("nested_call") && !stops.contains('?'), "{text}");
        assert!(text.contains("exited normally"), "{text}");
    }
}
