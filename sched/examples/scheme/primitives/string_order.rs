//! Comparison of strings, with and without case.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::object;
use super::strings::{codes_of, text, without_case};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("string=?", 1, |_, all| ordered("string=?", all, plain, Order::is_eq)),
        Primitive::many("string<?", 1, |_, all| ordered("string<?", all, plain, Order::is_lt)),
        Primitive::many("string>?", 1, |_, all| ordered("string>?", all, plain, Order::is_gt)),
        Primitive::many("string<=?", 1, |_, all| ordered("string<=?", all, plain, Order::is_le)),
        Primitive::many("string>=?", 1, |_, all| ordered("string>=?", all, plain, Order::is_ge)),
        Primitive::many("string-ci=?", 1, |_, all| ordered("string-ci=?", all, caseless, Order::is_eq)),
        Primitive::many("string-ci<?", 1, |_, all| ordered("string-ci<?", all, caseless, Order::is_lt)),
        Primitive::many("string-ci>?", 1, |_, all| ordered("string-ci>?", all, caseless, Order::is_gt)),
        Primitive::many("string-ci<=?", 1, |_, all| ordered("string-ci<=?", all, caseless, Order::is_le)),
        Primitive::many("string-ci>=?", 1, |_, all| ordered("string-ci>=?", all, caseless, Order::is_ge)),
    ]
}

fn plain(a: ObjectRef, b: ObjectRef) -> Order {
    codes_of(a).cmp(codes_of(b))
}

fn caseless(a: ObjectRef, b: ObjectRef) -> Order {
    without_case(&text(a)).cmp(&without_case(&text(b)))
}

fn ordered(
    name: &'static str,
    all: &Arguments<'_>,
    compare: fn(ObjectRef, ObjectRef) -> Order,
    holds: fn(Order) -> bool,
) -> Outcome {
    let mut yes = true;
    let mut former: Option<ObjectRef> = None;
    for (i, value) in all.iter().enumerate() {
        let string: Result<ObjectRef, Fault> = object(name, i + 1, value, Kind::String);
        let string = string?;
        yes &= former.is_none_or(|former| holds(compare(former, string)));
        former = Some(string);
    }
    Ok(Value::boolean(yes))
}
