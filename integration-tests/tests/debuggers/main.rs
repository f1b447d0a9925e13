//! gdb and lldb on green threads: `debuggers/gdb.py` and `lldb_tasks.py`, the ordinary commands under barriers, and a core file.
//!
//! The tests run a debugger on their own executable. Inside, [`inferior`] starts tasks that wait deep in a recursion, and one that begins a cycle, so that
//! barriers stand on all stacks, and stops in the debugger. A return through a barrier is looked at instruction by instruction in `barrier-arch`.

#[path = "../../../barrier-arch/tests/support/debugger.rs"]
mod debugger;
mod gdb;
mod lldb;
#[path = "../../../barrier-arch/tests/support/lldb.rs"]
mod run_lldb;
#[path = "../../../barrier-arch/tests/support/usual_commands.rs"]
mod usual_commands;

use std::arch::asm;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barrier_arch::{Spacing, StkbarSlice};
use integration_tests::mode;
use integration_tests::native::{Cell, Native, set_global};
use sched::Current;
use stack_alloc::GuardPages;

const MODE: &str = "DEBUGGED_TASKS_MODE";
/// Of the task that stops; the others are one, two and three frames deeper.
const DEPTH: usize = 15;

static DONE: AtomicBool = AtomicBool::new(false);

/// Frames of 400 bytes and more.
#[inline(never)]
fn nested(current: &Current<'_, Native>, depth: usize, leaf: &dyn Fn(&Current<'_, Native>)) -> usize {
    let words = black_box([depth; 50]);
    if depth == 0 {
        leaf(current);
        return words[7];
    }
    nested(current, black_box(depth - 1), leaf) + black_box(&words)[9] - depth + 1
}

fn wait(current: &Current<'_, Native>) {
    while !DONE.load(Ordering::SeqCst) {
        current.park();
    }
}

#[inline(never)]
fn stop_here(bars: &StkbarSlice) {
    // SAFETY: stops in the debugger.
    unsafe { asm!("int3", in("rdi") bars) };
}

/// Begins a cycle, waits until all stacks are scanned, and stops.
fn stop(current: &Current<'_, Native>, spacing: Spacing) {
    set_global(current, 0, Some(Cell::new(current, &[])));
    current.language().brake_marking(true);
    current.request_collection();
    while spacing != Spacing::Off && current.bars(|bars| bars.is_empty()) {
        current.safepoint();
    }
    // The collector, which marks now and gets nowhere, has been to the others' stacks before.
    std::thread::sleep(Duration::from_millis(50));
    current.bars(stop_here);
    DONE.store(true, Ordering::SeqCst);
    current.language().brake_marking(false);
}

/// What the debugger runs; without one, nothing.
#[test]
fn inferior() {
    let Some(spacing) = mode::from_environment(MODE) else { return };
    // gdb gives up writing a mapping to a core file where it meets one of the kernel's newer guard regions.
    let builder = Native::builder(16 << 20).spacing(spacing).guard(GuardPages::Mprotect);
    let runtime = builder.workers(1).start().unwrap();
    let waiting: Vec<_> = (1..=3)
        .map(|more| runtime.spawn(move |current| nested(current, DEPTH + more, &wait)).unwrap())
        .collect();
    let handles = waiting.iter().map(|task| std::sync::Arc::clone(task.task())).collect::<Vec<_>>();
    let stops = runtime.spawn(move |current| nested(current, DEPTH, &|current| stop(current, spacing)));
    assert_eq!(stops.unwrap().join().unwrap(), DEPTH);
    handles.iter().for_each(|task| task.unpark());
    for (task, more) in waiting.into_iter().zip(1..) {
        assert_eq!(task.join().unwrap(), DEPTH + more);
    }
}

/// A file of `debuggers/`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("debuggers").join(name)
}

/// How this program is told to be the debugged one.
const INFERIOR: [&str; 4] = ["--exact", "inferior", "--nocapture", "--test-threads=1"];

/// The lines between `== name` and the next `==`.
fn part<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!("== {name}");
    assert!(text.lines().any(|line| line == start), "no {name} in {text}");
    text.lines()
        .skip_while(|line| *line != start)
        .skip(1)
        .take_while(|line| !line.starts_with("== "))
        .collect()
}

/// This program without debug information, or without symbols, too; gone when it is dropped.
struct Stripped(PathBuf);

impl Stripped {
    fn of(option: &str) -> Stripped {
        let path = std::env::temp_dir().join(format!("stripped{option}-{}", std::process::id()));
        let mut strip = Command::new("strip");
        strip.args([option, "-o"]).arg(&path).arg(std::env::current_exe().unwrap());
        assert!(strip.status().expect("install binutils (ci/packages.sh does)").success());
        Stripped(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Stripped {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn check_shown(text: &str, mode: &str) {
    let list = part(text, "list");
    assert_eq!(list.len(), 4, "{text}");
    for (number, line) in (1..=3).zip(&list) {
        assert!(line.starts_with(&format!("task {number} parked ")), "{text}");
        let barriers: usize = line.split(", ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        match mode {
            "off" => assert_eq!(barriers, 0, "{text}"),
            "exponential" => assert!((2..8).contains(&barriers), "{text}"),
            _ => assert!(barriers > DEPTH, "{text}"),
        }
        // lldb's other threads print their remarks whenever they like.
        let frames = part(text, &format!("task {number}"));
        let frames: Vec<_> = frames.into_iter().filter(|line| line.starts_with('#')).collect();
        assert_eq!(frames.iter().filter(|f| f.contains("nested")).count(), DEPTH + number + 1, "{text}");
        assert!(!frames.iter().any(|f| f.contains("stack_barrier")), "{text}");
        assert!(frames.last().unwrap().contains("stack_base"), "{text}");
    }
    assert!(list[3].starts_with("task 4 running on thread "), "{text}");
    let frames = part(text, "bt");
    assert_eq!(frames.iter().filter(|f| f.contains("::nested")).count(), DEPTH + 1, "{text}");
    assert_eq!(frames.iter().any(|f| f.contains("stack_barrier")), mode != "off", "{text}");
    assert!(frames.iter().any(|f| f.contains("Worker")), "on to the worker that resumed it: {text}");
}
