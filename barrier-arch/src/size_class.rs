//! Sizes a stack may have: powers of two, and the stack aligned to its own size.
//!
//! That alignment is what lets a trampoline find the records of *its* stack from the stack
//! pointer alone: with `size = 2^k`, the top of the stack is `(sp | (size - 1)) + 1`.

use core::fmt;

/// The `k` of a stack of `2^k` bytes, aligned to `2^k`.
///
/// ```
/// use barrier_arch::SizeClass;
/// let class = SizeClass::of(64 * 1024).unwrap();
/// assert_eq!((class.log2(), class.bytes()), (16, 65536));
/// assert_eq!(class.top_of(0x7f01_2345), 0x7f02_0000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeClass(u8);

/// Why a number of bytes is no stack size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSize {
    /// Not a power of two (zero included).
    #[error(
        "stack size {0} is not a power of two; round it up to {next}",
        next = .0.checked_next_power_of_two().unwrap_or(0)
    )]
    NotPowerOfTwo(usize),
    /// Below [`SizeClass::MIN`].
    #[error("stack size {0} is below the smallest, {min} bytes", min = SizeClass::MIN.bytes())]
    TooSmall(usize),
    /// Above [`SizeClass::MAX`].
    #[error("stack size {0} is above the largest, {max} bytes", max = SizeClass::MAX.bytes())]
    TooBig(usize),
}

impl SizeClass {
    /// 2 KiB, the smallest stack Go ever started a goroutine on.
    pub const MIN: SizeClass = SizeClass(11);
    /// 1 TiB on machines with 64-bit pointers, 1 GiB on the others.
    pub const MAX: SizeClass = SizeClass(if usize::BITS == 64 { 40 } else { 30 });
    /// How many classes there are.
    pub const COUNT: usize = (Self::MAX.0 - Self::MIN.0) as usize + 1;

    /// The class of stacks of exactly `bytes` bytes.
    ///
    /// # Errors
    ///
    /// If `bytes` is not a power of two between [`SizeClass::MIN`] and [`SizeClass::MAX`].
    pub const fn of(bytes: usize) -> Result<SizeClass, BadSize> {
        if !bytes.is_power_of_two() {
            return Err(BadSize::NotPowerOfTwo(bytes));
        }
        if bytes < Self::MIN.bytes() {
            return Err(BadSize::TooSmall(bytes));
        }
        if bytes > Self::MAX.bytes() {
            return Err(BadSize::TooBig(bytes));
        }
        Ok(SizeClass(bytes.trailing_zeros() as u8))
    }

    /// The class at `index`, counted from [`SizeClass::MIN`].
    pub const fn from_index(index: usize) -> Option<SizeClass> {
        if index < Self::COUNT { Some(SizeClass(Self::MIN.0 + index as u8)) } else { None }
    }

    /// This class counted from [`SizeClass::MIN`].
    pub const fn index(self) -> usize {
        (self.0 - Self::MIN.0) as usize
    }

    /// `k`: the binary logarithm of the size.
    pub const fn log2(self) -> u32 {
        self.0 as u32
    }

    /// Size of such a stack, in bytes.
    pub const fn bytes(self) -> usize {
        1 << self.0
    }

    /// Size minus one: the bits of an address that vary within one stack.
    pub const fn mask(self) -> usize {
        self.bytes() - 1
    }

    /// One past the last byte of the stack of this class that `address` lies in.
    pub const fn top_of(self, address: usize) -> usize {
        (address | self.mask()).wrapping_add(1)
    }

    /// The next larger class, if there is one.
    pub const fn larger(self) -> Option<SizeClass> {
        Self::from_index(self.index() + 1)
    }

    /// Every class, ascending.
    pub fn all() -> impl Iterator<Item = SizeClass> {
        (0..Self::COUNT).filter_map(Self::from_index)
    }
}

impl fmt::Debug for SizeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SizeClass(2^{})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_sizes_are_named() {
        assert_eq!(SizeClass::of(0), Err(BadSize::NotPowerOfTwo(0)));
        assert_eq!(SizeClass::of(3000), Err(BadSize::NotPowerOfTwo(3000)));
        assert_eq!(SizeClass::of(1024), Err(BadSize::TooSmall(1024)));
        assert_eq!(
            SizeClass::of(2 * SizeClass::MAX.bytes()),
            Err(BadSize::TooBig(2 * SizeClass::MAX.bytes()))
        );
    }

    #[test]
    fn classes_and_indices_agree() {
        for (i, class) in SizeClass::all().enumerate() {
            assert_eq!(class.index(), i);
            assert_eq!(SizeClass::of(class.bytes()), Ok(class));
        }
        assert_eq!(SizeClass::MAX.larger(), None);
    }

    #[test]
    fn top_holds_for_every_address_of_the_stack() {
        let class = SizeClass::MIN;
        for offset in [0, 1, 1000, 2047] {
            assert_eq!(class.top_of(0x10000 + offset), 0x10800);
        }
    }
}
