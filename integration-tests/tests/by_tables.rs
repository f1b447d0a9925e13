//! The collector beside tasks whose frames are found by unwind tables, in code that keeps no frame pointers.
#![cfg(not(target_arch = "arm"))]

use std::ffi::{c_int, c_void};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::by::By;
use integration_tests::native::{Cell, Native, NativeFrames};
use sched::Current;

/// A cell per depth, each below a frame of the C library, which keeps no frame pointers and no back chain.
fn deep_by_way_of_c(current: &Current<'_, Native>, depth: usize) {
    struct Level<'a> {
        current: &'a Current<'a, Native>,
        depth: usize,
    }
    extern "C" fn compare(level: *const c_void, _: *const c_void) -> c_int {
        // SAFETY: the key below.
        let level = unsafe { &*level.cast::<Level<'_>>() };
        deep_by_way_of_c(level.current, level.depth);
        0
    }
    let own = Cell::new(current, &[None]);
    match depth.checked_sub(1) {
        None => (0..3).for_each(|_| current.collect()),
        Some(depth) => {
            let level = Level { current, depth };
            let key = (&raw const level).cast::<c_void>();
            // SAFETY: an array of one byte, in which the first that is looked at is found.
            assert_eq!(unsafe { libc::bsearch(key, key, 1, 1, Some(compare)) }, key.cast_mut());
        }
    }
    assert_eq!(own.check(), 1, "depth {depth}");
}

#[test]
fn frames_without_frame_pointers_are_found_by_unwind_tables() {
    const DEPTH: usize = 150;
    for spacing in MODES {
        let builder = Native::builder_with(64 << 20, NativeFrames { vouched: false }, By::UnwindTables);
        let builder = builder.spacing(spacing).workers(1).mark_workers(1).verify(true);
        let runtime = builder.stack_bytes(1 << 20).start().unwrap();
        runtime.spawn(|current| deep_by_way_of_c(current, DEPTH)).unwrap().join().unwrap();
        let most = runtime.cycles().iter().map(|cycle| cycle.first.installed).max().unwrap();
        let least = if spacing == Spacing::EveryFrame { 3 * DEPTH } else { 3 };
        assert_eq!(most >= least, spacing != Spacing::Off, "{most} barriers");
    }
}
