//! A Scheme value: one 64-bit word.
//!
//! ```text
//!   … 63 bits …            1    fixnum, value · 2 + 1
//!   address of an object 000    heap object, 16-byte aligned, never null
//!   … 61 bits …          010    immediate: #f #t () unspecified eof unassigned unbound
//!   code point           110    character, from bit 8
//! ```
//!
//! Object addresses are untagged, so a conservative scan that meets a value meets the address itself.

use std::fmt;

/// A value. Copying it does not root it: that takes a stack map, a conservatively scanned frame or a heap cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Value(pub u64);

/// The number of bits by which an immediate's number is shifted.
const IMMEDIATE_SHIFT: u32 = 3;
const IMMEDIATE_TAG: u64 = 0b010;

impl Value {
    /// The low byte of every character.
    pub const CHARACTER_TAG: u64 = 0b110;
    /// Bit at which its code starts.
    pub const CHARACTER_SHIFT: u32 = 8;

    /// `#f`, the only false value.
    pub const FALSE: Value = Value::immediate(0);
    /// `#t`.
    pub const TRUE: Value = Value::immediate(1);
    /// The empty list.
    pub const NIL: Value = Value::immediate(2);
    /// What expressions return that return nothing of use.
    pub const UNSPECIFIED: Value = Value::immediate(3);
    /// The end of a file.
    pub const EOF: Value = Value::immediate(4);
    /// In the box of a `letrec` variable whose initialiser has not run.
    pub const UNASSIGNED: Value = Value::immediate(5);
    /// In the cell of a global that is not defined.
    pub const UNBOUND: Value = Value::immediate(6);

    /// Largest fixnum.
    pub const FIXNUM_MAX: i64 = i64::MAX >> 1;
    /// Smallest fixnum.
    pub const FIXNUM_MIN: i64 = i64::MIN >> 1;

    /// What a primitive returns that has failed: no value. The fault waits in the task.
    pub const FAILED: Value = Value(0);

    const fn immediate(number: u64) -> Value {
        Value(number << IMMEDIATE_SHIFT | IMMEDIATE_TAG)
    }

    /// The fixnum `n`, or `None` if it takes more than 63 bits.
    pub const fn fixnum(n: i64) -> Option<Value> {
        if n >= Value::FIXNUM_MIN && n <= Value::FIXNUM_MAX { Some(Value((n << 1 | 1) as u64)) } else { None }
    }

    /// The fixnum of a small count or index.
    ///
    /// # Panics
    ///
    /// If it takes more than 62 bits, which no count of anything in memory does.
    pub const fn index(n: usize) -> Value {
        assert!(n <= Value::FIXNUM_MAX as usize);
        Value((n << 1 | 1) as u64)
    }

    /// `#t` or `#f`.
    pub const fn boolean(b: bool) -> Value {
        if b { Value::TRUE } else { Value::FALSE }
    }

    /// A character.
    pub const fn character(c: char) -> Value {
        Value((c as u64) << Value::CHARACTER_SHIFT | Value::CHARACTER_TAG)
    }

    /// The object at `address`, which is 16-byte aligned and not null.
    pub const fn object(address: usize) -> Value {
        debug_assert!(address != 0 && address & 15 == 0);
        Value(address as u64)
    }

    /// Its number, if it is a fixnum.
    pub const fn as_fixnum(self) -> Option<i64> {
        if self.0 & 1 == 1 { Some(self.0 as i64 >> 1) } else { None }
    }

    /// Its number, if it is a fixnum that can be an index or a count.
    pub fn as_index(self) -> Option<usize> {
        self.as_fixnum().and_then(|n| usize::try_from(n).ok())
    }

    /// The character, if it is one.
    pub fn as_char(self) -> Option<char> {
        let code = u32::try_from(self.0 >> 8).ok()?;
        if self.0 & 0xff == Value::CHARACTER_TAG { char::from_u32(code) } else { None }
    }

    /// The object's address, if it is an object.
    pub const fn as_object(self) -> Option<usize> {
        if self.0 & 7 == 0 && self.0 != 0 { Some(self.0 as usize) } else { None }
    }

    /// Everything but `#f` counts as true.
    pub fn is_true(self) -> bool {
        self != Value::FALSE
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONSTANTS: [Value; 7] = [
        Value::FALSE,
        Value::TRUE,
        Value::NIL,
        Value::UNSPECIFIED,
        Value::EOF,
        Value::UNASSIGNED,
        Value::UNBOUND,
    ];

    #[test]
    fn constants_differ_and_are_nothing_else() {
        for (i, v) in CONSTANTS.iter().enumerate() {
            assert_eq!(CONSTANTS.iter().position(|w| w == v), Some(i));
            assert_eq!((v.as_fixnum(), v.as_char(), v.as_object()), (None, None, None));
        }
    }

    #[test]
    fn fixnum_range_is_63_bits() {
        assert_eq!(Value::fixnum(Value::FIXNUM_MAX).and_then(Value::as_fixnum), Some((1 << 62) - 1));
        assert_eq!(Value::fixnum(Value::FIXNUM_MIN).and_then(Value::as_fixnum), Some(-(1 << 62)));
        assert_eq!(Value::fixnum(Value::FIXNUM_MAX + 1), None);
        assert_eq!(Value::fixnum(Value::FIXNUM_MIN - 1), None);
    }

    proptest! {
        #[test]
        fn every_word_is_of_at_most_one_kind(word: u64) {
            let v = Value(word);
            let kinds = [v.as_fixnum().is_some(), v.as_char().is_some(), v.as_object().is_some(), CONSTANTS.contains(&v)];
            prop_assert!(kinds.iter().filter(|k| **k).count() <= 1);
        }

        #[test]
        fn values_come_back(n in Value::FIXNUM_MIN..=Value::FIXNUM_MAX, c: char, address in 1usize..1 << 43) {
            prop_assert_eq!(Value::fixnum(n).and_then(Value::as_fixnum), Some(n));
            prop_assert_eq!(Value::character(c).as_char(), Some(c));
            prop_assert_eq!(Value::object(address << 4).as_object(), Some(address << 4));
        }
    }
}
