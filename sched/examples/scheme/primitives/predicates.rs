//! What a value is.

use crate::scheme::numbers::Number;
use crate::scheme::numbers::complex::Complex;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::Primitive;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("not", |_, v| answer(v == Value::FALSE)),
        Primitive::one("null?", |_, v| answer(v == Value::NIL)),
        Primitive::one("pair?", |_, v| answer(is(v, Kind::Pair))),
        Primitive::one("boolean?", |_, v| answer(v == Value::TRUE || v == Value::FALSE)),
        Primitive::one("symbol?", |_, v| answer(is(v, Kind::Symbol))),
        Primitive::one("string?", |_, v| answer(is(v, Kind::String))),
        Primitive::one("char?", |_, v| answer(v.as_char().is_some())),
        Primitive::one("procedure?", |_, v| answer(is(v, Kind::Closure))),
        Primitive::one("vector?", |_, v| answer(is(v, Kind::Vector))),
        Primitive::one("eof-object?", |_, v| answer(v == Value::EOF)),
        Primitive::one("number?", |_, v| answer(Complex::of(v).is_some())),
        Primitive::one("complex?", |_, v| answer(Complex::of(v).is_some())),
        Primitive::one("real?", |_, v| answer(Number::of(v).is_some())),
        Primitive::one("rational?", |_, v| {
            answer(Number::of(v).is_some_and(|n| !matches!(n, Number::Flo(x) if !x.is_finite())))
        }),
        Primitive::one("integer?", |_, v| answer(Number::of(v).is_some_and(|n| n.is_integer()))),
        Primitive::one("fixnum?", |_, v| answer(v.as_fixnum().is_some())),
        Primitive::one("flonum?", |_, v| answer(is(v, Kind::Flonum))),
        Primitive::one("exact-integer?", |_, v| {
            answer(matches!(Number::of(v), Some(Number::Fix(_) | Number::Big(_))))
        }),
        Primitive::one("exact-rational?", |_, v| answer(Number::of(v).is_some_and(|n| n.is_exact()))),
        Primitive::one("exact-nonnegative-integer?", |_, v| {
            answer(Number::of(v).is_some_and(|n| n.to_big().is_some() && !n.is_negative()))
        }),
        Primitive::one("bytevector?", |_, v| answer(is(v, Kind::Bytevector))),
        Primitive::none("void", |_| Ok(Value::UNSPECIFIED)),
        Primitive::none("eof-object", |_| Ok(Value::EOF)),
    ]
}

fn answer(yes: bool) -> super::Outcome {
    Ok(Value::boolean(yes))
}

fn is(value: Value, kind: Kind) -> bool {
    ObjectRef::of(value, kind).is_some()
}
