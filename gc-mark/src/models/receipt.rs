//! A receipt in every interleaving of the threads that hold it.

use std::sync::Arc;

use barrier_arch::explore;
use loom::cell::UnsafeCell;
use loom::thread;

use crate::phase::Cycle;
use crate::receipt::{FirstScanClaim, Ran, ReScanClaim, Receipt};

const TOP: usize = 0x10_0000;

/// A receipt, and what its claims protect.
struct Stack {
    receipt: Receipt,
    scanned: UnsafeCell<usize>,
}

// SAFETY: the model checker sees to it that `scanned` is one thread's at a time.
unsafe impl Sync for Stack {}
// SAFETY: as above.
unsafe impl Send for Stack {}

impl Stack {
    fn new() -> Arc<Stack> {
        Arc::new(Stack { receipt: Receipt::new(), scanned: UnsafeCell::new(0) })
    }

    fn first_scan(&self) -> bool {
        let FirstScanClaim::Claimed(claim) = self.receipt.claim_first_scan(cycle(), TOP) else {
            return false;
        };
        // SAFETY: that nobody else has it is what is checked.
        self.scanned.with_mut(|scanned| unsafe { *scanned += 1 });
        claim.done();
        true
    }
}

fn cycle() -> Cycle {
    Cycle::from_number(1).unwrap()
}

#[test]
fn one_of_two_scans_first() {
    explore("receipt/first-scan", || {
        let stack = Stack::new();
        let other = Arc::clone(&stack);
        let other = thread::spawn(move || other.first_scan());
        let mine = stack.first_scan();
        assert!(mine != other.join().unwrap());
        assert!(stack.receipt.is_clean(cycle(), TOP), "who came too late has changed nothing");
        // SAFETY: the other has ended.
        assert_eq!(stack.scanned.with(|scanned| unsafe { *scanned }), 1);
    });
}

/// What the first scan remembered is seen by the one who re-scans, on another thread, with nothing but the receipt between them.
#[test]
fn a_re_scan_sees_what_the_first_scan_left() {
    explore("receipt/re-scan", || {
        let stack = Stack::new();
        let scanner = Arc::clone(&stack);
        let scanner = thread::spawn(move || scanner.first_scan());
        let full = match stack.receipt.claim_re_scan(cycle(), TOP) {
            ReScanClaim::Full(claim) => {
                // SAFETY: as in `first_scan`.
                stack.scanned.with_mut(|scanned| unsafe { *scanned += 1 });
                claim.done();
                true
            }
            ReScanClaim::Clean => {
                // SAFETY: nobody writes any more.
                assert_eq!(stack.scanned.with(|scanned| unsafe { *scanned }), 1);
                false
            }
            ReScanClaim::Busy => false,
            other => panic!("{other:?}"),
        };
        assert_eq!(scanner.join().unwrap(), !full);
    });
}

/// Two who resume a stack that was scanned: exactly one of them has the duty to list it.
#[test]
fn one_of_two_makes_it_dirty() {
    explore("receipt/dirty", || {
        let stack = Stack::new();
        assert!(stack.first_scan());
        let other = Arc::clone(&stack);
        let other = thread::spawn(move || other.receipt.note_run(cycle()));
        let both = [stack.receipt.note_run(cycle()), other.join().unwrap()];
        assert!(
            both == [Ran::BecameDirty, Ran::AlreadyDirty] || both == [Ran::AlreadyDirty, Ran::BecameDirty]
        );
        assert!(matches!(stack.receipt.claim_re_scan(cycle(), TOP), ReScanClaim::Bounded(_)));
    });
}
