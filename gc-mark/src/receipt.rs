//! What was scanned of one stack, in which cycle, and whether it ran since.
//!
//! ```text
//!                 claim_first_scan         done              note_run
//!   not scanned ──────────────────▶ scanning ────▶ clean ──────────────▶ dirty
//!        │   ▲                         │             │                     │ claim_re_scan
//!        │   └──── dropped undone ─────┘             │ claim_re_scan       ▼ (bounded)
//!        │                                           ▼                 re-scanning ────▶ re-scanned
//!        │                                      not visited                ▲       done
//!        └─────────────────────────── claim_re_scan (full) ────────────────┘
//! ```
//!
//! # Rules
//!
//! 1. State and cycle number are one atomic word. A word of another cycle means "not scanned": a receipt is good for one
//!    cycle only, and nobody has to reset the receipts of all stacks when a cycle ends.
//! 2. It is good for one stack only. A claim names the stack's top; if that is not the one that was
//!    scanned, nothing was. A stack that moves takes its receipt along with [`Receipt::carry_over`] (I11).
//! 3. A stack is scanned once per phase (I9). Who may scan is decided by the exchange of the word, under the claim of the stack itself (the
//!    caller holds it stopped); the loser is told, and does nothing.
//! 4. A stack that did not run since its scan is not visited again (I14). That rests on everybody who writes into a stack that does
//!    not run: they shade, or they call [`crate::Stopped::unwind_barriers`], which notes it here. An owner who
//!    cannot rely on it for frames that are not vouched for calls [`Receipt::note_run`] right after the first scan.
//! 5. A claim that is dropped before it is done (an error) leaves "not scanned": the next scan is a full one.
//! 6. What is remembered beside the word belongs to whoever holds a claim, or moves the stack.

use core::cell::UnsafeCell;
use core::fmt;
use core::sync::atomic::Ordering;

use barrier_arch::StkbarSlice;

use crate::phase::Cycle;
use crate::sync::{AtomicU64, AtomicUsize};
use crate::unvouched::Unvouched;

const NOT_SCANNED: u64 = 0;
const SCANNING: u64 = 1;
const CLEAN: u64 = 2;
const DIRTY: u64 = 3;
const RE_SCANNING: u64 = 4;
const RE_SCANNED: u64 = 5;
const STATE_BITS: u32 = 3;

/// The receipt of one stack.
pub struct Receipt {
    word: AtomicU64,
    /// Top of the stack that was scanned.
    top: AtomicUsize,
    /// What the first scan could not rely on (rule 6).
    unvouched: UnsafeCell<Unvouched>,
}

// SAFETY: `unvouched` is reached through a `Claim` only, of which the word lets there be one.
unsafe impl Sync for Receipt {}

/// What [`Receipt::claim_first_scan`] decided.
#[derive(Debug)]
#[must_use = "a dropped claim leaves the stack unscanned"]
pub enum FirstScanClaim<'r> {
    /// The caller scans.
    Claimed(Claim<'r>),
    /// It was scanned in this cycle.
    AlreadyScanned,
    /// Somebody scans it at this moment: two callers hold the same stack stopped, which must not be.
    Busy,
}

/// What [`Receipt::claim_re_scan`] decided.
#[derive(Debug)]
#[must_use = "a dropped claim leaves the stack unscanned"]
pub enum ReScanClaim<'r> {
    /// The caller scans up to the lowest barrier that was not hit, and what is not vouched for above.
    Bounded(Claim<'r>),
    /// The caller scans the whole stack: there was no first scan of it in this cycle.
    Full(Claim<'r>),
    /// It did not run since its first scan; there is nothing to do.
    Clean,
    /// It was re-scanned in this cycle.
    AlreadyScanned,
    /// As [`FirstScanClaim::Busy`].
    Busy,
}

/// What [`Receipt::note_run`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stack that became dirty must be put on the list of those to re-scan"]
pub enum Ran {
    /// It was clean: from now on it is the caller's duty that it will be re-scanned.
    BecameDirty,
    /// It was dirty already.
    AlreadyDirty,
    /// Not scanned in this cycle: a first scan is to come, or the re-scan will be a full one. A stack that is made
    /// in mid-cycle must be put on the list when it is made.
    NotScanned,
    /// The cycle is done with this stack.
    ReScanned,
    /// It is being scanned: it must not run.
    BeingScanned,
}

impl Receipt {
    /// Of a stack that was never scanned.
    #[cfg(not(loom))]
    pub const fn new() -> Receipt {
        let (word, top) = (AtomicU64::new(NOT_SCANNED), AtomicUsize::new(0));
        Receipt { word, top, unvouched: UnsafeCell::new(Unvouched::new()) }
    }

    /// The model checker's atomics are not made in constants.
    #[cfg(loom)]
    pub fn new() -> Receipt {
        let (word, top) = (AtomicU64::new(NOT_SCANNED), AtomicUsize::new(0));
        Receipt { word, top, unvouched: UnsafeCell::new(Unvouched::new()) }
    }

    /// Claims the first scan of the stack with this top, in cycle `cycle`. The caller holds the stack stopped.
    pub fn claim_first_scan(&self, cycle: Cycle, top: usize) -> FirstScanClaim<'_> {
        match self.state_of(cycle, top) {
            (word, NOT_SCANNED) => match self.claim(word, cycle, SCANNING) {
                Some(mut claim) => {
                    self.top.store(top, Ordering::Relaxed);
                    *claim.unvouched() = Unvouched::new();
                    FirstScanClaim::Claimed(claim)
                }
                None => FirstScanClaim::Busy,
            },
            (_, SCANNING | RE_SCANNING) => FirstScanClaim::Busy,
            _ => FirstScanClaim::AlreadyScanned,
        }
    }

    /// Claims the re-scan of the stack with this top at the termination of cycle `cycle`. The world is stopped.
    pub fn claim_re_scan(&self, cycle: Cycle, top: usize) -> ReScanClaim<'_> {
        let (word, state) = self.state_of(cycle, top);
        match state {
            CLEAN => ReScanClaim::Clean,
            RE_SCANNED => ReScanClaim::AlreadyScanned,
            NOT_SCANNED | DIRTY => match self.claim(word, cycle, RE_SCANNING) {
                None => ReScanClaim::Busy,
                Some(claim) if state == DIRTY => ReScanClaim::Bounded(claim),
                Some(claim) => {
                    self.top.store(top, Ordering::Relaxed);
                    ReScanClaim::Full(claim)
                }
            },
            _ => ReScanClaim::Busy,
        }
    }

    /// The stack is about to run in cycle `cycle`: to be called by whoever resumes it, before it does. One load if there is nothing
    /// to change.
    pub fn note_run(&self, cycle: Cycle) -> Ran {
        let (word, state) = self.state_in(cycle);
        match state {
            NOT_SCANNED => Ran::NotScanned,
            CLEAN if self.exchange(word, cycle, DIRTY) => Ran::BecameDirty,
            // Somebody else made the same step at the same time, and took the duty that goes with it.
            CLEAN | DIRTY => Ran::AlreadyDirty,
            RE_SCANNED => Ran::ReScanned,
            _ => Ran::BeingScanned,
        }
    }

    /// Did the stack run since its first scan in cycle `cycle`?
    pub fn is_dirty(&self, cycle: Cycle) -> bool {
        self.state_in(cycle).1 == DIRTY
    }

    /// Was the stack scanned in cycle `cycle`?
    pub fn is_scanned(&self, cycle: Cycle) -> bool {
        !matches!(self.state_in(cycle).1, NOT_SCANNED | SCANNING)
    }

    /// Was the stack with this top scanned in cycle `cycle`, and has not run since? A re-scan leaves it out.
    pub fn is_clean(&self, cycle: Cycle, top: usize) -> bool {
        self.state_of(cycle, top).1 == CLEAN
    }

    /// The stack was copied from `old` to `new` together with its barriers
    /// ([`barrier_arch::patch::carry_over`]): what is remembered goes along.
    ///
    /// Others may go on asking in which state the stack is.
    ///
    /// # Safety
    ///
    /// The caller has the stack, and nobody holds a claim on it.
    pub unsafe fn carry_over(&self, old: &StkbarSlice, new: &StkbarSlice) {
        if self.top.load(Ordering::Relaxed) == old.top() {
            self.top.store(new.top(), Ordering::Relaxed);
            // SAFETY: what rule 6 gives to whoever holds a claim; nobody does, by the caller's promise.
            let unvouched = unsafe { &mut *self.unvouched.get() };
            unvouched.shift(new.stack_hi().wrapping_sub(old.stack_hi()));
        }
    }

    /// The task is over and its stack is somebody else's from now on (I12).
    pub fn reset(&mut self) {
        *self = Receipt::new();
    }

    /// The word, and the state it means in `cycle` (rule 1). A claim is a claim in any cycle.
    fn state_in(&self, cycle: Cycle) -> (u64, u64) {
        let word = self.word.load(Ordering::Acquire);
        let state = word & ((1 << STATE_BITS) - 1);
        let ours = word >> STATE_BITS == cycle.number();
        (word, if ours || matches!(state, SCANNING | RE_SCANNING) { state } else { NOT_SCANNED })
    }

    /// [`Receipt::state_in`], if the stack is the one that was scanned (rule 2).
    fn state_of(&self, cycle: Cycle, top: usize) -> (u64, u64) {
        let (word, state) = self.state_in(cycle);
        let other = matches!(state, CLEAN | DIRTY | RE_SCANNED) && self.top.load(Ordering::Relaxed) != top;
        (word, if other { NOT_SCANNED } else { state })
    }

    fn exchange(&self, word: u64, cycle: Cycle, state: u64) -> bool {
        let new = cycle.number() << STATE_BITS | state;
        // Acquire pairs with the release of a claim's end: what it remembered is visible to the next claim.
        self.word.compare_exchange(word, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn claim(&self, word: u64, cycle: Cycle, state: u64) -> Option<Claim<'_>> {
        // Made by the winner only: a claim that is dropped, a loser's too, would take the winner's away.
        self.exchange(word, cycle, state).then(|| Claim { receipt: self, cycle, state })
    }
}

impl Default for Receipt {
    fn default() -> Self {
        Receipt::new()
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        let states = ["not scanned", "scanning", "clean", "dirty", "re-scanning", "re-scanned"];
        let state = states.get((word & ((1 << STATE_BITS) - 1)) as usize).unwrap_or(&"?");
        write!(f, "Receipt(cycle {}, {state})", word >> STATE_BITS)
    }
}

/// The right to scan one stack, until it is done or dropped.
#[derive(Debug)]
pub struct Claim<'r> {
    receipt: &'r Receipt,
    cycle: Cycle,
    state: u64,
}

impl Claim<'_> {
    /// The scan is complete.
    pub fn done(self) {
        let state = if self.state == SCANNING { CLEAN } else { RE_SCANNED };
        self.end(state);
        core::mem::forget(self);
    }

    /// What the first scan could not rely on.
    pub fn unvouched(&mut self) -> &mut Unvouched {
        // SAFETY: the word gave this claim to one caller (rule 6), and the reference borrows the claim exclusively.
        unsafe { &mut *self.receipt.unvouched.get() }
    }

    fn end(&self, state: u64) {
        self.receipt.word.store(self.cycle.number() << STATE_BITS | state, Ordering::Release);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.end(NOT_SCANNED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: usize = 0x10_0000;

    fn cycle(number: u64) -> Cycle {
        Cycle::from_number(number).unwrap()
    }

    fn scanned_in(number: u64) -> Receipt {
        let receipt = Receipt::new();
        match receipt.claim_first_scan(cycle(number), TOP) {
            FirstScanClaim::Claimed(mut claim) => {
                claim.unvouched().add_range(TOP - 64, TOP - 32);
                claim.done();
            }
            other => panic!("{other:?}"),
        }
        receipt
    }

    #[test]
    fn a_stack_is_scanned_once_per_phase() {
        let receipt = scanned_in(1);
        assert!(matches!(receipt.claim_first_scan(cycle(1), TOP), FirstScanClaim::AlreadyScanned));
        assert!(receipt.is_clean(cycle(1), TOP));
        assert!(!receipt.is_clean(cycle(2), TOP) && !receipt.is_clean(cycle(1), TOP + 4096));
        assert_eq!(receipt.note_run(cycle(1)), Ran::BecameDirty);
        assert!(!receipt.is_clean(cycle(1), TOP));
        assert_eq!(receipt.note_run(cycle(1)), Ran::AlreadyDirty);
        let ReScanClaim::Bounded(claim) = receipt.claim_re_scan(cycle(1), TOP) else { panic!("{receipt:?}") };
        assert!(matches!(receipt.claim_re_scan(cycle(1), TOP), ReScanClaim::Busy));
        assert!(matches!(receipt.claim_first_scan(cycle(1), TOP), FirstScanClaim::Busy));
        assert_eq!(receipt.note_run(cycle(1)), Ran::BeingScanned);
        claim.done();
        assert!(matches!(receipt.claim_re_scan(cycle(1), TOP), ReScanClaim::AlreadyScanned));
        assert!(matches!(receipt.claim_first_scan(cycle(1), TOP), FirstScanClaim::AlreadyScanned));
        assert_eq!(receipt.note_run(cycle(1)), Ran::ReScanned);
    }

    #[test]
    fn a_stack_that_did_not_run_is_not_visited() {
        assert!(matches!(scanned_in(1).claim_re_scan(cycle(1), TOP), ReScanClaim::Clean));
    }

    #[test]
    fn a_new_stack_is_scanned_in_full() {
        let receipt = Receipt::new();
        assert_eq!(receipt.note_run(cycle(7)), Ran::NotScanned);
        assert!(matches!(receipt.claim_re_scan(cycle(7), TOP), ReScanClaim::Full(_)));
    }

    #[test]
    fn the_last_cycle_means_nothing() {
        for ran in [false, true] {
            let receipt = scanned_in(1);
            if ran {
                assert_eq!(receipt.note_run(cycle(1)), Ran::BecameDirty);
            }
            assert!(!receipt.is_scanned(cycle(2)) && !receipt.is_dirty(cycle(2)));
            assert_eq!(receipt.note_run(cycle(2)), Ran::NotScanned);
            assert!(matches!(receipt.claim_re_scan(cycle(2), TOP), ReScanClaim::Full(_)));
        }
    }

    #[test]
    fn another_stack_means_nothing() {
        for ran in [false, true] {
            let receipt = scanned_in(1);
            assert!(!ran || receipt.note_run(cycle(1)) == Ran::BecameDirty);
            let other = TOP + 0x1000;
            drop(receipt.claim_first_scan(cycle(1), TOP));
            assert!(matches!(receipt.claim_re_scan(cycle(1), other), ReScanClaim::Full(_)));
        }
    }

    #[test]
    fn an_undone_claim_leaves_nothing_scanned() {
        let receipt = Receipt::new();
        drop(receipt.claim_first_scan(cycle(1), TOP));
        assert!(!receipt.is_scanned(cycle(1)));
        let receipt = scanned_in(1);
        assert_eq!(receipt.note_run(cycle(1)), Ran::BecameDirty);
        drop(receipt.claim_re_scan(cycle(1), TOP));
        assert!(matches!(receipt.claim_re_scan(cycle(1), TOP), ReScanClaim::Full(_)));
    }

    /// Who had looked before another claimed, and comes too late, once made the claim void: its own, which it did not get, was dropped.
    #[test]
    fn who_comes_too_late_for_a_claim_changes_nothing() {
        let receipt = Receipt::new();
        let (looked, _) = receipt.state_of(cycle(1), TOP);
        let FirstScanClaim::Claimed(claim) = receipt.claim_first_scan(cycle(1), TOP) else {
            panic!("a new one")
        };
        assert!(receipt.claim(looked, cycle(1), SCANNING).is_none());
        assert!(matches!(receipt.claim_first_scan(cycle(1), TOP), FirstScanClaim::Busy));
        claim.done();
        assert!(receipt.claim(looked, cycle(1), SCANNING).is_none());
        assert!(receipt.is_clean(cycle(1), TOP));
    }

    #[test]
    fn one_of_many_gets_the_claim() {
        for number in 1..200 {
            let receipt = Receipt::new();
            let claimed = std::sync::atomic::AtomicUsize::new(0);
            let scan = || match receipt.claim_first_scan(cycle(number), TOP) {
                FirstScanClaim::Claimed(mut claim) => {
                    claimed.fetch_add(1, Ordering::Relaxed);
                    claim.unvouched().add_precise(number as usize);
                    claim.done();
                }
                FirstScanClaim::AlreadyScanned | FirstScanClaim::Busy => {}
            };
            std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(scan))));
            assert_eq!(claimed.into_inner(), 1);
        }
    }
}
