//! The oracle on real stacks: a Rust program whose frames are all vouched for writes through a pointer into a frame far up.
//!
//! With the write barrier nobody objects. Without, the process dies, and what it says names the slot and the function whose frame it is in. The
//! program runs in a process of its own then: this test binary, started again.

use std::fmt;
use std::hint::black_box;
use std::process::{Command, Output};
use std::sync::Arc;

use barrier_arch::Spacing;
use gc_mark::heap::{AllocCache, HeapConfig, MarkSweep};
use gc_mark::{FrameMap, FrameRoots, Phases};
use integration_tests::MODES;
use integration_tests::native::Cells;
use sched::{Current, Language, Runtime, Visit};
use unwind_walk::FramePointers;

/// Vouches for all code there is, and knows two functions by name.
struct Everything;

type Function = fn(&Current<'_, Vouched>, &Job) -> usize;

const FUNCTIONS: [(&str, Function); 2] = [("victim", victim), ("culprit", culprit)];

/// Where its code starts. On big-endian PowerPC a function pointer is the address of a descriptor, whose first word that is.
fn code_of(function: Function) -> usize {
    let pointer = function as usize;
    // SAFETY: as said, constant for good.
    if cfg!(target_abi = "elfv1") { unsafe { *(pointer as *const usize) } } else { pointer }
}

impl FrameMap for Everything {
    fn roots_at(&self, _return_pc: usize) -> FrameRoots<'_> {
        FrameRoots::Conservative { vouched: true }
    }

    /// The last of the known functions that starts below: right for their own frames.
    fn describe(&self, return_pc: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        let below = FUNCTIONS.iter().filter(|&&(_, function)| code_of(function) < return_pc);
        let nearest = below.max_by_key(|&&(_, function)| code_of(function));
        nearest.map_or(Ok(()), |(name, _)| write!(out, "fn {name}"))
    }
}

struct Vouched {
    heap: MarkSweep<Cells>,
    frames: Everything,
}

impl Language for Vouched {
    type Heap = MarkSweep<Cells>;
    type Frames = Everything;
    type Unwind = FramePointers;
    type Worker = AllocCache;
    type Task = ();

    fn heap(&self) -> &MarkSweep<Cells> {
        &self.heap
    }
    fn frames(&self) -> &Everything {
        &self.frames
    }
    fn unwind(&self) -> FramePointers {
        FramePointers
    }
    fn new_worker(&self) -> AllocCache {
        self.heap.cache()
    }
    fn new_task(&self) {}
    fn visit_roots(&self, _: &mut Visit<'_>) {}
    fn visit_task_roots(&self, (): &(), _: &mut Visit<'_>) {}
}

/// Keeps an address from a conservative scan.
const HIDDEN: usize = 0x5a5a_5a5a_5a5a_5a5a_u64 as usize;

#[derive(Clone, Copy, Debug)]
struct Job {
    spacing: Spacing,
    write_barrier: bool,
    /// Address of an object that nobody refers to, hidden.
    object: usize,
    /// Address of the word in the frame of [`victim`].
    slot: usize,
    depth: usize,
}

/// Has a word that somebody far below will overwrite.
#[inline(never)]
fn victim(current: &Current<'_, Vouched>, job: &Job) -> usize {
    let mut word = 0_usize;
    let slot = black_box(&raw mut word);
    eprintln!("the victim's slot is {slot:?}");
    culprit(current, &Job { slot: slot as usize, ..*job });
    // SAFETY: the word of this very frame.
    unsafe { slot.read_volatile() ^ HIDDEN }
}

/// Calls itself, a kibibyte at a time, and writes up when a cycle has scanned its stack.
#[inline(never)]
fn culprit(current: &Current<'_, Vouched>, job: &Job) -> usize {
    let ballast = black_box([job.depth as u8; 1024]);
    if job.depth > 0 {
        let below = culprit(current, &Job { depth: job.depth - 1, ..*job });
        return below + usize::from(black_box(&ballast)[3]);
    }
    current.request_collection();
    let is_scanned = || match job.spacing {
        Spacing::Off => current.is_marking(),
        _ => current.bars(|bars| !bars.is_empty()),
    };
    while !is_scanned() {
        current.safepoint();
    }
    store_hidden(job.slot, job.object);
    if job.write_barrier {
        // Computed here and not earlier: a copy on the stack would keep it alive.
        current.shade(black_box(job.object) ^ HIDDEN);
    }
    current.collect();
    0
}

/// Stores what is hidden, and leaves no trace of it in this frame or a register.
fn store_hidden(slot: usize, hidden: usize) {
    // Byte by byte: the whole of it never is in a register.
    for (i, (byte, mask)) in hidden.to_ne_bytes().into_iter().zip(HIDDEN.to_ne_bytes()).enumerate() {
        // SAFETY: the slot is a word of a live frame on this stack, which reads it when it goes on.
        unsafe { (slot as *mut u8).add(i).write_volatile(byte ^ black_box(mask)) };
    }
}

/// A cell without fields that nobody refers to; hidden.
fn lone_cell(heap: &MarkSweep<Cells>) -> usize {
    // Not the first one: the arena's own address may lie on a stack.
    let mut cache = heap.cache();
    let [_, words] = [(); 2].map(|()| heap.alloc(&mut cache, 16).expect("an empty heap").cast::<usize>());
    // SAFETY: fresh memory of two words; the first counts the fields.
    unsafe { words.write(0) };
    words.addr().get() ^ HIDDEN
}

/// Runs the program; returns how many words the oracle compared in the cycle in which it stores.
fn run(spacing: Spacing, write_barrier: bool) -> usize {
    let heap =
        MarkSweep::new(Cells::default(), HeapConfig { limit_bytes: 16 << 20, ..HeapConfig::default() })
            .unwrap();
    let object = lone_cell(&heap);
    let builder = Runtime::builder(Vouched { heap, frames: Everything }).phases(Arc::new(Phases::new()));
    let runtime = builder.workers(1).spacing(spacing).oracle(true).start().unwrap();
    let job = Job { spacing, write_barrier, object, slot: 0, depth: 100 };
    let task = runtime.spawn(move |current| victim(current, &job)).unwrap();
    assert_eq!(task.join().unwrap(), object, "the victim finds what was stored");
    runtime.cycles()[0].compared.expect("the oracle is on")
}

/// In the process that [`without_the_write_barrier`] starts, this is the program without its write barrier.
const CHILD: &str = "ORACLE_TEST_MODE";

#[test]
fn with_the_write_barrier_nobody_objects() {
    if let Ok(mode) = std::env::var(CHILD) {
        run(MODES[mode.parse::<usize>().unwrap()], false);
        return;
    }
    for spacing in MODES {
        let compared = run(spacing, true);
        // A hundred frames of more than 1 KiB each, of which about one ran. (Without barriers all are scanned again, if any ran.)
        assert!(compared > 50 * 128 || spacing == Spacing::Off, "{spacing:?}: {compared}");
    }
}

fn without_the_write_barrier(mode: usize) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "with_the_write_barrier_nobody_objects", "--nocapture"]);
    child.env(CHILD, mode.to_string()).output().unwrap()
}

#[test]
fn without_it_slot_and_function_are_named() {
    for (mode, spacing) in MODES.iter().enumerate() {
        let output = without_the_write_barrier(mode);
        let text = String::from_utf8_lossy(&output.stderr);
        // Without barriers the re-scan visits the victim, and finds what was stored.
        assert_eq!(output.status.success(), *spacing == Spacing::Off, "{spacing:?}: {text}");
        if *spacing != Spacing::Off {
            let slot =
                text.split("the victim's slot is ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
            assert!(text.contains(&format!("missed write barrier: slot {slot} was 0x0 and is 0x")), "{text}");
            let accused = text.lines().filter(|line| line.contains("missed write barrier"));
            assert!(accused.clone().all(|line| line.ends_with(", fn victim)")), "{text}");
            assert_eq!(accused.count(), 1, "{text}");
        }
    }
}
