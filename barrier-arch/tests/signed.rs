//! Frames that authenticate their return address (AArch64's `pac-ret`), returned from through barriers.
#![cfg(target_arch = "aarch64")]

mod support;

use std::arch::naked_asm;

use barrier_arch::arch::SigningKey;
use barrier_arch::patch::{self, Refused};
use barrier_arch::{Spacing, StkbarSlice, arch, is_barrier};
use support::{MODES, TestStack};

/// Bytes of a frame of the chains below, whose record is at its bottom.
const FRAME: usize = 32;

/// A chain of frames, by the key that they sign with.
type Frames = extern "C" fn(usize, extern "C" fn(&mut Look<'_>, usize), &mut Look<'_>) -> usize;

/// Defines `depth + 1` frames, each of which signs its return address with its CFA and checks it before it returns. The last calls
/// `bottom(look, frame record)`. Returns `depth`.
macro_rules! signed_frames {
    ($name:ident, $sign:literal, $check:literal) => {
        #[unsafe(naked)]
        extern "C" fn $name(
            depth: usize,
            bottom: extern "C" fn(&mut Look<'_>, usize),
            look: &mut Look<'_>,
        ) -> usize {
            naked_asm!(
                $sign,
                "stp x29, x30, [sp, #-32]!",
                "mov x29, sp",
                "cbz x0, 2f",
                "sub x0, x0, #1",
                "bl {frames}",
                "add x0, x0, #1",
                "b 3f",
                "2:",
                "mov x9, x1",
                "mov x0, x2",
                "mov x1, x29",
                "blr x9",
                "mov x0, #0",
                "3:",
                "ldp x29, x30, [sp], #32",
                $check, // a wrong code makes the return fault
                "ret",
                frames = sym $name,
            )
        }
    };
}

signed_frames!(signed_by_a, "hint #25", "hint #29"); // paciasp, autiasp
signed_frames!(signed_by_b, "hint #27", "hint #31"); // pacibsp, autibsp

const KEYS: [(SigningKey, Frames); 2] = [(SigningKey::A, signed_by_a), (SigningKey::B, signed_by_b)];

/// What to do at the bottom, and what was seen.
struct Look<'s> {
    bars: &'s StkbarSlice,
    key: SigningKey,
    spacing: Spacing,
    depth: usize,
    remove: bool,
    installed: usize,
    ambiguous: usize,
}

extern "C" fn at_the_bottom(look: &mut Look<'_>, record: usize) {
    // SAFETY: the records of live frames of this very stack.
    let word = |address: usize| unsafe { (address as *const usize).read_volatile() };
    let records: Vec<usize> =
        std::iter::successors(Some(record), |&fp| Some(word(fp))).take(look.depth + 1).collect();
    let before: Vec<usize> = records.iter().map(|fp| word(fp + 8)).collect();
    let mut thresholds = look.spacing.thresholds(record);
    for fp in records.iter().copied().filter(|_| look.spacing != Spacing::Off) {
        let (slot, cfa) = (fp + 8, fp + FRAME);
        if arch::sign(arch::strip(word(slot)), cfa, look.key)
            .is_some_and(|code| code == word(slot) && code != arch::strip(code))
        {
            // SAFETY: a live slot of this stack.
            assert_eq!(unsafe { patch::install(look.bars, slot) }, Err(Refused::Authenticated(slot)));
            let other = if look.key == SigningKey::A { SigningKey::B } else { SigningKey::A };
            if arch::sign(arch::strip(word(slot)), cfa, other) != Some(word(slot)) {
                // SAFETY: as above.
                let refused = unsafe { patch::install_signed(look.bars, slot, cfa, other) };
                assert!(
                    matches!(refused, Err(Refused::Authenticated(_) | Refused::Ambiguous(_))),
                    "{refused:?}"
                );
            }
        }
        if !thresholds.wants(cfa) {
            continue;
        }
        // SAFETY: the frame is alive, and that is its CFA.
        match unsafe { patch::install_signed(look.bars, slot, cfa, look.key) } {
            Ok(()) => thresholds.placed(),
            Err(Refused::Ambiguous(_)) => look.ambiguous += 1,
            Err(refused) => panic!("{refused}"),
        }
    }
    look.installed = look.bars.len();
    for (i, &fp) in records.iter().enumerate() {
        // SAFETY: a live slot.
        assert_eq!(unsafe { patch::caller_pc((fp + 8) as *const usize) }, arch::strip(before[i]));
    }
    if look.remove {
        // SAFETY: this very stack; frames below are not looked at.
        unsafe { patch::remove(look.bars, record) };
        let after: Vec<usize> = records.iter().map(|fp| word(fp + 8)).collect();
        assert_eq!(before, after, "signed addresses come back as they were");
    }
}

fn run(
    (key, frames): (SigningKey, Frames),
    spacing: Spacing,
    depth: usize,
    remove: bool,
) -> (usize, usize, usize) {
    let stack = TestStack::new(1 << 16, spacing);
    stack.run(|bars| {
        let mut look = Look { bars, key, spacing, depth, remove, installed: 0, ambiguous: 0 };
        assert_eq!(frames(depth, at_the_bottom, &mut look), depth);
        (look.installed, look.ambiguous, bars.position())
    })
}

#[test]
fn signed_frames_return_through_signed_barriers() {
    for (key, spacing) in KEYS.into_iter().flat_map(|key| MODES.map(|spacing| (key, spacing))) {
        for depth in 0..=64 {
            let (installed, ambiguous, position) = run(key, spacing, depth, false);
            assert_eq!(position, installed, "every barrier was hit");
            match spacing {
                Spacing::Off => assert_eq!(installed, 0),
                Spacing::Exponential { .. } => assert!(installed <= 2),
                // The code of an address is zero once in 128 times: then the frame is skipped.
                Spacing::EveryFrame => assert_eq!(installed + ambiguous, depth + 1),
            }
        }
    }
}

#[test]
fn removal_puts_signed_addresses_back() {
    for (key, spacing) in KEYS.into_iter().flat_map(|key| MODES.map(|spacing| (key, spacing))) {
        let (_, _, position) = run(key, spacing, 60, true);
        assert_eq!(position, 0);
    }
}

#[test]
fn a_signed_stub_is_a_stub() {
    let stub = barrier_arch::Stub::new(barrier_arch::SizeClass::MIN, barrier_arch::Key::Search).pc();
    for cfa in (0..100).map(|i| 0x7f00_0000_0000 + 16 * i) {
        for key in [SigningKey::A, SigningKey::B] {
            let code = arch::sign(stub, cfa, key).expect("this (emulated) processor authenticates");
            assert_eq!(arch::strip(code), stub);
            assert!(is_barrier(code));
        }
    }
}
