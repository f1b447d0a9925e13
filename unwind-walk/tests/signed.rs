//! Frames that sign their return address with either key, or not at all, walked by their unwind tables, which say so; returned from through barriers.
#![cfg(all(feature = "cfi", target_arch = "aarch64", target_os = "linux"))]

#[path = "common/task.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod task;

use core::ops::ControlFlow;
use std::arch::naked_asm;

use barrier_arch::Spacing;
use barrier_arch::arch::{SigningKey, sign, strip};
use barrier_arch::patch::{self, Refused, Removed};
use task::{DEPTH, Task, pause};
use unwind_walk::cfi::UnwindTables;
use unwind_walk::{Caller, Fault, Frame, FramePointers, LiveStack, Unwind, Walk};

const MODES: [Spacing; 3] = [Spacing::Off, Spacing::Exponential { first: 1024 }, Spacing::EveryFrame];

/// Defines frames ([`task::Frames`]) without a frame record, of which the next younger is of the kind `next`.
macro_rules! frames {
    ($name:ident, $next:ident, $key:literal, $sign:literal, $negate:literal, $check:literal) => {
        #[unsafe(naked)]
        extern "C" fn $name(task: *mut Task, depth: usize) -> usize {
            naked_asm!(
                ".cfi_startproc",
                $key,
                $sign,
                $negate,
                "sub sp, sp, #48",
                ".cfi_def_cfa_offset 48",
                "stp x30, x1, [sp, #8]",
                ".cfi_offset 30, -40",
                "cbz x1, 2f",
                "sub x1, x1, #1",
                "bl {next}",
                "b 3f",
                "2:",
                "bl {pause}",
                "mov x0, #0",
                "3:",
                "ldp x30, x1, [sp, #8]",
                ".cfi_restore 30",
                "add sp, sp, #48",
                ".cfi_def_cfa_offset 0",
                "add x0, x0, x1",
                $check, // a wrong code makes the return fault
                $negate,
                "ret",
                ".cfi_endproc",
                next = sym $next,
                pause = sym pause,
            )
        }
    };
}

// paciasp … autiasp, pacibsp … autibsp
frames!(signed_by_a, signed_by_b, "", "hint #25", ".cfi_negate_ra_state", "hint #29");
frames!(signed_by_b, unsigned, ".cfi_b_key_frame", "hint #27", ".cfi_negate_ra_state", "hint #31");
frames!(unsigned, signed_by_a, "", "", "", "");

/// Their keys, from the oldest on.
const KEYS: [Option<SigningKey>; 3] = [Some(SigningKey::A), Some(SigningKey::B), None];

/// A task at the bottom of those frames, and the frames, from the oldest on, each with its key.
fn paused(tables: &UnwindTables<'_>, spacing: Spacing) -> (Box<Task>, Vec<(Frame, Option<SigningKey>)>) {
    let mut task = Task::new(spacing, signed_by_a);
    task.resume();
    let frames = task.walk(tables, true);
    assert_eq!(frames.len(), 1 + (DEPTH + 1) + 2, "pause, they, enter, the outermost");
    let frames = frames[1..][..DEPTH + 1].iter().rev().copied();
    let keyed = frames.zip(KEYS.into_iter().cycle()).collect();
    (task, keyed)
}

/// What a frame's slot holds.
fn word(caller: Caller) -> usize {
    // SAFETY: a live slot of a stack that is stopped.
    unsafe { (caller.return_slot as *const usize).read_volatile() }
}

fn tables() -> UnwindTables<'static> {
    // SAFETY: nothing is unloaded.
    unsafe { UnwindTables::of_this_process() }
}

/// As that frame signs `pc`, if it does.
fn signed(pc: usize, caller: Caller, key: Option<SigningKey>) -> usize {
    key.map_or(pc, |key| sign(pc, caller.cfa, key).expect("this (emulated) processor authenticates"))
}

#[test]
fn the_tables_say_which_frames_are_signed_and_with_which_key() {
    let tables = tables();
    let (_task, frames) = paused(&tables, Spacing::Off);
    for (frame, key) in frames {
        assert_eq!(tables.signing(frame.lookup_pc()), key, "{frame}");
        let caller = frame.caller.unwrap();
        assert_eq!(strip(caller.return_pc), caller.return_pc);
        assert_eq!(word(caller), signed(caller.return_pc, caller, key), "{frame}");
    }
}

/// From behind the first instruction to the last one.
#[test]
fn a_return_address_is_signed_between_signing_and_check() {
    let tables = tables();
    for (function, key) in [(signed_by_a as task::Frames, SigningKey::A), (signed_by_b, SigningKey::B)] {
        let instructions = (0..14).map(|index| function as *const () as usize + 4 * index);
        let keys: Vec<_> = instructions.map(|pc| tables.signing(pc)).collect();
        assert_eq!(keys, [vec![None], vec![Some(key); 12], vec![None]].concat());
    }
}

/// Barriers where the spacing wants them, each by the key that the tables say: how many, and how many frames could not have one.
fn install(task: &Task, tables: &UnwindTables<'_>, spacing: Spacing) -> (usize, usize) {
    let mut thresholds = spacing.thresholds(task.registers().sp);
    let (mut installed, mut ambiguous) = (0, 0);
    for frame in &task.walk(tables, true)[1..][..DEPTH + 1] {
        let Some(caller) = frame.caller.filter(|caller| thresholds.wants(caller.cfa)) else { continue };
        let result = match tables.signing(frame.lookup_pc()) {
            // SAFETY: the return slot of a frame that was just walked, not the youngest; the tables know its CFA and its key.
            Some(key) => unsafe { patch::install_signed(&task.bars, caller.return_slot, caller.cfa, key) },
            // SAFETY: as above.
            None => unsafe { patch::install(&task.bars, caller.return_slot) },
        };
        match result {
            Ok(()) => (thresholds.placed(), installed += 1).1,
            // The code of an address is zero once in 128 times.
            Err(Refused::Ambiguous(_)) => ambiguous += 1,
            Err(refused) => panic!("{frame}: {refused}"),
        }
    }
    (installed, ambiguous)
}

#[test]
fn every_kind_of_frame_returns_through_barriers() {
    let tables = tables();
    for spacing in MODES {
        let (mut task, frames) = paused(&tables, spacing);
        let (installed, ambiguous) = install(&task, &tables, spacing);
        match spacing {
            Spacing::Off => assert_eq!(installed, 0),
            Spacing::Exponential { .. } => assert!((3..=5).contains(&installed), "{installed}"),
            Spacing::EveryFrame => assert_eq!(installed + ambiguous, DEPTH + 1),
        }
        for with_list in [true, false] {
            let after = task.walk(&tables, with_list);
            assert_eq!(after.iter().filter_map(Frame::barrier).count(), installed);
            let ours = after[1..][..DEPTH + 1].iter().rev();
            assert!(ours.map(Frame::registers).eq(frames.iter().map(|(frame, _)| frame.registers())));
        }
        task.resume();
        assert_eq!(task.result, DEPTH * (DEPTH + 1) / 2);
        assert_eq!(task.bars.position(), installed, "every barrier was hit");
    }
}

#[test]
fn removal_puts_every_kind_of_address_back() {
    let tables = tables();
    for spacing in MODES {
        let (mut task, frames) = paused(&tables, spacing);
        let (installed, _) = install(&task, &tables, spacing);
        // SAFETY: the stack is stopped there.
        let removed = unsafe { patch::remove(&task.bars, task.registers().sp) };
        assert_eq!(removed, Removed { restored: installed, ..Removed::default() });
        for (frame, key) in frames {
            let caller = frame.caller.unwrap();
            assert_eq!(word(caller), signed(caller.return_pc, caller, key), "{frame}");
        }
        task.resume();
        assert_eq!(task.result, DEPTH * (DEPTH + 1) / 2);
    }
}

/// What tables of key A would lead to, with key B's frames: nothing is installed there.
#[test]
fn the_other_key_is_refused() {
    let tables = tables();
    let (task, frames) = paused(&tables, Spacing::EveryFrame);
    for (frame, key) in frames.iter().rev() {
        let (Some(key), caller) = (key, frame.caller.unwrap()) else { continue };
        if word(caller) == caller.return_pc {
            continue; // its code is zero: so looks an address that is not signed
        }
        let other = if *key == SigningKey::A { SigningKey::B } else { SigningKey::A };
        if signed(caller.return_pc, caller, Some(other)) != word(caller) {
            // SAFETY: the slot of a live frame of a stack that is stopped.
            let refused = unsafe { patch::install_signed(&task.bars, caller.return_slot, caller.cfa, other) };
            assert!(matches!(refused, Err(Refused::Authenticated(_) | Refused::Ambiguous(_))), "{refused:?}");
        }
    }
}

/// A chain of frame pointers passes these frames by; a signed barrier that it did not meet is noticed like any other.
#[test]
fn signed_barriers_that_a_walk_passes_by_are_left_over() {
    let tables = tables();
    let (task, frames) = paused(&tables, Spacing::EveryFrame);
    for (frame, key) in frames.iter().rev() {
        let (Some(key), caller) = (key, frame.caller.unwrap()) else { continue };
        // SAFETY: the slot of a live frame of a stack that is stopped, its CFA and its key.
        let _ = unsafe { patch::install_signed(&task.bars, caller.return_slot, caller.cfa, *key) };
    }
    let slot = task.bars.get(0).unwrap().saved_lr_ptr;
    // SAFETY: the stack does not run and outlives the view.
    let live = unsafe { LiveStack::new(task.base.as_ptr() as usize, task.bars.top()) };
    let walk = Walk::new(&FramePointers, &live).suspended().barriers(&task.bars);
    let walked = walk.strict(task.outermost_sp, task.registers(), |_| ControlFlow::Continue(()));
    assert_eq!(walked.unwrap_err().fault, Fault::Leftover { slot });
}
