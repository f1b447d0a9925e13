//! The `unwinding` crate in place of libgcc: backtraces and panics across barriers, in a program that has it linked in.
//!
//! Its `_Unwind_…` functions are those of this program, so Rust's panics use them, too. C++ is left out: its library would go on to use libgcc's.
#![cfg(target_arch = "x86_64")]

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_long, c_void};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use barrier_arch::{Spacing, arch};
use integration_tests::MODES;
use integration_tests::foreign::{BOTH, Foreign, call_back};
use integration_tests::ground::{By, Ground};
use unwinding::abi::{UnwindContext, UnwindReasonCode};

type Visit = extern "C" fn(&UnwindContext<'_>, *mut c_void) -> UnwindReasonCode;

unsafe extern "C" {
    /// Whoever's it is.
    fn _Unwind_Backtrace(visit: Visit, seen: *mut c_void) -> c_int;
}

extern "C" fn note(context: &UnwindContext<'_>, seen: *mut c_void) -> UnwindReasonCode {
    // SAFETY: `trace` passes it.
    unsafe { (*seen.cast::<Vec<usize>>()).push(unwinding::abi::_Unwind_GetIP(context)) };
    UnwindReasonCode::NO_REASON
}

#[inline(never)]
fn trace() -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    // SAFETY: the callback fits.
    unsafe { _Unwind_Backtrace(note, (&raw mut seen).cast()) };
    seen
}

/// Counts its drops.
struct Counts<'a>(&'a Cell<usize>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// `depth` + 1 Rust frames, each with a drop and above three of C; then the leaf.
#[inline(never)]
fn nest(foreign: &Foreign, depth: usize, drops: &Cell<usize>, leaf: &mut dyn FnMut()) -> usize {
    let _counts = Counts(drops);
    let words = black_box([depth; 20]);
    let mut next = || match depth {
        0 => leaf(),
        _ => drop(black_box(nest(foreign, black_box(depth - 1), drops, leaf).to_string())),
    };
    // SAFETY: our own callback.
    let frames =
        call_back(&mut next, |call, argument| unsafe { (foreign.descend)(2 as c_long, call, argument) });
    frames as usize + black_box(&words)[4]
}

#[test]
fn it_is_the_one_that_is_used() {
    let ours: *const () = unwinding::abi::_Unwind_Backtrace as *const ();
    assert_eq!(_Unwind_Backtrace as *const (), ours);
}

/// The same return addresses in the same order, and one frame more per barrier.
#[test]
fn its_backtraces() {
    for foreign in &BOTH {
        let mut plain: Vec<usize> = Vec::new();
        for spacing in MODES {
            let (seen, installed) = Ground::run(1 << 20, spacing, By::UnwindTables, |ground| {
                let seen = RefCell::default();
                nest(foreign, 12, &Cell::new(0), &mut || {
                    let installed = ground.scan();
                    *seen.borrow_mut() = (trace(), installed);
                });
                seen.into_inner()
            });
            let (barriers, others): (Vec<usize>, Vec<usize>) =
                seen.into_iter().partition(|&pc| arch::is_trampoline(pc));
            assert!(barriers.len() <= installed && barriers.is_empty() == (spacing == Spacing::Off));
            assert!(others.len() > 12 * 4, "{} frames", others.len());
            match spacing {
                Spacing::Off => plain = others,
                _ => assert_eq!(others, plain, "{spacing:?}, {}", foreign.name),
            }
        }
    }
}

/// Every drop runs once, every barrier that is crossed is hit, a value arrives.
#[test]
fn panics_by_it() {
    for (foreign, depth) in BOTH.iter().flat_map(|foreign| [0, 1, 2, 7, 30].map(|depth| (foreign, depth))) {
        for spacing in MODES {
            Ground::run(1 << 20, spacing, By::UnwindTables, |ground| {
                let drops = Cell::new(0);
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    nest(foreign, depth, &drops, &mut || {
                        ground.scan();
                        resume_unwind(Box::new(depth));
                    })
                }));
                assert_eq!(*caught.unwrap_err().downcast::<usize>().unwrap(), depth);
                assert_eq!(drops.get(), depth + 1, "{spacing:?}, {}", foreign.name);
                ground.check_exact();
            });
        }
    }
}
