//! In builds with debug assertions an operation that meets or leaves broken barriers stops the process, with the list.
#![cfg(debug_assertions)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::reference::Memory;
use barrier_arch::{Spacing, arch, patch};
use support::MODES;
use support::plain::{PlainStack, RECORD, record};

/// A stack with four barriers, or none.
fn stack(spacing: Spacing) -> PlainStack {
    let mut stack = PlainStack::new(1 << 14, spacing);
    let first = stack.bars.base() + 1024;
    let wanted = if spacing == Spacing::Off { 0 } else { 4 };
    for index in 0..wanted {
        stack.install_over(first + 64 * index, 0x1000 + index).unwrap();
    }
    stack
}

/// Set in the child process: which operation to do in which mode.
const ROLE: &str = "OPERATION_ON_BROKEN_BARRIERS";

/// Does `operation` number so-and-so in mode number so-and-so.
fn operate(role: &str, broken: &impl Fn(&mut PlainStack)) {
    let (operation, mode) = role.split_once(' ').unwrap();
    let spacing = MODES[mode.parse::<usize>().unwrap()];
    let mut stack = stack(spacing);
    // The first barrier is alive.
    let sp = arch::sp_after(stack.bars.base() + 1024) - arch::SLOT_BYTES;
    if spacing != Spacing::Off {
        broken(&mut stack);
    }
    // SAFETY: nothing runs on the stack.
    unsafe {
        match operation {
            "remove" => drop(patch::remove(&stack.bars, sp)),
            "skip" => drop(patch::skip(&stack.bars, sp + 64)),
            _ => drop(patch::unwind(&stack.bars, sp, sp + 64)),
        }
    }
}

/// Every operation, on a stack that `broken` had in hand: with barriers, the process stops and says what is `wrong`; without, there is
/// nothing to be wrong. `test` is the name of the calling test, which a child process runs again.
fn each_stops(test: &str, wrong: &str, broken: impl Fn(&mut PlainStack)) {
    if let Ok(role) = std::env::var(ROLE) {
        return operate(&role, &broken);
    }
    for (mode, spacing) in MODES.iter().enumerate() {
        for operation in ["remove", "skip", "unwind"] {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args([test, "--exact", "--nocapture"]).env(ROLE, format!("{operation} {mode}"));
            let Output { status, stderr, .. } = child.output().unwrap();
            let text = String::from_utf8_lossy(&stderr);
            if *spacing == Spacing::Off {
                assert!(status.success(), "{operation}: {text}");
            } else {
                assert_eq!(status.signal(), Some(libc::SIGABRT), "{operation}: {text}");
                assert!(text.contains(wrong) && text.contains("barriers ["), "{operation}: {text}");
            }
        }
    }
}

#[test]
fn records_out_of_order_stop_the_next_operation() {
    each_stops("records_out_of_order_stop_the_next_operation", "fatal: I2: record 2", |stack| {
        let top = stack.bars.top();
        let slot = stack.load(top - record(1));
        stack.store(top - record(2), slot);
    });
}

#[test]
fn a_position_past_the_length_stops_the_next_operation() {
    each_stops(
        "a_position_past_the_length_stops_the_next_operation",
        &format!("fatal: I1: position {} and length {}", 5 * RECORD, 4 * RECORD),
        |stack| stack.break_state(5, 4),
    );
}

#[test]
fn a_record_of_a_barrier_stops_the_next_operation() {
    each_stops("a_record_of_a_barrier_stops_the_next_operation", "which is no return address", |stack| {
        let (top, stub) = (stack.bars.top(), stack.bars.stub(3).pc());
        stack.store(top - record(3) + SLOT_BYTES, stub);
    });
}
