//! Unwind tables as a stepper: of this very program, and tables that are none.
#![cfg(all(feature = "cfi", target_arch = "x86_64", target_os = "linux"))]

use std::arch::asm;
use std::hint::black_box;
use std::ops::ControlFlow;

use unwind_walk::cfi::{BadTable, UnwindTables};
use unwind_walk::{FramePointers, LiveStack, Registers, Step, StepError, Unwind, Walk};

/// The frames from here to the caller's caller …, `count` of them, by `unwind`.
#[inline(never)]
fn own_frames(unwind: &impl Unwind, count: usize) -> Vec<Registers> {
    let (pc, sp, fp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe { asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp) };
    // SAFETY: this thread's stack, of which the recursion has used so much.
    let live = unsafe { LiveStack::new(sp, sp + 4096) };
    let mut seen = Vec::new();
    Walk::new(unwind, &live).max(count).diagnose(Registers { pc, sp, fp }, |frame| {
        seen.push(frame.registers());
        ControlFlow::Continue(())
    });
    seen
}

#[inline(never)]
fn deep(depth: usize, then: &mut dyn FnMut()) -> usize {
    let words = black_box([depth; 30]);
    if depth == 0 {
        then();
        return words[1];
    }
    deep(black_box(depth - 1), then) + black_box(&words)[2]
}

/// All code here keeps frame pointers, so both steppers must find the same; `fp` included.
#[test]
fn tables_and_frame_pointers_agree() {
    // SAFETY: nothing is unloaded.
    let tables = unsafe { UnwindTables::of_this_process() };
    deep(20, &mut || {
        let [by_tables, by_chain] = [own_frames(&tables, 12), own_frames(&FramePointers, 12)];
        assert_eq!(by_tables.len(), 12);
        // From two calls: the youngest frames wait at two places.
        assert_eq!(by_tables[2..], by_chain[2..]);
    });
}

#[test]
fn code_without_a_table_is_unknown() {
    // SAFETY: as above.
    let tables = unsafe { UnwindTables::of_this_process() };
    let nothing = |_: usize| -> Option<usize> { None };
    for pc in [0, 1, 0x1000, usize::MAX] {
        let registers = Registers { pc, sp: 0, fp: 0 };
        let unknown: Result<Step, _> = Err(StepError::Unknown(pc));
        assert_eq!(tables.step(&registers, &nothing), unknown);
        assert_eq!(tables.step_interrupted(&registers, &nothing), unknown);
    }
    assert!(tables.code().all(|text| !text.is_empty()));
    assert!(tables.code().any(|text| text.contains(&(deep as *const () as usize))));
}

#[test]
fn what_is_no_table_is_refused() {
    static NOTHING: [u8; 4] = [0; 4];
    static NONSENSE: [u8; 16] = [12, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];
    // A CIE: length, id, version 1, augmentation, alignment factors 1 and -8, return address 30, one byte of data: the encoding of addresses.
    // Nothing is wrong with it without the `B` of AArch64's key B.
    static KEY_B: [u8; 20] = *b"\x10\0\0\0\0\0\0\0\x01zRB\0\x01\x78\x1e\x01\x1b\0\0";
    static KEY_A: [u8; 20] = *b"\x10\0\0\0\0\0\0\0\x01zR\0\x01\x78\x1e\x01\x1b\0\0\0";
    let mut tables = UnwindTables::new();
    assert!(matches!(tables.add_code(&KEY_B), Err(BadTable::Unparsable(..))));
    assert!(matches!(tables.add_code(&KEY_A), Err(BadTable::Empty(_))));
    assert!(matches!(tables.add_code(&NOTHING), Err(BadTable::Empty(_))));
    assert!(matches!(tables.add_code(&NONSENSE), Err(BadTable::Unparsable(..))));
    assert_eq!(tables.code().count(), 0, "nothing was added");
}
