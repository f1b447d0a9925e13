//! A collector's barriers in frames that sign their return address (AArch64's `pac-ret`), with either key: by unwind tables, which say which.
#![cfg(target_arch = "aarch64")]

use std::arch::naked_asm;

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::by::By;
use integration_tests::native::{Cell, Native, NativeFrames};
use sched::Current;

const DEPTH: usize = 200;

/// What the frames pass down.
struct Look<'a> {
    current: &'a Current<'a, Native>,
    cell: Cell,
}

/// Collects below them all.
extern "C" fn bottom(look: &Look<'_>) {
    for _ in 0..3 {
        look.current.collect();
        assert_eq!(look.cell.check(), 0);
    }
}

/// Defines a frame that signs its return address, and has no frame record. Below `depth` of them, of the kinds in turn, is [`bottom`]. Returns `depth`.
macro_rules! frames {
    ($name:ident, $next:ident, $key:literal, $sign:literal, $check:literal) => {
        #[unsafe(naked)]
        extern "C" fn $name(look: &Look<'_>, depth: usize) -> usize {
            naked_asm!(
                ".cfi_startproc",
                $key,
                $sign,
                ".cfi_negate_ra_state",
                "str x30, [sp, #-48]!",
                ".cfi_def_cfa_offset 48",
                ".cfi_offset 30, -48",
                "cbz x1, 2f",
                "sub x1, x1, #1",
                "bl {next}",
                "add x0, x0, #1",
                "b 3f",
                "2:",
                "bl {bottom}",
                "mov x0, #0",
                "3:",
                "ldr x30, [sp], #48",
                ".cfi_restore 30",
                ".cfi_def_cfa_offset 0",
                $check, // a wrong code makes the return fault
                ".cfi_negate_ra_state",
                "ret",
                ".cfi_endproc",
                next = sym $next,
                bottom = sym bottom,
            )
        }
    };
}

frames!(signed_by_a, signed_by_b, "", "hint #25", "hint #29"); // paciasp, autiasp
frames!(signed_by_b, signed_by_a, ".cfi_b_key_frame", "hint #27", "hint #31"); // pacibsp, autibsp

/// Rounds of a task that goes down those frames, collects, and returns through what barriers there are.
#[test]
fn a_collector_puts_barriers_into_signed_frames() {
    for spacing in MODES {
        let builder = Native::builder_with(64 << 20, NativeFrames { vouched: false }, By::UnwindTables);
        let builder = builder.spacing(spacing).workers(1).mark_workers(1).verify(true);
        let runtime = builder.stack_bytes(1 << 20).start().unwrap();
        let task = runtime.spawn(|current| {
            (0..5).all(|_| signed_by_a(&Look { current, cell: Cell::new(current, &[]) }, DEPTH) == DEPTH)
        });
        assert!(task.unwrap().join().unwrap());
        let most = runtime.cycles().iter().map(|cycle| cycle.first.installed).max().unwrap();
        match spacing {
            Spacing::Off => assert_eq!(most, 0),
            Spacing::Exponential { .. } => assert!(most >= 3, "{most} barriers"),
            // The code of an address is zero once in 128 times: then the frame is skipped.
            Spacing::EveryFrame => assert!(most >= DEPTH - DEPTH / 10, "{most} barriers"),
        }
    }
}
