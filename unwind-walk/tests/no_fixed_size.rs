//! Frames that move their stack pointer by what no table knows, and so have themselves counted from a frame pointer, on the machines where others do
//! not have one: walked by their unwind tables, from the registers that a switch has saved.
#![cfg(all(
    feature = "cfi",
    target_os = "linux",
    any(target_arch = "s390x", all(target_arch = "powerpc64", not(target_abi = "elfv1")))
))]

#[path = "common/task.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod task;

use std::arch::naked_asm;

use barrier_arch::Spacing;
use barrier_arch::arch::switch;
use task::{DEPTH, Task};
use unwind_walk::Frame;
use unwind_walk::cfi::UnwindTables;

/// [`task::Frames`], of 168 bytes and up to 64 more, the last of which switches away itself.
#[cfg(target_arch = "s390x")]
#[unsafe(naked)]
extern "C" fn frames(task: *mut Task, depth: usize) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "stmg %r11, %r15, 88(%r15)",
        ".cfi_offset 11, -72",
        ".cfi_offset 14, -48",
        ".cfi_offset 15, -40",
        "lgr %r1, %r15",
        "aghi %r15, -168",
        ".cfi_def_cfa_offset 328",
        "stg %r1, 0(%r15)",
        "lgr %r11, %r15",
        ".cfi_def_cfa_register 11",
        "stg %r3, 160(%r11)",
        "lghi %r0, 7", // 8 · (depth mod 8 + 1) bytes more, below the back chain
        "ngr %r0, %r3",
        "sllg %r0, %r0, 3",
        "aghi %r0, 8",
        "sgr %r15, %r0",
        "stg %r1, 0(%r15)",
        "aghi %r3, -1",
        "jl 2f",
        "brasl %r14, {frames}",
        "j 3f",
        "2: la %r3, 8(%r2)",
        "brasl %r14, {switch}",
        "lghi %r2, 0",
        "3: ag %r2, 160(%r11)",
        "lmg %r11, %r15, 256(%r11)",
        ".cfi_restore 11",
        ".cfi_restore 14",
        ".cfi_restore 15",
        ".cfi_def_cfa 15, 160",
        "br %r14",
        ".cfi_endproc",
        frames = sym frames,
        switch = sym switch,
    )
}

/// [`task::Frames`], of 128 bytes and up to 128 more, the last of which switches away itself.
#[cfg(target_arch = "powerpc64")]
#[unsafe(naked)]
extern "C" fn frames(task: *mut Task, depth: usize) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "mflr %r0",
        "std %r0, 16(%r1)",
        "std %r31, -8(%r1)",
        "mr %r6, %r1",
        "stdu %r1, -128(%r1)",
        ".cfi_def_cfa_offset 128",
        ".cfi_offset 65, 16",
        ".cfi_offset 31, -8",
        "mr %r31, %r1",
        ".cfi_def_cfa_register 31",
        "std %r4, 104(%r31)",
        "andi. %r5, %r4, 7", // 16 · (depth mod 8 + 1) bytes more, below the back chain
        "sldi %r5, %r5, 4",
        "addi %r5, %r5, 16",
        "neg %r5, %r5",
        "stdux %r6, %r1, %r5",
        "cmpdi %r4, 0",
        "beq 2f",
        "addi %r4, %r4, -1",
        "bl {frames}",
        "nop",
        "b 3f",
        "2: addi %r4, %r3, 8",
        "bl {switch}",
        "nop",
        "li %r3, 0",
        "3: ld %r4, 104(%r31)",
        "add %r3, %r3, %r4",
        "addi %r1, %r31, 128",
        ".cfi_def_cfa 1, 0",
        "ld %r0, 16(%r1)",
        "ld %r31, -8(%r1)",
        ".cfi_restore 31",
        "mtlr %r0",
        ".cfi_restore 65",
        "blr",
        ".cfi_endproc",
        frames = sym frames,
        switch = sym switch,
    )
}

#[test]
fn frames_of_no_fixed_size_are_walked_and_returned_from_through_barriers() {
    // SAFETY: nothing is unloaded.
    let tables = unsafe { UnwindTables::of_this_process() };
    for (spacing, least) in [(Spacing::Off, 0), (Spacing::default(), 3), (Spacing::EveryFrame, DEPTH)] {
        let mut task = Task::new(spacing, frames);
        task.resume();
        let before = task.walk(&tables, true);
        assert_eq!(before.len(), (DEPTH + 1) + 2, "they, enter, the outermost");
        let count = task.install(&tables, spacing);
        assert!(count >= least, "{count} barriers");
        let after = task.walk(&tables, true);
        assert!(after.iter().map(Frame::registers).eq(before.iter().map(Frame::registers)));
        task.resume();
        assert_eq!(task.result, DEPTH * (DEPTH + 1) / 2);
    }
}
