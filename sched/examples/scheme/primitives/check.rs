//! Taking arguments apart: each function gives the argument as what it should be, or the fault that says it is not.

use std::cmp::Ordering as Order;
use std::sync::atomic::Ordering;

use crate::scheme::fault::Fault;
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
    };
    ObjectRef::of(value, kind).ok_or_else(|| wrong(procedure, position, expected, value))
}

/// A count, an index: an exact integer that is not negative.
pub fn index(procedure: &'static str, position: usize, value: Value) -> Result<usize, Fault> {
    value.as_index().ok_or_else(|| wrong(procedure, position, "a non-negative exact integer", value))
}

/// An exact integer.
pub fn fixnum(procedure: &'static str, position: usize, value: Value) -> Result<i64, Fault> {
    value.as_fixnum().ok_or_else(|| wrong(procedure, position, "an exact integer", value))
}

/// A character.
pub fn character(procedure: &'static str, position: usize, value: Value) -> Result<char, Fault> {
    value.as_char().ok_or_else(|| wrong(procedure, position, "a character", value))
}

/// A number, exact or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exact.
    Fix(i64),
    /// Inexact.
    Flo(f64),
}

impl Number {
    /// The number that `value` is, if it is one.
    pub fn of(value: Value) -> Option<Number> {
        match value.as_fixnum() {
            Some(n) => Some(Number::Fix(n)),
            None => ObjectRef::of(value, Kind::Flonum).map(|x| Number::Flo(flonum(x))),
        }
    }

    /// Its nearest inexact number.
    pub fn inexact(self) -> f64 {
        match self {
            Number::Fix(n) => n as f64,
            Number::Flo(x) => x,
        }
    }

    /// Numerical order; none for NaN. Exact: a fixnum that no flonum equals is not rounded to one.
    pub fn order(self, other: Number) -> Option<Order> {
        match (self, other) {
            (Number::Fix(a), Number::Fix(b)) => Some(a.cmp(&b)),
            (Number::Flo(a), Number::Flo(b)) => a.partial_cmp(&b),
            (Number::Fix(a), Number::Flo(b)) => order_mixed(a, b),
            (Number::Flo(a), Number::Fix(b)) => order_mixed(b, a).map(Order::reverse),
        }
    }
}

fn order_mixed(n: i64, x: f64) -> Option<Order> {
    // 2^62 is a flonum, so beyond it the answer is plain, and below it the integral part fits an i64.
    const LIMIT: f64 = (1_u64 << 62) as f64;
    if x.is_nan() {
        None
    } else if x >= LIMIT {
        Some(Order::Less)
    } else if x < -LIMIT {
        Some(Order::Greater)
    } else {
        let whole = x.trunc();
        Some(n.cmp(&(whole as i64)).then(0.0.partial_cmp(&(x - whole))?))
    }
}

/// The number in a flonum.
pub fn flonum(object: ObjectRef) -> f64 {
    f64::from_bits(object.word(1).load(Ordering::Relaxed))
}

/// A number.
pub fn number(procedure: &'static str, position: usize, value: Value) -> Result<Number, Fault> {
    Number::of(value).ok_or_else(|| wrong(procedure, position, "a number", value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_order_does_not_round() {
        let big = (1 << 62) - 1;
        assert_eq!(order_mixed(big, big as f64), Some(Order::Less), "2^62 - 1 rounds to 2^62");
        assert_eq!(order_mixed(1, 1.5), Some(Order::Less));
        assert_eq!(order_mixed(-1, -1.5), Some(Order::Greater));
        assert_eq!(order_mixed(2, 2.0), Some(Order::Equal));
        assert_eq!(order_mixed(0, f64::NAN), None);
        assert_eq!(order_mixed(0, f64::NEG_INFINITY), Some(Order::Greater));
    }
}
