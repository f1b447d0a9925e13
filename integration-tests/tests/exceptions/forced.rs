//! Forced unwinding: what `pthread_exit` and thread cancellation do to the frames in their way.
//!
//! `pthread_exit` itself, on a stack that has a `catch_unwind` above, ends the process, barriers or not: `aborts.rs`.

use std::cell::Cell;
use std::ffi::{c_int, c_long};

use barrier_arch::Spacing;
use integration_tests::foreign::{Foreign, call_back};

use crate::{Case, Drops, each, mixed_descend};

fn guard(foreign: &Foreign, leaf: &mut dyn FnMut()) -> c_int {
    // SAFETY: our own callback.
    call_back(leaf, |call, argument| unsafe { (foreign.guard)(call, argument) })
}

/// C frames with a cleanup handler each, then the leaf.
fn with_cleanup(foreign: &Foreign, depth: usize, cleaned: &Cell<c_long>, leaf: &mut dyn FnMut()) {
    // The handlers count into the word that the callback's argument points to.
    #[repr(C)]
    struct Argument<'a, 'b> {
        cleaned: c_long,
        leaf: &'a mut (dyn FnMut() + 'b),
        total: &'a Cell<c_long>,
    }
    impl Drop for Argument<'_, '_> {
        fn drop(&mut self) {
            self.total.set(self.total.get() + self.cleaned);
        }
    }
    unsafe extern "C-unwind" fn call(argument: *mut std::ffi::c_void) {
        // SAFETY: `with_cleanup` passes its own argument, and waits.
        unsafe { ((*argument.cast::<Argument<'_, '_>>()).leaf)() }
    }
    let mut argument = Argument { cleaned: 0, leaf, total: cleaned };
    // SAFETY: our own callback.
    unsafe { (foreign.with_cleanup)(depth as c_long, call, (&raw mut argument).cast()) };
}

/// How many frames the stop function saw, and how many barriers there were.
fn unwind(case: &Case, depth: usize) -> (usize, usize) {
    case.run(|ground| {
        let (drops, frames, cleaned) = (Drops::default(), Cell::new(0), Cell::new(0));
        let value = guard(&case.foreign, &mut || {
            with_cleanup(&case.foreign, depth, &cleaned, &mut || {
                mixed_descend(&case.foreign, depth, &drops, &mut || {
                    ground.scan();
                    // SAFETY: the guard above is live.
                    unsafe { (case.foreign.force_unwind)(frames.as_ptr()) }
                });
            });
        });
        assert_eq!(value, 77, "{}", case.label());
        assert_eq!(drops.all(), (depth + 1, depth + 1), "{}", case.label());
        assert_eq!(cleaned.get() as usize, depth + 1, "{}", case.label());
        ground.check_exact();
        (frames.get() as usize, ground.installed())
    })
}

/// Through C cleanups, C++ destructors and Rust drops, up to a frame that the stop function knows.
#[test]
fn every_cleanup_runs_once() {
    for depth in [0, 1, 6, 20] {
        let mut without = Vec::new();
        each(|case| {
            let (frames, barriers) = unwind(&case, depth);
            if case.spacing == Spacing::Off {
                without.push((case.by, case.foreign.name, frames));
            }
            let same = |(by, name, _): &&(_, _, usize)| (*by, *name) == (case.by, case.foreign.name);
            let plain = without.iter().find(same).expect("off comes first").2;
            // Each barrier is a frame of its own, asked about once more after its landing pad.
            assert!((plain..=plain + 2 * barriers).contains(&frames), "{plain} {frames} {barriers}");
            assert!((frames > plain) == (case.spacing != Spacing::Off), "{}: {frames}", case.label());
        });
    }
}
