//! Taking arguments apart: each function gives the argument as what it should be, or the fault that says it is not.

use std::sync::atomic::Ordering;

use num_bigint::{BigInt, Sign};

use crate::scheme::fault::Fault;
use crate::scheme::numbers::complex::Complex;
use crate::scheme::numbers::{Number, Rational};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::write::shortened;

/// The fault of an argument of the wrong type.
pub fn wrong(procedure: &'static str, position: usize, expected: &'static str, got: Value) -> Fault {
    Fault::WrongType { procedure, position, expected, got: shortened(got) }
}

/// An object of that kind.
pub fn object(
    procedure: &'static str,
    position: usize,
    value: Value,
    kind: Kind,
) -> Result<ObjectRef, Fault> {
    let expected = match kind {
        Kind::Pair => "a pair",
        Kind::Flonum => "a flonum",
        Kind::String => "a string",
        Kind::Symbol => "a symbol",
        Kind::Vector => "a vector",
        Kind::Closure => "a procedure",
        Kind::Box => "a box",
        Kind::Bignum | Kind::Ratnum => "an exact number",
        Kind::Compnum => "a complex number",
        Kind::Bytevector => "a bytevector",
        Kind::Table => "a hash table",
        Kind::Port => "a port",
        Kind::Frames | Kind::Continuation => "a continuation",
        Kind::Condition => "an error object",
        Kind::Values => "multiple values",
        Kind::Record => "a record",
        Kind::Channel => "a channel",
        Kind::Task => "a task",
    };
    ObjectRef::of(value, kind).ok_or_else(|| wrong(procedure, position, expected, value))
}

/// The length of a list.
///
/// # Errors
///
/// [`Fault::WrongType`] for what is not a list, circular ones included.
pub fn list_length(procedure: &'static str, position: usize, list: Value) -> Result<usize, Fault> {
    proper_length(list).ok_or_else(|| wrong(procedure, position, "a list", list))
}

/// The length of `list`, if it is one. The hare goes two steps where the tortoise goes one; in a circular list they meet.
pub fn proper_length(list: Value) -> Option<usize> {
    let (mut hare, mut tortoise, mut length) = (list, list, 0);
    while let Some(pair) = ObjectRef::of(hare, Kind::Pair) {
        hare = pair.field(2);
        length += 1;
        if length % 2 == 0 {
            tortoise = ObjectRef::of(tortoise, Kind::Pair)?.field(2);
            if hare == tortoise {
                return None;
            }
        }
    }
    (hare == Value::NIL).then_some(length)
}

/// The elements of what is known to be a list. Nothing may be allocated between two of them by somebody who has not
/// rooted the list.
pub fn elements(list: Value) -> impl Iterator<Item = Value> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let pair = ObjectRef::of(rest, Kind::Pair)?;
        rest = pair.field(2);
        Some(pair.field(1))
    })
}

/// A count, an index: an exact integer that is not negative.
pub fn index(procedure: &'static str, position: usize, value: Value) -> Result<usize, Fault> {
    value.as_index().ok_or_else(|| wrong(procedure, position, "a non-negative exact integer", value))
}

/// An integer, exact or not.
pub fn integer(procedure: &'static str, position: usize, value: Value) -> Result<Number, Fault> {
    let found = Number::of(value).filter(Number::is_integer);
    found.ok_or_else(|| wrong(procedure, position, "an integer", value))
}

/// An exact integer.
pub fn exact_integer(procedure: &'static str, position: usize, value: Value) -> Result<BigInt, Fault> {
    let found = Number::of(value).and_then(|n| n.to_big());
    found.ok_or_else(|| wrong(procedure, position, "an exact integer", value))
}

/// A character.
pub fn character(procedure: &'static str, position: usize, value: Value) -> Result<char, Fault> {
    value.as_char().ok_or_else(|| wrong(procedure, position, "a character", value))
}

impl Number {
    /// The number that `value` is, if it is one.
    pub fn of(value: Value) -> Option<Number> {
        if let Some(n) = value.as_fixnum() {
            return Some(Number::Fix(n));
        }
        let object = ObjectRef::any(value)?;
        match object.header().kind()? {
            Kind::Flonum => Some(Number::Flo(flonum(object))),
            Kind::Bignum => Some(Number::Big(bignum(object))),
            Kind::Ratnum => {
                let part = |i| Number::of(object.field(i))?.to_big();
                Some(Number::Rat(Rational::new_raw(part(1)?, part(2)?)))
            }
            _ => None,
        }
    }
}

/// The integer in a bignum.
fn bignum(object: ObjectRef) -> BigInt {
    let header = object.header();
    // SAFETY: a bignum has that many digits, never changes, and is alive: its value is with the caller.
    let digits = unsafe { std::slice::from_raw_parts(object.data::<u32>(), header.length()) };
    BigInt::from_slice(if header.is_negative() { Sign::Minus } else { Sign::Plus }, digits)
}

/// The number in a flonum.
pub fn flonum(object: ObjectRef) -> f64 {
    f64::from_bits(object.word(1).load(Ordering::Relaxed))
}

/// A real number.
pub fn number(procedure: &'static str, position: usize, value: Value) -> Result<Number, Fault> {
    let expected = if ObjectRef::of(value, Kind::Compnum).is_some() { "a real number" } else { "a number" };
    Number::of(value).ok_or_else(|| wrong(procedure, position, expected, value))
}

impl Complex {
    /// The number that `value` is, if it is one, real or not.
    pub fn of(value: Value) -> Option<Complex> {
        match ObjectRef::of(value, Kind::Compnum) {
            Some(object) => {
                Some(Complex { re: Number::of(object.field(1))?, im: Number::of(object.field(2))? })
            }
            None => Number::of(value).map(Complex::real),
        }
    }
}

/// A number, real or not.
pub fn complex(procedure: &'static str, position: usize, value: Value) -> Result<Complex, Fault> {
    Complex::of(value).ok_or_else(|| wrong(procedure, position, "a number", value))
}

/// The range that optional arguments `start` and `end` select from a sequence.
pub fn range(
    procedure: &'static str,
    length: usize,
    start: Option<Value>,
    end: Option<Value>,
) -> Result<std::ops::Range<usize>, Fault> {
    let end_index = end.map_or(Ok(length), |v| bounded(procedure, v, length))?;
    let start_index = start.map_or(Ok(0), |v| bounded(procedure, v, end_index))?;
    Ok(start_index..end_index)
}

/// An index that may be as large as the length.
fn bounded(procedure: &'static str, value: Value, length: usize) -> Result<usize, Fault> {
    value.as_index().filter(|n| *n <= length).ok_or_else(|| bad_index(procedure, value, length))
}

/// Where in a sequence of that length `count` elements are to be put.
pub fn room(procedure: &'static str, at: Option<Value>, length: usize, count: usize) -> Result<usize, Fault> {
    let at = bounded(procedure, at.unwrap_or(Value::NIL), length)?;
    let fits = length - at >= count;
    let what = || format!("{count} elements do not fit into {length}, from index {at} on");
    if fits { Ok(at) } else { Err(Fault::Unfit { procedure, what: what() }) }
}

/// An index of an element.
pub fn element(procedure: &'static str, value: Value, length: usize) -> Result<usize, Fault> {
    value.as_index().filter(|n| *n < length).ok_or_else(|| bad_index(procedure, value, length))
}

fn bad_index(procedure: &'static str, value: Value, length: usize) -> Fault {
    match value.as_fixnum() {
        Some(n) => Fault::BadIndex { procedure, index: n.to_string(), length },
        None => wrong(procedure, 2, "a non-negative exact integer", value),
    }
}
