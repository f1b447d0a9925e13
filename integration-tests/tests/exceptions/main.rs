//! Panics, C++ exceptions, forced unwinding and `longjmp` across barriers: each behaves as it does without.
//!
//! Everything runs with barriers off, exponential and at every frame; through C and C++ compiled with frame pointers and without; with barriers
//! placed by frame pointers and by unwind tables; and (`unwinders.rs`) once more on other unwinders than libgcc's.

mod aborts;
mod collector;
mod cpp;
mod forced;
mod longjmp;
mod panics;
mod stale;
mod unwinders;

use std::cell::Cell;
use std::ffi::c_long;
use std::hint::black_box;

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::foreign::{self, BOTH, Foreign, call_back};
use integration_tests::ground::{By, Ground};

const STACK: usize = 1 << 20;

/// Every mode, with all foreign code that the frames of which can be found.
fn each(mut test: impl FnMut(Case)) {
    let [with, without] = BOTH;
    for spacing in MODES {
        let pairs = [(By::FramePointers, with), (By::UnwindTables, with), (By::UnwindTables, without)];
        pairs.into_iter().for_each(|(by, foreign)| test(Case { spacing, by, foreign }));
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    spacing: Spacing,
    by: By,
    foreign: Foreign,
}

impl Case {
    fn run<R>(&self, f: impl FnOnce(&Ground) -> R) -> R {
        Ground::run(STACK, self.spacing, self.by, f)
    }

    fn label(&self) -> String {
        format!("{:?}, {:?}, {}", self.spacing, self.by, self.foreign.name)
    }
}

/// Counts its drops.
struct Counts<'a>(&'a Cell<usize>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// `depth` + 1 Rust frames with a drop each, then the leaf.
#[inline(never)]
fn rust_descend(depth: usize, drops: &Cell<usize>, leaf: &mut dyn FnMut()) -> usize {
    let _counts = Counts(drops);
    let words = black_box([depth; 30]);
    if depth == 0 {
        leaf();
        return words[7] + 1;
    }
    rust_descend(black_box(depth - 1), drops, leaf) + 1 + black_box(&words)[3] - depth
}

/// C frames, then the leaf.
fn c_descend(foreign: &Foreign, depth: usize, leaf: &mut dyn FnMut()) -> usize {
    // SAFETY: the callback is ours.
    call_back(leaf, |call, argument| unsafe { (foreign.descend)(depth as c_long, call, argument) }) as usize
}

/// C++ frames with a destructor each, then the leaf.
fn cpp_descend(foreign: &Foreign, depth: usize, destroyed: &Cell<c_long>, leaf: &mut dyn FnMut()) -> usize {
    let counter = destroyed.as_ptr();
    // SAFETY: the callback is ours, and so is the counter.
    call_back(leaf, |call, argument| unsafe {
        (foreign.cpp_descend)(depth as c_long, call, argument, counter)
    }) as usize
}

/// `4 * (depth + 1)` frames: Rust, C, C of variable size, C++; then the leaf.
fn mixed_descend(foreign: &Foreign, depth: usize, counts: &Drops, leaf: &mut dyn FnMut()) -> usize {
    let alloca = |leaf: &mut dyn FnMut()| {
        // SAFETY: the callback is ours.
        call_back(leaf, |call, argument| unsafe { (foreign.descend_alloca)(depth as c_long, call, argument) })
    };
    rust_descend(depth, &counts.rust, &mut || {
        let frames = c_descend(foreign, depth, &mut || {
            let frames = alloca(&mut || {
                assert_eq!(cpp_descend(foreign, depth, &counts.cpp, leaf), depth + 1);
            });
            assert_eq!(frames as usize, depth + 1);
        });
        assert_eq!(frames, depth + 1);
    })
}

/// What was dropped.
#[derive(Default)]
struct Drops {
    rust: Cell<usize>,
    cpp: Cell<c_long>,
}

impl Drops {
    fn all(&self) -> (usize, usize) {
        (self.rust.get(), self.cpp.get() as usize)
    }
}

/// Ordinary returns through barriers, first: nothing else makes sense without.
#[test]
fn ordinary_returns() {
    each(|case| {
        for depth in [0, 1, 2, 7, 40] {
            let counts = Drops::default();
            let installed = case.run(|ground| {
                let mut installed = 0;
                mixed_descend(&case.foreign, depth, &counts, &mut || installed = ground.scan());
                ground.check_exact();
                installed
            });
            let least = match case.spacing {
                Spacing::Off => 0,
                Spacing::Exponential { .. } => 1,
                Spacing::EveryFrame => 4 * depth,
            };
            assert!(
                installed >= least && (installed > 0) == (case.spacing != Spacing::Off),
                "{}",
                case.label()
            );
            assert_eq!(counts.all(), (depth + 1, depth + 1));
        }
    });
}

/// The C library's sort calls back: frames of a library that nobody here compiled.
#[test]
fn a_callback_from_the_c_library() {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock();
    each(|case| {
        if case.by == By::FramePointers {
            return; // glibc keeps none
        }
        case.run(|ground| {
            let mut numbers: Vec<c_long> = (0..300).map(|i| (i * 7919) % 1009).collect();
            let (pointer, count) = (numbers.as_mut_ptr(), numbers.len());
            let mut leaf = || {
                ground.scan();
            };
            // SAFETY: that many numbers; one sort at a time.
            let sorted = call_back(&mut leaf, |call, argument| unsafe {
                (case.foreign.sort)(pointer, count, call, argument)
            });
            assert_eq!(sorted, 1);
            assert!(ground.scans() > 10, "{}", case.label());
        });
    });
}

#[test]
fn the_two_compilations_differ() {
    let [with, without] = foreign::BOTH;
    let starts_with_frame = |f: *const u8| {
        // SAFETY: the first bytes of a function.
        let bytes = unsafe { std::slice::from_raw_parts(f, 64) };
        bytes.windows(3).any(|code| code == [0x48, 0x89, 0xe5]) // mov rbp, rsp
    };
    assert!(starts_with_frame(with.descend as *const u8));
    assert!(!starts_with_frame(without.descend as *const u8));
}
