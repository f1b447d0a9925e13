//! How far apart barriers stand, and hence how many a stack can need.
//!
//! One value answers both, so that a full array cannot happen to a caller who follows the
//! [`Thresholds`] it hands out.

use crate::size_class::SizeClass;
use crate::stub::INDEXED_STUBS;

/// Length and position are kept as 32-bit numbers of bytes (`stkbar.rs`).
const MAX_RECORDS: usize = (u32::MAX as usize) / crate::stkbar::below_top::STRIDE;

/// Where the collector wants barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spacing {
    /// Nowhere: no array is stolen, every re-scan is a full one.
    Off,
    /// At `first`, `2·first`, `4·first`, … bytes above the stack pointer. A re-scan then does at most
    /// twice the necessary work, with logarithmically many barriers.
    Exponential {
        /// Distance of the first barrier from the stack pointer, in bytes. Less than [`Spacing::FIRST`]
        /// counts as that much.
        first: usize,
    },
    /// At every frame, for tests. Half of the stack is stolen for records.
    EveryFrame,
}

impl Default for Spacing {
    fn default() -> Self {
        Spacing::Exponential { first: Self::FIRST }
    }
}

/// How many records a stack of `stack_bytes` can need under `spacing`.
///
/// Exponential: the doublings of the first offset that stay below the stack's size, plus one.
/// Every frame: no frame is smaller than one record (a return address and a saved frame pointer
/// are two words, and so is a record), so half of the stack is enough for the other half.
///
/// ```
/// use barrier_arch::{Spacing, max_stack_barriers};
/// assert_eq!(max_stack_barriers(1 << 20, Spacing::default()), 11); // 1 KiB, 2 KiB, … 1 MiB
/// assert_eq!(max_stack_barriers(1 << 20, Spacing::Off), 0);
/// ```
#[doc(alias = "gcMaxStackBarriers")]
pub const fn max_stack_barriers(stack_bytes: usize, spacing: Spacing) -> usize {
    match spacing {
        Spacing::Off => 0,
        Spacing::Exponential { first } => {
            let mut count = 1;
            let mut offset = at_least_first(first);
            while offset < stack_bytes {
                offset = offset.saturating_mul(2);
                count += 1;
            }
            if count < INDEXED_STUBS { count } else { INDEXED_STUBS }
        }
        Spacing::EveryFrame => {
            let half = stack_bytes / 2 / crate::stkbar::below_top::STRIDE;
            if half < MAX_RECORDS { half } else { MAX_RECORDS }
        }
    }
}

/// A first distance that doubles to something: zero never would.
const fn at_least_first(first: usize) -> usize {
    if first < Spacing::FIRST { Spacing::FIRST } else { first }
}

impl Spacing {
    /// Distance of the first barrier from the stack pointer, in bytes.
    #[doc(alias = "firstStackBarrierOffset")]
    pub const FIRST: usize = 1024;

    /// Records a stack of this class needs.
    pub const fn capacity(self, class: SizeClass) -> usize {
        max_stack_barriers(class.bytes(), self)
    }

    /// The thresholds of one scan that starts at `sp`.
    pub const fn thresholds(self, sp: usize) -> Thresholds {
        let offset = match self {
            Spacing::Off => usize::MAX,
            Spacing::Exponential { first } => at_least_first(first),
            Spacing::EveryFrame => 0,
        };
        Thresholds { sp, offset }
    }
}

/// Decides, frame by frame, where the next barrier goes.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    sp: usize,
    offset: usize,
}

impl Thresholds {
    /// Should the frame that ends at `cfa` get a barrier?
    pub const fn wants(&self, cfa: usize) -> bool {
        cfa > self.sp.saturating_add(self.offset)
    }

    /// A barrier was really placed: only then does the distance double (a refusal must not leave a gap).
    pub const fn placed(&mut self) {
        self.offset = self.offset.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_the_thresholds_never_overflows_the_array() {
        for class in SizeClass::all().take(16) {
            for frame in [16, 48, 1000, 4096] {
                let spacing = Spacing::default();
                let (base, top) = (0, class.bytes());
                let mut thresholds = spacing.thresholds(base);
                let placed = (base..=top)
                    .step_by(frame)
                    .filter(|&cfa| {
                        thresholds.wants(cfa) && {
                            thresholds.placed();
                            true
                        }
                    })
                    .count();
                assert!(placed <= spacing.capacity(class), "{class:?} {frame}");
            }
        }
    }

    #[test]
    fn thirty_two_records_do_for_any_stack() {
        assert!(max_stack_barriers(SizeClass::MAX.bytes(), Spacing::default()) <= INDEXED_STUBS);
    }

    #[test]
    fn a_refusal_leaves_the_distance_alone() {
        let mut thresholds = Spacing::default().thresholds(1000);
        assert!(!thresholds.wants(2024) && thresholds.wants(2025));
        thresholds.placed();
        assert!(!thresholds.wants(3048) && thresholds.wants(3049));
    }

    #[test]
    fn any_first_distance_will_do() {
        for first in [0, 1, 1000, 1025, 3000, 1 << 20, usize::MAX / 2 + 1, usize::MAX] {
            let spacing = Spacing::Exponential { first };
            let class = SizeClass::of(1 << 20).unwrap();
            let mut thresholds = spacing.thresholds(0);
            let mut placed = 0;
            for cfa in (0..=class.bytes()).step_by(16) {
                if thresholds.wants(cfa) {
                    thresholds.placed();
                    placed += 1;
                }
            }
            assert!(placed <= spacing.capacity(class), "{first}: {placed}");
            assert!(placed > 0 || first >= class.bytes());
        }
    }

    #[test]
    fn off_never_wants_one() {
        assert!(!Spacing::Off.thresholds(4096).wants(usize::MAX));
    }
}
