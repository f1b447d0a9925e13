//! A fixed set of small numbers, for those who search it for runs.

/// A subset of `0 .. len`.
#[derive(Clone, Debug)]
pub(super) struct BitSet {
    words: Box<[u64]>,
    len: usize,
}

impl BitSet {
    /// All of `0 .. len`.
    pub(super) fn full(len: usize) -> BitSet {
        let mut set = BitSet { words: vec![0; len.div_ceil(64)].into(), len };
        set.insert(0, len);
        set
    }

    /// Puts in `count` numbers from `first` on.
    pub(super) fn insert(&mut self, first: usize, count: usize) {
        self.each_word(first, count, |word, mask| *word |= mask);
    }

    /// Takes out `count` numbers from `first` on.
    pub(super) fn remove(&mut self, first: usize, count: usize) {
        self.each_word(first, count, |word, mask| *word &= !mask);
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        number < self.len && self.words[number / 64] >> (number % 64) & 1 != 0
    }

    /// The smallest member that is at least `from`; the length if there is none.
    pub(super) fn next_member(&self, from: usize) -> usize {
        self.next(from, |word| word)
    }

    /// The smallest number at least `from` that is no member; the length if there is none.
    pub(super) fn next_gap(&self, from: usize) -> usize {
        self.next(from, |word| !word)
    }

    fn next(&self, from: usize, view: impl Fn(u64) -> u64) -> usize {
        let mut at = from;
        while at < self.len {
            let rest = view(self.words[at / 64]) >> (at % 64);
            if rest != 0 {
                return self.len.min(at + rest.trailing_zeros() as usize);
            }
            at = (at / 64 + 1) * 64;
        }
        self.len
    }

    fn each_word(&mut self, first: usize, count: usize, change: impl Fn(&mut u64, u64)) {
        let end = first + count;
        assert!(end <= self.len);
        let mut at = first;
        while at < end {
            let bits = (64 - at % 64).min(end - at);
            change(&mut self.words[at / 64], (u64::MAX >> (64 - bits)) << (at % 64));
            at += bits;
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_an_array_of_booleans(
            len in 1_usize..300,
            edits in prop::collection::vec((any::<bool>(), 0_usize..300, 0_usize..200), 0..12),
        ) {
            let (mut set, mut model) = (BitSet::full(len), vec![true; len]);
            for (insert, first, count) in edits {
                let first = first % len;
                let count = count.min(len - first);
                if insert { set.insert(first, count) } else { set.remove(first, count) }
                model[first..first + count].fill(insert);
            }
            for at in 0..len + 2 {
                let find = |wanted| (at..len).find(|&i| model[i] == wanted).unwrap_or(len);
                prop_assert_eq!(set.contains(at), model.get(at) == Some(&true));
                prop_assert_eq!(set.next_member(at), find(true));
                prop_assert_eq!(set.next_gap(at), find(false));
            }
        }
    }
}
