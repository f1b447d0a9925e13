//! What a heap object looks like, and how the collector reads it.
//!
//! ```text
//!   word 0   header     bits  0..8   kind
//!                       bits  8..16  closure: arguments it takes, or VARIADIC
//!                       bits 16..24  closure: arguments it needs at least
//!                       bit  8       bignum: is it negative?
//!                       bits 16..64  string: characters, symbol and bytevector: bytes, vector: elements,
//!                                    bignum: digits of 32 bits, table, port, channel, task: fields
//!                       bits 32..64  closure: captured values
//!   pair     car, cdr                 box      value
//!   flonum   f64                      vector   element …
//!   string   u32 …                    closure  code address, captured value …
//!   symbol   UTF-8 …                  bytevector  bytes …
//!   bignum   u32 …, low digits first  ratnum   numerator, denominator
//!   compnum  real, imaginary part
//!   table    field …                  port     field …
//!   channel  field …                  task     field …
//!   condition  number of its sort, message, irritants              values   value …
//!   record   its type, field …        frames, continuation: see the `continuation` module
//! ```
//!
//! The low 16 bits of a closure's header say all that a call has to check: `header & 0xffff == closure | n << 8`.
//!
//! Fields are read and written as relaxed atomics: a concurrent marker looks at them at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gc_mark::heap::ObjectModel;

use super::continuation::capture::Continuation;
use super::continuation::copied::Copied;
use super::frame_table::FrameTable;

use super::value::Value;

/// What kind of object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `(car . cdr)`.
    Pair = 1,
    /// An inexact number.
    Flonum,
    /// A mutable string of `u32` code points.
    String,
    /// An interned name.
    Symbol,
    /// A mutable vector.
    Vector,
    /// A procedure, compiled or primitive.
    Closure,
    /// A variable that is assigned.
    Box,
    /// An exact integer that is no fixnum.
    Bignum,
    /// An exact fraction: numerator, denominator.
    Ratnum,
    /// Bytes.
    Bytevector,
    /// A hash table: its fields are those of `primitives/tables.rs`.
    Table,
    /// A port: its fields are those of `ports/mod.rs`.
    Port,
    /// Stack frames.
    Frames,
    /// A continuation.
    Continuation,
    /// What `raise` is given when something went wrong.
    Condition,
    /// Any other number of values than one.
    Values,
    /// An instance of a record type.
    Record,
    /// A channel: its fields are those of `concurrency/channel.rs`.
    Channel,
    /// A task: its fields are those of `concurrency/tasks.rs`.
    Task,
    /// A number that is not real: real and imaginary part.
    Compnum,
}

/// In a closure's header: takes any number of arguments from its minimum on.
pub const VARIADIC: u8 = 0xff;
/// Most parameters a procedure can have.
pub const MAX_PARAMETERS: usize = 250;

/// Bit at which a string's, symbol's or vector's length starts.
pub const LENGTH_SHIFT: u32 = 16;
const NEGATIVE_SHIFT: u32 = 8;
const REQUIRED_SHIFT: u32 = 16;
const CAPTURES_SHIFT: u32 = 32;

/// How many arguments a procedure takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(u8),
    /// So many or more.
    AtLeast(u8),
}

impl Arity {
    /// Does it take `count` arguments?
    pub fn takes(self, count: usize) -> bool {
        match self {
            Arity::Exactly(n) => count == usize::from(n),
            Arity::AtLeast(n) => count >= usize::from(n),
        }
    }
}

/// An object's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Header(pub u64);

impl Header {
    /// Of an object whose size its kind says.
    pub const fn plain(kind: Kind) -> Header {
        Header(kind as u64)
    }

    /// Of a bignum of so many digits.
    pub const fn bignum(negative: bool, digits: usize) -> Header {
        Header(Header::with_length(Kind::Bignum, digits).0 | (negative as u64) << NEGATIVE_SHIFT)
    }

    /// Is the bignum negative?
    pub const fn is_negative(self) -> bool {
        self.0 >> NEGATIVE_SHIFT & 1 == 1
    }

    /// Of an object whose length is in its header.
    pub const fn with_length(kind: Kind, length: usize) -> Header {
        Header(kind as u64 | (length as u64) << LENGTH_SHIFT)
    }

    /// Of a procedure with so many captured values.
    pub const fn closure(arity: Arity, captures: u32) -> Header {
        let (takes, needs) = match arity {
            Arity::Exactly(n) => (n, n),
            Arity::AtLeast(n) => (VARIADIC, n),
        };
        let flags = (takes as u64) << 8 | (needs as u64) << REQUIRED_SHIFT;
        Header(Kind::Closure as u64 | flags | (captures as u64) << CAPTURES_SHIFT)
    }

    /// The kind, or `None` if this is no header.
    pub fn kind(self) -> Option<Kind> {
        const KINDS: [Kind; 20] = [
            Kind::Pair,
            Kind::Flonum,
            Kind::String,
            Kind::Symbol,
            Kind::Vector,
            Kind::Closure,
            Kind::Box,
            Kind::Bignum,
            Kind::Ratnum,
            Kind::Bytevector,
            Kind::Table,
            Kind::Port,
            Kind::Frames,
            Kind::Continuation,
            Kind::Condition,
            Kind::Values,
            Kind::Record,
            Kind::Channel,
            Kind::Task,
            Kind::Compnum,
        ];
        KINDS.get((self.0 as u8 as usize).wrapping_sub(1)).copied()
    }

    /// Length of a string (characters), symbol or bytevector (bytes), bignum (digits), vector (elements).
    pub const fn length(self) -> usize {
        (self.0 >> LENGTH_SHIFT) as usize
    }

    /// Arity of a closure.
    pub const fn arity(self) -> Arity {
        let needs = (self.0 >> REQUIRED_SHIFT) as u8;
        if (self.0 >> 8) as u8 == VARIADIC { Arity::AtLeast(needs) } else { Arity::Exactly(needs) }
    }

    /// Number of values that a closure has captured.
    pub const fn captures(self) -> usize {
        (self.0 >> CAPTURES_SHIFT) as usize
    }

    /// Which words of the object hold values: first and one past the last.
    fn value_words(self) -> (usize, usize) {
        match self.kind() {
            Some(Kind::Pair | Kind::Ratnum | Kind::Compnum) => (1, 3),
            Some(Kind::Box) => (1, 2),
            Some(
                Kind::Vector
                | Kind::Table
                | Kind::Port
                | Kind::Values
                | Kind::Record
                | Kind::Channel
                | Kind::Task,
            ) => (1, 1 + self.length()),
            Some(Kind::Condition) => (1, 4),
            Some(Kind::Closure) => (2, 2 + self.captures()),
            Some(
                Kind::Flonum
                | Kind::String
                | Kind::Symbol
                | Kind::Bignum
                | Kind::Bytevector
                | Kind::Frames
                | Kind::Continuation,
            )
            | None => (0, 0),
        }
    }
}

/// Bytes of an object of so many words after the header.
pub const fn bytes_of(words: usize) -> usize {
    (1 + words) * size_of::<u64>()
}

/// An object that is known to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectRef(usize);

impl ObjectRef {
    /// The object at `address`.
    ///
    /// # Safety
    ///
    /// An object with a valid header lives there, and is kept alive as long as the handle is used.
    pub const unsafe fn at(address: usize) -> ObjectRef {
        ObjectRef(address)
    }

    /// The object that `value` refers to, if it is one of that kind.
    ///
    /// A value that exists is rooted by whoever has it, so its object is alive: this is where the rules of
    /// [`Value`] are relied upon.
    pub fn of(value: Value, kind: Kind) -> Option<ObjectRef> {
        let object = ObjectRef::any(value)?;
        (object.header().kind() == Some(kind)).then_some(object)
    }

    /// The object that `value` refers to, of whatever kind.
    pub fn any(value: Value) -> Option<ObjectRef> {
        value.as_object().map(ObjectRef)
    }

    /// Its address.
    pub const fn address(self) -> usize {
        self.0
    }

    /// As a value.
    pub const fn value(self) -> Value {
        Value::object(self.0)
    }

    /// Its header.
    pub fn header(self) -> Header {
        Header(self.word(0).load(Ordering::Relaxed))
    }

    /// Word `index`, 0 being the header.
    pub fn word(self, index: usize) -> &'static AtomicU64 {
        // SAFETY: inside of a live object, by the contract of `at` and the callers in this tree, which
        // go by the object's header.
        unsafe { AtomicU64::from_ptr((self.0 as *mut u64).add(index)) }
    }

    /// The value in word `index`.
    pub fn field(self, index: usize) -> Value {
        Value(self.word(index).load(Ordering::Relaxed))
    }

    /// Address of the `u32` or byte data after the header.
    pub fn data<T>(self) -> *mut T {
        (self.0 + size_of::<u64>()) as *mut T
    }
}

/// The collector's view of Scheme objects. Copied frames are read by the same maps as frames on a stack.
#[derive(Debug, Default)]
pub struct SchemeModel {
    /// The maps. There are no copied frames before there is code.
    pub frames: Arc<OnceLock<Arc<FrameTable>>>,
}

// SAFETY: `reference` accepts exactly the words that `Value::object` makes; `visit` goes by the header, which every
// allocation helper writes before its next safepoint, and shows each word that can hold a value.
unsafe impl ObjectModel for SchemeModel {
    fn reference(&self, value: usize) -> Option<usize> {
        Value(value as u64).as_object()
    }

    unsafe fn visit(&self, object: *const u8, _bytes: usize, mut visit: impl FnMut(usize)) {
        // SAFETY: an allocated object, by the caller's promise.
        let object = unsafe { ObjectRef::at(object as usize) };
        match (object.header().kind(), self.frames.get()) {
            (Some(Kind::Frames), Some(frames)) => {
                Copied::new(object).visit(frames, |value| visit(value.0 as usize));
            }
            (Some(Kind::Continuation), _) => {
                let words = std::iter::once(1).chain(Continuation::DYNAMIC_WORDS);
                words.for_each(|i| visit(object.field(i).0 as usize));
            }
            _ => {
                let (first, end) = object.header().value_words();
                (first..end).for_each(|i| visit(object.field(i).0 as usize));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_was_put_in() {
        for n in [0, 1, 7, 250] {
            for arity in [Arity::Exactly(n), Arity::AtLeast(n)] {
                let header = Header::closure(arity, 70_000);
                assert_eq!((header.kind(), header.arity()), (Some(Kind::Closure), arity));
                assert_eq!(header.captures(), 70_000);
            }
        }
        let header = Header::with_length(Kind::Vector, 1 << 40);
        assert_eq!((header.kind(), header.length()), (Some(Kind::Vector), 1 << 40));
        assert_eq!((Header(0).kind(), Header(200).kind()), (None, None));
    }

    #[test]
    fn the_collector_sees_the_values_and_nothing_else() {
        let seen = |words: &[u64]| {
            let mut seen = Vec::new();
            // SAFETY: `words` is laid out as an object.
            unsafe {
                SchemeModel::default().visit(words.as_ptr().cast(), size_of_val(words), |v| seen.push(v));
            };
            seen
        };
        assert_eq!(seen(&[Header::plain(Kind::Pair).0, 16, 32]), [16, 32]);
        assert_eq!(seen(&[Header::plain(Kind::Box).0, 48]), [48]);
        assert_eq!(seen(&[Header::with_length(Kind::Vector, 3).0, 1, 2, 3]), [1, 2, 3]);
        assert_eq!(seen(&[Header::closure(Arity::Exactly(1), 2).0, 99, 5, 6]), [5, 6]);
        assert_eq!(seen(&[Header::plain(Kind::Ratnum).0, 3, 32]), [3, 32]);
        assert_eq!(seen(&[Header::plain(Kind::Compnum).0, 16, 32]), [16, 32]);
        assert_eq!(seen(&[Header::with_length(Kind::Table, 2).0, 16, 32]), [16, 32]);
        assert_eq!(seen(&[Header::plain(Kind::Flonum).0, 16]), [0usize; 0]);
        assert_eq!(seen(&[Header::bignum(true, 2).0, 16]), [0usize; 0]);
        assert_eq!(seen(&[Header::with_length(Kind::Bytevector, 8).0, 16]), [0usize; 0]);
        assert_eq!(seen(&[Header::with_length(Kind::String, 2).0, 16]), [0usize; 0]);
        assert_eq!(seen(&[Header::with_length(Kind::Symbol, 8).0, 16]), [0usize; 0]);
    }
}
