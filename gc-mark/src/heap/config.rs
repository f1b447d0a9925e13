//! How large a heap may grow, and when it asks for a collection.

/// Smallest goal, in bytes: below it a collection is not worth its fixed cost.
#[doc(alias = "heapMinimum")]
const MIN_GOAL: usize = 4 << 20;

/// Limits of a heap.
///
/// ```
/// use gc_mark::heap::HeapConfig;
/// let config = HeapConfig { limit_bytes: 64 << 20, ..HeapConfig::default() };
/// assert_eq!(config.growth_percent, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapConfig {
    /// Most bytes of objects, rounded up to blocks of 64 KiB. That much address space is reserved at once; memory is
    /// used as objects are allocated. The side tables come on top, 1.6 % of what is in use.
    pub limit_bytes: usize,
    /// A collection is due when the heap has grown by this many percent since the last one's live objects.
    #[doc(alias = "GOGC")]
    pub growth_percent: usize,
}

impl Default for HeapConfig {
    /// 4 GiB (512 MiB where addresses have 32 bits), and a collection at every doubling.
    fn default() -> Self {
        let limit_bytes = if usize::BITS == 64 { 4 << 30 } else { 512 << 20 };
        HeapConfig { limit_bytes, growth_percent: 100 }
    }
}

impl HeapConfig {
    /// The heap size, in bytes, at which the next collection is due after one that left `live` bytes.
    ///
    /// `live` plus the growth, but 4 MiB at least. Where that would come within an eighth of the limit, the goal is an
    /// eighth below the limit, or half way from `live` to the limit if `live` is close to it: collections become
    /// frequent then, but each has something to free.
    #[doc(alias = "gcControllerCommit")]
    pub(super) fn goal(&self, live: usize) -> usize {
        let growth = live as u128 * self.growth_percent as u128 / 100;
        let goal = usize::try_from(live as u128 + growth).unwrap_or(usize::MAX).max(MIN_GOAL);
        let near_limit = self.limit_bytes - self.limit_bytes / 8;
        let half_way = live + self.limit_bytes.saturating_sub(live) / 2;
        goal.min(near_limit.max(half_way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn goal_grows_with_what_is_live() {
        let config = HeapConfig { limit_bytes: 1 << 30, growth_percent: 100 };
        assert_eq!(config.goal(0), 4 * MIB);
        assert_eq!(config.goal(3 * MIB), 6 * MIB);
        assert_eq!(HeapConfig { growth_percent: 50, ..config }.goal(100 * MIB), 150 * MIB);
        assert_eq!(HeapConfig { growth_percent: 0, ..config }.goal(100 * MIB), 100 * MIB);
        assert_eq!(HeapConfig { growth_percent: usize::MAX, ..config }.goal(800 * MIB), 912 * MIB);
    }

    #[test]
    fn goal_stays_between_what_is_live_and_the_limit() {
        for growth_percent in [0, 10, 100, 400] {
            for limit in [1, 3, 64, 1000] {
                let config = HeapConfig { limit_bytes: limit * MIB, growth_percent };
                for live in (0..=limit * MIB).step_by(limit * MIB / 64) {
                    let goal = config.goal(live);
                    assert!(goal <= config.limit_bytes, "{config:?} {live} {goal}");
                    assert!(goal > live || growth_percent == 0 || live == config.limit_bytes);
                }
            }
        }
    }
}
