//! What a first scan remembers of the frames that nobody vouched for, in constant space.
//!
//! Conservative ones are address ranges, ascending, because the scan goes up the stack. Adjacent frames become one range.
//! When the list is full, the two ranges with the smallest gap are made one: what lies in the gap is scanned
//! again although it need not be. Coarser is slower, never wrong.
//!
//! Precise ones cannot be scanned again without their map, and a range does not know its frames. For them an address is
//! kept up to which the re-scan must walk.

use core::ops::Range;

/// How many ranges are told apart.
pub(crate) const CAPACITY: usize = 16;

/// The unvouched part of one stack.
#[derive(Clone, Debug, Default)]
pub struct Unvouched {
    ranges: [(usize, usize); CAPACITY],
    len: usize,
    walk_to: usize,
}

impl Unvouched {
    /// Nothing.
    pub const fn new() -> Unvouched {
        Unvouched { ranges: [(0, 0); CAPACITY], len: 0, walk_to: 0 }
    }

    /// Adds the conservative frame `[lo, hi)`, which lies above all that were added before.
    pub(crate) fn add_range(&mut self, lo: usize, hi: usize) {
        if let Some(last) = self.ranges[..self.len].last_mut()
            && last.1 >= lo
        {
            last.1 = last.1.max(hi);
            return;
        }
        if self.len == CAPACITY {
            self.merge_nearest(lo);
        }
        match self.ranges.get_mut(self.len) {
            Some(free) => {
                *free = (lo, hi);
                self.len += 1;
            }
            // The smallest gap was the one below the new range: it went into the last one.
            None => self.ranges[CAPACITY - 1].1 = hi,
        }
    }

    /// Makes room by closing the smallest gap between two ranges, if none is smaller than the one to `next`.
    fn merge_nearest(&mut self, next: usize) {
        let gap = |i: usize| self.ranges[i + 1].0 - self.ranges[i].1;
        let nearest = (0..CAPACITY - 1).min_by_key(|&i| gap(i)).unwrap_or(0);
        if gap(nearest) > next - self.ranges[CAPACITY - 1].1 {
            return;
        }
        self.ranges[nearest].1 = self.ranges[nearest + 1].1;
        self.ranges.copy_within(nearest + 2.., nearest + 1);
        self.len -= 1;
    }

    /// Adds a precise frame that ends at `cfa`.
    pub(crate) fn add_precise(&mut self, cfa: usize) {
        self.walk_to = self.walk_to.max(cfa);
    }

    /// The parts of the conservative ranges that lie at or above `from`, ascending.
    pub fn ranges_from(&self, from: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        self.ranges[..self.len]
            .iter()
            .map(move |&(lo, hi)| lo.max(from)..hi)
            .filter(|range| !range.is_empty())
    }

    /// The re-scan must not stop below this address: unvouched frames with a precise map lie below it.
    pub fn walk_to(&self) -> usize {
        self.walk_to
    }

    /// Bytes of all conservative ranges.
    pub fn bytes(&self) -> usize {
        self.ranges_from(0).map(|range| range.len()).sum()
    }

    /// Were all frames vouched for?
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.walk_to == 0
    }

    /// The stack was copied, and everything in it lies `by` bytes (modulo 2^64) higher now.
    pub(crate) fn shift(&mut self, by: usize) {
        for (lo, hi) in &mut self.ranges[..self.len] {
            *lo = lo.wrapping_add(by);
            *hi = hi.wrapping_add(by);
        }
        if self.walk_to != 0 {
            self.walk_to = self.walk_to.wrapping_add(by);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn adjacent_frames_are_one_range() {
        let mut list = Unvouched::new();
        for frame in 0..1000 {
            list.add_range(frame * 64, (frame + 1) * 64);
        }
        assert!(list.ranges_from(0).eq(core::iter::once(0..64_000)));
        assert!(list.ranges_from(100).eq(core::iter::once(100..64_000)));
    }

    #[test]
    fn up_to_capacity_nothing_is_coarser_than_it_was() {
        let mut list = Unvouched::new();
        let frames: Vec<_> = (0..CAPACITY).map(|i| i * 100..i * 100 + 10 + i).collect();
        frames.iter().for_each(|f| list.add_range(f.start, f.end));
        assert_eq!(list.ranges_from(0).collect::<Vec<_>>(), frames);
    }

    #[test]
    fn the_smallest_gap_is_closed() {
        let mut list = Unvouched::new();
        let lows = (0..CAPACITY + 1).map(|i| if i > 5 { i * 1000 - 900 } else { i * 1000 });
        lows.clone().for_each(|lo| list.add_range(lo, lo + 10));
        // Between the ranges at 5000 and 5100 lie 90 bytes, between all others 990.
        assert_eq!(list.ranges_from(0).count(), CAPACITY);
        assert!(list.ranges_from(0).any(|range| range == (5000..5110)));
        assert_eq!(list.bytes(), (CAPACITY + 1) * 10 + 90);
    }

    proptest! {
        #[test]
        fn every_added_byte_is_covered(steps in prop::collection::vec((0_usize..5, 1_usize..9), 0..200), shift: usize) {
            let mut list = Unvouched::new();
            let mut frames = Vec::new();
            let mut at = 4096;
            for (gap, size) in steps {
                let lo = at + gap * 8;
                at = lo + size * 8;
                list.add_range(lo, at);
                frames.push(lo..at);
            }
            list.shift(shift);
            list.shift(shift.wrapping_neg());
            let ranges: Vec<_> = list.ranges_from(0).collect();
            prop_assert!(ranges.len() <= CAPACITY);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "ascending, apart: {ranges:?}");
            for frame in frames {
                prop_assert!(ranges.iter().any(|r| r.start <= frame.start && frame.end <= r.end), "{frame:?} in {ranges:?}");
            }
            prop_assert_eq!(ranges.last().map_or(4096, |r| r.end), at);
        }
    }
}
