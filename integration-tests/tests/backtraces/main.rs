//! Everybody's backtraces of a stack with barriers: the same return addresses in the same order as without, and at most one frame of the trampoline
//! per barrier.

mod adapters;
mod by_framehop;
mod library;

use std::cell::RefCell;
use std::ffi::c_long;
use std::hint::black_box;

use barrier_arch::{Spacing, arch};
use integration_tests::MODES;
use integration_tests::foreign::{BOTH, Foreign, call_back};
use integration_tests::ground::{By, Ground};

/// Return addresses, youngest first.
type Trace = Vec<usize>;

/// `depth` Rust frames, each above three of C; then the leaf.
#[inline(never)]
fn nest(foreign: &Foreign, depth: usize, leaf: &mut dyn FnMut()) -> usize {
    let words = black_box([depth; 20]);
    let mut next = || match depth {
        0 => leaf(),
        _ => drop(black_box(nest(foreign, black_box(depth - 1), leaf).to_string())),
    };
    // SAFETY: our own callback.
    let frames =
        call_back(&mut next, |call, argument| unsafe { (foreign.descend)(2 as c_long, call, argument) });
    frames as usize + black_box(&words)[4]
}

/// What `consumer` sees from the bottom of a stack with barriers, and how many barriers there are.
#[inline(never)]
fn look(
    foreign: &Foreign,
    spacing: Spacing,
    by: By,
    consumer: &mut dyn FnMut(&Ground) -> Trace,
) -> (Trace, usize) {
    Ground::run(1 << 20, spacing, by, |ground| {
        let seen = RefCell::default();
        nest(foreign, 12, &mut || {
            let installed = ground.scan();
            *seen.borrow_mut() = (consumer(ground), installed);
        });
        seen.into_inner()
    })
}

/// In all modes the same, but for frames of the trampoline. `most` limits those, given the number of barriers.
fn same_frames(name: &str, most: fn(usize) -> usize, consumer: &mut dyn FnMut(&Ground) -> Trace) {
    for foreign in &BOTH {
        let mut plain = Vec::new();
        for spacing in MODES {
            let (seen, barriers) = look(foreign, spacing, By::UnwindTables, consumer);
            let (ours, others): (Trace, Trace) = seen.iter().partition(|&&pc| arch::is_trampoline(pc));
            assert_eq!(barriers > 0, spacing != Spacing::Off);
            assert!(ours.len() <= most(barriers), "{name}, {spacing:?}: {} for {barriers}", ours.len());
            if spacing == Spacing::Off {
                assert!(others.len() > 12 * 4, "{name}: {} frames", others.len());
                plain = others;
            } else {
                assert_eq!(others, plain, "{name}, {spacing:?}, {}", foreign.name);
            }
        }
    }
}

/// One per barrier.
const ONE_EACH: fn(usize) -> usize = |barriers| barriers;
/// None at all: barriers are resolved.
const NONE: fn(usize) -> usize = |_| 0;

#[test]
fn the_backtrace_crate() {
    same_frames("backtrace", ONE_EACH, &mut |_| {
        let mut seen = Vec::new();
        backtrace::trace(|frame| {
            seen.push(frame.ip() as usize);
            true
        });
        seen
    });
}

/// By names: it shows no addresses.
#[test]
fn std_backtrace() {
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim_start().split_once(": "));
        let of_frames = lines.filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        of_frames.map(|(_, name)| name.to_owned()).collect()
    };
    for foreign in &BOTH {
        let mut plain = Vec::new();
        for spacing in MODES {
            let mut text = String::new();
            let (_, barriers) = look(foreign, spacing, By::UnwindTables, &mut |_| {
                text = std::backtrace::Backtrace::force_capture().to_string();
                Vec::new()
            });
            let (ours, others): (Vec<_>, Vec<_>) =
                names(&text).into_iter().partition(|name| name.contains("stack_barrier"));
            assert!(ours.len() <= barriers && (ours.is_empty()) == (spacing == Spacing::Off), "{text}");
            if spacing == Spacing::Off {
                assert!(others.iter().filter(|name| name.contains("c_descend")).count() == 13 * 3, "{text}");
                plain = others;
            } else {
                assert_eq!(others, plain, "{spacing:?}");
            }
        }
    }
}

#[test]
fn backtrace_of_glibc() {
    same_frames("glibc", ONE_EACH, &mut |_| {
        let mut seen = vec![std::ptr::null_mut(); 1000];
        // SAFETY: so much room.
        let count = unsafe { (BOTH[0].backtrace)(seen.as_mut_ptr(), 1000) };
        seen[..count as usize].iter().map(|&pc| pc as usize).collect()
    });
}
