//! What a pool is told when it is made.

use barrier_arch::Spacing;

use crate::guard::GuardPages;

/// How a [`StackPool`](crate::StackPool) makes its stacks.
///
/// ```
/// use stack_alloc::{Config, GuardPages, StackPool};
/// // Code that checks its stack limit in each prologue needs no guard page.
/// let pool = StackPool::new(Config { guard: GuardPages::Off, limit: Some(1 << 30), ..Config::default() });
/// assert_eq!(pool.config().cached_per_class, 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How far apart barriers will stand, and so how many records are stolen from each stack.
    pub spacing: Spacing,
    /// Whether an overflow runs into an inaccessible page.
    pub guard: GuardPages,
    /// Most bytes of address space that the pool maps, cached stacks included. `None`: as much as the system
    /// gives. Small stacks are mapped 256 KiB at a time, so less than that refuses them all.
    pub limit: Option<usize>,
    /// Most freed stacks above 32 KiB that are kept, of each size. All sizes together keep no more than a
    /// sixteenth of [`SizeClass::MAX`](barrier_arch::SizeClass::MAX) of address space (64 GiB).
    pub cached_per_class: usize,
    /// Debugging: each stack is a mapping of its own between two inaccessible pages, and a freed stack stays
    /// inaccessible for a long time, so that whoever still uses it faults at once. Slow; nothing is cached.
    pub electric_fence: bool,
    /// Debugging: fresh and freed stacks are filled with [`POISON`](crate::POISON), up to 1 MiB below the
    /// top.
    pub poison: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            spacing: Spacing::default(),
            guard: GuardPages::default(),
            limit: None,
            cached_per_class: 16,
            electric_fence: false,
            poison: false,
        }
    }
}

impl Config {
    /// # Panics
    ///
    /// If the first distance of an exponential spacing is none.
    pub(crate) fn check(&self) {
        if let Spacing::Exponential { first } = self.spacing {
            assert!(
                first.is_power_of_two() && first >= Spacing::FIRST,
                "the first barrier distance {first} must be a power of two and at least {}",
                Spacing::FIRST
            );
        }
    }
}
