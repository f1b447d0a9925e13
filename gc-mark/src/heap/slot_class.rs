//! Sizes of slots: what a request is rounded up to, and which slot of a block an address falls into.
//!
//! Up to 128 bytes one class per granule of 16; then eight per doubling (steps of 12.5 % or less) up to 4 KiB; then
//! the sizes of which a block holds exactly 15, 14, … 2, up to half a block. Larger objects get blocks of their own.
//!
//! The slot of an address inside a block is `offset / size`. The division is a multiplication with
//! `⌈2³² / size⌉`, exact for every offset in a block: the rounded-up reciprocal is too large by less than `size / 2³²`,
//! so the product is by less than `offset · size / 2³²` < ½, and the next integer is at least `1 / size` away.

use super::block::{BLOCK_BYTES, GRANULE};

/// Classes of one granule step: 16, 32, … 128.
const FINE: usize = 8;
/// Doublings above 128 bytes that are cut into eight steps each.
const DOUBLINGS: usize = 5;
/// Most slots per block among the classes that are fractions of a block.
const FRACTIONS: usize = 15;

const SIZES: [u32; SlotClass::COUNT] = sizes();
const RECIPROCALS: [u32; SlotClass::COUNT] = reciprocals();
const CLASS_OF_GRANULES: [u8; SlotClass::MAX_BYTES / GRANULE + 1] = class_of_granules();

/// A class of slots of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "spanClass")]
pub(super) struct SlotClass(u8);

impl SlotClass {
    pub(super) const COUNT: usize = FINE + 8 * DOUBLINGS + (FRACTIONS - 1);
    /// The largest slot; requests above it are large objects.
    pub(super) const MAX_BYTES: usize = BLOCK_BYTES / 2;

    /// The smallest class whose slots hold `bytes` (at least one granule); `None` for a large object.
    #[inline]
    pub(super) fn of(bytes: usize) -> Option<SlotClass> {
        let granules = bytes.checked_add(GRANULE - 1)? / GRANULE;
        CLASS_OF_GRANULES.get(granules).map(|&class| SlotClass(class))
    }

    /// The class at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`SlotClass::COUNT`].
    #[inline]
    pub(super) fn from_index(index: usize) -> SlotClass {
        assert!(index < Self::COUNT);
        SlotClass(index as u8)
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Size of a slot, in bytes.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        SIZES[self.index()] as usize
    }

    /// Offset, from the start of the block, of the slot that contains the byte at `offset` of the block. In the rest
    /// of a block that is too short for a slot, it is where that slot would start.
    #[inline]
    pub(super) fn slot_start(self, offset: usize) -> usize {
        let slot = (offset as u64 * u64::from(RECIPROCALS[self.index()])) >> 32;
        slot as usize * self.bytes()
    }

    /// One past the last slot, as an offset from the start of the block.
    #[inline]
    pub(super) fn slots_end(self) -> usize {
        BLOCK_BYTES - BLOCK_BYTES % self.bytes()
    }

    /// Every class, ascending.
    pub(super) fn all() -> impl Iterator<Item = SlotClass> {
        (0..Self::COUNT).map(Self::from_index)
    }
}

const fn sizes() -> [u32; SlotClass::COUNT] {
    let mut sizes = [0; SlotClass::COUNT];
    let mut size = 0;
    let mut class = 0;
    while class < FINE + 8 * DOUBLINGS {
        let doubling = if class < FINE { 0 } else { (class - FINE) / 8 };
        size += GRANULE << doubling;
        sizes[class] = size as u32;
        class += 1;
    }
    let mut slots = FRACTIONS;
    while class < SlotClass::COUNT {
        sizes[class] = (BLOCK_BYTES / slots / GRANULE * GRANULE) as u32;
        slots -= 1;
        class += 1;
    }
    sizes
}

const fn reciprocals() -> [u32; SlotClass::COUNT] {
    let mut reciprocals = [0; SlotClass::COUNT];
    let mut class = 0;
    while class < SlotClass::COUNT {
        reciprocals[class] = (1_u64 << 32).div_ceil(SIZES[class] as u64) as u32;
        class += 1;
    }
    reciprocals
}

const fn class_of_granules() -> [u8; SlotClass::MAX_BYTES / GRANULE + 1] {
    let mut table = [0; SlotClass::MAX_BYTES / GRANULE + 1];
    let mut class = 0;
    let mut granules = 1;
    while granules < table.len() {
        if granules * GRANULE > SIZES[class] as usize {
            class += 1;
        }
        table[granules] = class as u8;
        granules += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_in_granules_up_to_half_a_block() {
        assert!(SIZES.windows(2).all(|pair| pair[0] < pair[1]), "{SIZES:?}");
        assert!(SIZES.iter().all(|size| size % GRANULE as u32 == 0));
        assert_eq!(
            (SIZES[0] as usize, SIZES[SlotClass::COUNT - 1] as usize),
            (GRANULE, SlotClass::MAX_BYTES)
        );
    }

    #[test]
    fn every_request_gets_the_smallest_class_that_holds_it() {
        for bytes in 0..=SlotClass::MAX_BYTES {
            let class = SlotClass::of(bytes).unwrap();
            assert!(class.bytes() >= bytes);
            assert!(class.index() == 0 || SIZES[class.index() - 1] < bytes as u32, "{bytes} {class:?}");
        }
        for bytes in [SlotClass::MAX_BYTES + 1, usize::MAX - 14, usize::MAX] {
            assert_eq!(SlotClass::of(bytes), None);
        }
    }

    #[test]
    fn steps_are_an_eighth_up_to_8_kib() {
        for pair in SIZES.windows(2).filter(|pair| pair[0] >= 128 && pair[1] <= 8192) {
            assert!(pair[1] - pair[0] <= pair[0] / 8 + GRANULE as u32, "{pair:?}");
        }
    }

    #[test]
    fn slots_end_less_than_a_slot_before_their_block_does() {
        for class in SlotClass::all() {
            assert_eq!(class.slots_end() % class.bytes(), 0);
            assert!(class.slots_end() <= BLOCK_BYTES && BLOCK_BYTES - class.slots_end() < class.bytes());
        }
    }

    #[test]
    fn the_reciprocal_divides_exactly_at_every_offset_of_every_class() {
        for class in SlotClass::all() {
            for offset in 0..BLOCK_BYTES {
                assert_eq!(
                    class.slot_start(offset),
                    offset / class.bytes() * class.bytes(),
                    "{class:?} {offset}"
                );
            }
        }
    }
}
