//! Where a collection cycle stands, in one byte that is the write barrier's flag as well.
//!
//! ```text
//!        start            scanned           terminate             finish
//!  Off ────────▶ Scan ─────────────▶ Mark ───────────▶ MarkTermination ─────▶ Off
//!   │            stacks, concurrent  heap, concurrent  world stopped:           ▲
//!   │                                                  re-scan what ran         │
//!   └───────────────────── start_stopped ──────────────▶ MarkTermination ───────┘
//! ```
//!
//! # Rules
//!
//! 1. The byte is nonzero in every phase but `Off`. Compiled code tests just this byte and shades if it is nonzero, so there is
//!    no moment in which a stack may be scanned but the write barrier is off (I3).
//! 2. Storing it is not enough: whoever starts a cycle makes sure that every mutator has *seen* it before the first stack
//!    is scanned – with the world stopped, or by a handshake with each mutator. A mutator that tested the
//!    byte before and stores after would lose an object.
//! 3. A cycle has a number that no other cycle has. What is remembered about a stack is good for one cycle only
//!    ([`crate::receipt`]).

use core::fmt;
use core::num::NonZeroU64;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the collector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// No cycle runs; the write barrier is off.
    #[doc(alias = "_GCoff")]
    Off = 0,
    /// The stacks are scanned for the first time, each while it alone is stopped; barriers are installed.
    #[doc(alias = "_GCscan")]
    Scan = 1,
    /// The heap is marked while the mutators run.
    #[doc(alias = "_GCmark")]
    Mark = 2,
    /// The world is stopped: what ran since its scan is scanned again, then what that made grey is marked.
    #[doc(alias = "_GCmarktermination")]
    MarkTermination = 3,
}

impl Phase {
    fn of(byte: u8) -> Phase {
        match byte {
            0 => Phase::Off,
            1 => Phase::Scan,
            2 => Phase::Mark,
            _ => Phase::MarkTermination,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Off => "off",
            Phase::Scan => "scan",
            Phase::Mark => "mark",
            Phase::MarkTermination => "mark termination",
        })
    }
}

/// The number of a collection cycle. No two cycles of a process share one: 2^60 of them do not run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle(NonZeroU64);

impl Cycle {
    /// The number, counted from 1.
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// Cycle number `number`; `None` for 0, which is no cycle.
    pub const fn from_number(number: u64) -> Option<Cycle> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Cycle(number)),
            None => None,
        }
    }
}

/// A transition was asked for in the wrong phase; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the collector is in phase {found}, this needs phase {wanted}; transitions go off, scan, mark, mark termination, off"
)]
pub struct WrongPhase {
    /// The phase it is in.
    pub found: Phase,
    /// The phase the transition starts from.
    pub wanted: Phase,
}

/// What became of the attempt to start a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only the caller that began the cycle may run it"]
pub enum Started {
    /// This call began the cycle: the write barrier is on, the caller is its coordinator.
    Begun(Cycle),
    /// One was running already, in this phase.
    Running(Phase),
}

/// Phase and cycle number of one collector.
#[derive(Debug, Default)]
pub struct Phases {
    phase: AtomicU8,
    /// Cycles that are over; the one that runs has the next number.
    finished: AtomicU64,
}

impl Phases {
    /// A collector at rest.
    pub const fn new() -> Phases {
        Phases { phase: AtomicU8::new(0), finished: AtomicU64::new(0) }
    }

    /// The phase now.
    pub fn now(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::Acquire))
    }

    /// Must stores of references shade what they store?
    #[doc(alias = "writeBarrier.enabled")]
    pub fn write_barrier_on(&self) -> bool {
        self.phase.load(Ordering::Relaxed) != 0
    }

    /// The byte that compiled code tests before a store: nonzero means shade. It lives as long as `self` and does not move
    /// unless `self` does.
    #[doc(alias = "writeBarrier")]
    pub fn write_barrier_flag(&self) -> *const AtomicU8 {
        &raw const self.phase
    }

    /// The cycle that runs, if one does.
    pub fn cycle(&self) -> Option<Cycle> {
        match self.now() {
            Phase::Off => None,
            _ => Cycle::from_number(self.finished() + 1),
        }
    }

    /// How many cycles are over.
    pub fn finished(&self) -> u64 {
        self.finished.load(Ordering::Acquire)
    }

    /// Off → Scan. Turns the write barrier on; see rule 2 for what is still to do before the first scan.
    pub fn start(&self) -> Started {
        self.begin(Phase::Scan)
    }

    /// Off → MarkTermination: a cycle that runs with the world stopped from end to end. No stack is scanned
    /// before it, so every re-scan in it is a full one, whatever barriers are left from an earlier cycle.
    pub fn start_stopped(&self) -> Started {
        self.begin(Phase::MarkTermination)
    }

    fn begin(&self, first: Phase) -> Started {
        match self.shift(Phase::Off, first) {
            Err(WrongPhase { found, .. }) => Started::Running(found),
            Ok(()) => Started::Begun(Cycle(NonZeroU64::MIN.saturating_add(self.finished()))),
        }
    }

    /// Scan → Mark: every stack has been scanned once.
    ///
    /// # Errors
    ///
    /// [`WrongPhase`] if the phase is not Scan.
    pub fn scanned(&self) -> Result<(), WrongPhase> {
        self.shift(Phase::Scan, Phase::Mark)
    }

    /// Mark → MarkTermination: the world is stopped and stays so until [`Phases::finish`].
    ///
    /// # Errors
    ///
    /// [`WrongPhase`] if the phase is not Mark.
    pub fn terminate(&self) -> Result<(), WrongPhase> {
        self.shift(Phase::Mark, Phase::MarkTermination)
    }

    /// MarkTermination → Off: marking is complete, the write barrier goes off. The world is still stopped.
    ///
    /// # Errors
    ///
    /// [`WrongPhase`] if the phase is not MarkTermination.
    pub fn finish(&self) -> Result<(), WrongPhase> {
        let number = self.finished();
        let found = self.now();
        if found != Phase::MarkTermination {
            return Err(WrongPhase { found, wanted: Phase::MarkTermination });
        }
        // The number before the phase, or the next cycle could begin under the old one. Of two callers, one counts.
        let _ = self.finished.compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed);
        self.shift(Phase::MarkTermination, Phase::Off)
    }

    fn shift(&self, from: Phase, to: Phase) -> Result<(), WrongPhase> {
        self.phase
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(|found| WrongPhase { found: Phase::of(found), wanted: from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_goes_through_its_phases_with_the_flag_up() {
        let phases = Phases::new();
        let flag = phases.write_barrier_flag();
        // SAFETY: `phases` outlives the test's use of the flag.
        let up = || unsafe { &*flag }.load(Ordering::Relaxed) != 0;
        for number in 1..=3 {
            assert!(!up() && phases.cycle().is_none());
            let Started::Begun(cycle) = phases.start() else { panic!("nothing runs") };
            assert_eq!((cycle.number(), phases.cycle()), (number, Some(cycle)));
            assert!(up());
            phases.scanned().unwrap();
            assert!(up());
            phases.terminate().unwrap();
            assert!(up() && phases.cycle() == Some(cycle));
            phases.finish().unwrap();
        }
    }

    #[test]
    fn every_other_transition_is_refused_and_changes_nothing() {
        type Transition = fn(&Phases) -> bool;
        let transitions: [(Phase, Transition); 4] = [
            (Phase::Off, |p| matches!(p.start(), Started::Begun(_))),
            (Phase::Scan, |p| p.scanned().is_ok()),
            (Phase::Mark, |p| p.terminate().is_ok()),
            (Phase::MarkTermination, |p| p.finish().is_ok()),
        ];
        let phases = Phases::new();
        for step in 0..8 {
            let at = phases.now();
            assert_eq!(at, transitions[step % 4].0);
            for (from, go) in transitions {
                if from != at {
                    assert!(!go(&phases));
                    assert_eq!(phases.now(), at);
                }
            }
            assert!(transitions[step % 4].1(&phases));
        }
        assert_eq!(phases.finished(), 2);
    }

    #[test]
    fn one_of_many_starters_begins() {
        let phases = Phases::new();
        let begun: usize = std::thread::scope(|scope| {
            let starters: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| usize::from(matches!(phases.start(), Started::Begun(_)))))
                .collect();
            starters.into_iter().map(|s| s.join().unwrap()).sum()
        });
        assert_eq!(begun, 1);
    }
}
