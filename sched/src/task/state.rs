//! Who may touch a task's stack: one atomic word, every transition a method that says what follows.
//!
//! ```text
//!             start              park                finish
//!   READY ──────────▶ RUNNING ──────────▶ PARKED        ──────▶ DONE
//!     ▲                 │                   │
//!     └──── yield ──────┘◀───── unpark ─────┘
//! ```
//!
//! beside which three bits:
//!
//! * `CLAIMED`: the collector holds the stack. Only a stack that does not run can be claimed, and a claimed one is not started;
//! * `WANTED`: a worker came for it while it was claimed; whoever releases the claim queues it again;
//! * `PERMIT`: an unpark came before its park.

use crate::sync::atomic::{AtomicU32, Ordering};

const READY: u32 = 0;
const RUNNING: u32 = 1;
const PARKED: u32 = 2;
const DONE: u32 = 3;
const PLACE: u32 = 3;
const CLAIMED: u32 = 4;
const WANTED: u32 = 8;
const PERMIT: u32 = 16;

/// The state word of one task.
#[derive(Debug)]
pub(crate) struct State(AtomicU32);

/// What [`State::start`] decided.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a task that is claimed must not be run"]
pub(crate) enum Start {
    /// It is the caller's to run.
    Started,
    /// The collector has it and will queue it again.
    Claimed,
}

/// What [`State::park`] decided.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a task that goes on must be queued"]
pub(crate) enum Park {
    /// It waits for an unpark.
    Parked,
    /// The unpark came first: queue it.
    GoesOn,
}

/// What [`State::unpark`] decided.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a task that became ready must be queued"]
pub(crate) enum Unpark {
    /// It was parked: queue it.
    Ready,
    /// It was not; its next park returns at once.
    Noted,
}

/// What [`State::claim`] decided.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claim must be released"]
pub(crate) enum Claim {
    /// The stack is the caller's until released.
    Held,
    /// It runs.
    Running,
    /// It has ended, or somebody else has it.
    Gone,
}

impl State {
    pub(crate) fn ready() -> State {
        State(AtomicU32::new(READY))
    }

    /// READY → RUNNING.
    pub(crate) fn start(&self) -> Start {
        let before =
            self.update(|word| if word & CLAIMED != 0 { word | WANTED } else { word & !PLACE | RUNNING });
        if before & CLAIMED != 0 { Start::Claimed } else { Start::Started }
    }

    /// RUNNING → READY. The caller has saved its context and queues it.
    pub(crate) fn make_ready(&self) {
        self.update(|word| word & !PLACE | READY);
    }

    /// RUNNING → PARKED, or READY if there is a permit. The caller has saved its context.
    pub(crate) fn park(&self) -> Park {
        let before = self.update(|word| match word & PERMIT {
            0 => word & !PLACE | PARKED,
            _ => word & !(PLACE | PERMIT) | READY,
        });
        if before & PERMIT != 0 { Park::GoesOn } else { Park::Parked }
    }

    /// PARKED → READY; elsewhere it leaves a permit.
    pub(crate) fn unpark(&self) -> Unpark {
        let before = self.update(|word| match word & PLACE {
            PARKED => word & !PLACE | READY,
            DONE => word,
            _ => word | PERMIT,
        });
        if before & PLACE == PARKED { Unpark::Ready } else { Unpark::Noted }
    }

    /// RUNNING → DONE: nothing will run on its stack again.
    pub(crate) fn finish(&self) {
        self.update(|word| word & !PLACE | DONE);
    }

    /// Takes hold of a stack that does not run.
    pub(crate) fn claim(&self) -> Claim {
        let before = self.update(|word| match word & PLACE {
            READY | PARKED => word | CLAIMED,
            _ => word,
        });
        match before & PLACE {
            RUNNING => Claim::Running,
            DONE => Claim::Gone,
            _ if before & CLAIMED != 0 => Claim::Gone,
            _ => Claim::Held,
        }
    }

    /// Lets it go. Returns whether the caller must queue it.
    #[must_use = "a task that is wanted must be queued"]
    pub(crate) fn release(&self) -> bool {
        self.update(|word| word & !(CLAIMED | WANTED)) & WANTED != 0
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire) & PLACE == DONE
    }

    /// Applies `next`; returns the word before.
    fn update(&self, next: impl Fn(u32) -> u32) -> u32 {
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(next(word))) {
            Ok(before) | Err(before) => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_task_is_not_started_but_queued_on_release() {
        let state = State::ready();
        assert_eq!(state.claim(), Claim::Held);
        assert_eq!(state.claim(), Claim::Gone, "one at a time");
        assert_eq!(state.start(), Start::Claimed);
        assert!(state.release(), "the worker wanted it");
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.claim(), Claim::Running);
    }

    #[test]
    fn an_unpark_that_comes_first_is_kept() {
        let state = State::ready();
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.unpark(), Unpark::Noted);
        assert_eq!(state.park(), Park::GoesOn);
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.park(), Park::Parked);
        assert_eq!(state.unpark(), Unpark::Ready);
        assert_eq!(state.unpark(), Unpark::Noted);
    }

    #[test]
    fn an_unpark_during_a_claim_does_not_break_it() {
        let state = State::ready();
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.park(), Park::Parked);
        assert_eq!(state.claim(), Claim::Held);
        assert_eq!(state.unpark(), Unpark::Ready, "the caller queues it,");
        assert_eq!(state.start(), Start::Claimed, "the worker leaves it,");
        assert!(state.release(), "and it is queued again");
    }

    #[test]
    fn a_finished_task_cannot_be_claimed() {
        let state = State::ready();
        assert_eq!(state.start(), Start::Started);
        state.finish();
        assert!(state.is_done());
        assert_eq!(state.claim(), Claim::Gone);
        assert_eq!(state.unpark(), Unpark::Noted);
    }
}
