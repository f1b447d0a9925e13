//! Integers: division, divisors, parity, roots, bits.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::numbers::Number;
use crate::scheme::numbers::division::{self, Division};
use crate::scheme::numbers::power;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{exact_integer, integer, wrong};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::two("quotient", |m, a, b| divide(m, "quotient", division::QUOTIENT, a, b)),
        Primitive::two("remainder", |m, a, b| divide(m, "remainder", division::REMAINDER, a, b)),
        Primitive::two("modulo", |m, a, b| divide(m, "modulo", division::MODULO, a, b)),
        Primitive::two("truncate-quotient", |m, a, b| {
            divide(m, "truncate-quotient", division::QUOTIENT, a, b)
        }),
        Primitive::two("truncate-remainder", |m, a, b| {
            divide(m, "truncate-remainder", division::REMAINDER, a, b)
        }),
        Primitive::two("floor-quotient", |m, a, b| {
            divide(m, "floor-quotient", division::FLOOR_QUOTIENT, a, b)
        }),
        Primitive::two("floor-remainder", |m, a, b| divide(m, "floor-remainder", division::MODULO, a, b)),
        Primitive::many("gcd", 0, |m, all| combined(m, "gcd", all, 0, division::gcd)),
        Primitive::many("lcm", 0, |m, all| combined(m, "lcm", all, 1, division::lcm)),
        Primitive::one("even?", |_, n| Ok(Value::boolean(!is_odd("even?", n)?))),
        Primitive::one("odd?", |_, n| Ok(Value::boolean(is_odd("odd?", n)?))),
        Primitive::one("%integer-sqrt", integer_root),
        Primitive::many("bitwise-and", 0, |m, all| bitwise(m, "bitwise-and", all, -1, |a, b| a & b)),
        Primitive::many("bitwise-ior", 0, |m, all| bitwise(m, "bitwise-ior", all, 0, |a, b| a | b)),
        Primitive::many("bitwise-xor", 0, |m, all| bitwise(m, "bitwise-xor", all, 0, |a, b| a ^ b)),
        Primitive::one("bitwise-not", |m, n| m.number(Number::integer(!exact_integer("bitwise-not", 1, n)?))),
        Primitive::two("arithmetic-shift", shift),
        Primitive::one("bit-count", |_, n| {
            let n = exact_integer("bit-count", 1, n)?;
            let ones = if n.sign() == num_bigint::Sign::Minus {
                (!n).magnitude().count_ones()
            } else {
                n.magnitude().count_ones()
            };
            Ok(Value::index(ones as usize))
        }),
        Primitive::one("integer-length", |_, n| {
            let n = exact_integer("integer-length", 1, n)?;
            let bits = if n.sign() == num_bigint::Sign::Minus { (!n).bits() } else { n.bits() };
            Ok(Value::index(bits as usize))
        }),
    ]
}

fn divide(machine: &Machine<'_>, name: &'static str, kind: Division, a: Value, b: Value) -> Outcome {
    let (a, b) = (integer(name, 1, a)?, integer(name, 2, b)?);
    machine.number(division::divide(kind, &a, &b).ok_or(Fault::DivisionByZero { procedure: name })?)
}

fn combined(
    machine: &Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    unit: i64,
    f: fn(&Number, &Number) -> Option<Number>,
) -> Outcome {
    let mut result = Number::Fix(unit);
    for (i, value) in all.iter().enumerate() {
        let n = integer(name, i + 1, value)?;
        result = f(&result, &n).ok_or_else(|| wrong(name, i + 1, "an integer", value))?;
    }
    machine.number(result)
}

fn is_odd(name: &'static str, value: Value) -> Result<bool, Fault> {
    Ok(match integer(name, 1, value)? {
        Number::Fix(n) => n & 1 == 1,
        Number::Flo(x) => x % 2.0 != 0.0,
        other => other.to_big().is_some_and(|n| n.bit(0)),
    })
}

fn integer_root(machine: &Machine<'_>, n: Value) -> Outcome {
    let root = power::integer_root(&exact_integer("exact-integer-sqrt", 1, n)?);
    let root = root.ok_or_else(|| wrong("exact-integer-sqrt", 1, "a non-negative exact integer", n))?;
    machine.number(Number::integer(root))
}

fn bitwise(
    machine: &Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    unit: i64,
    f: fn(BigInt, BigInt) -> BigInt,
) -> Outcome {
    let mut result = BigInt::from(unit);
    for (i, value) in all.iter().enumerate() {
        result = f(result, exact_integer(name, i + 1, value)?);
    }
    machine.number(Number::integer(result))
}

fn shift(machine: &Machine<'_>, n: Value, count: Value) -> Outcome {
    let name = "arithmetic-shift";
    let (n, by) = (exact_integer(name, 1, n)?, exact_integer(name, 2, count)?);
    let by = by.to_i64().ok_or_else(|| wrong(name, 2, "a small exact integer", count))?;
    let limit = machine.scheme().heap_limit;
    let shifted = power::shifted(&n, by, limit as u64 * 8);
    machine.number(Number::integer(shifted.map_err(|_| Fault::OutOfMemory { limit })?))
}
