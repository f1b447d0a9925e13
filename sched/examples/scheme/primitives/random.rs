//! Pseudo-random numbers: reproducible, from one state per program.

use std::sync::atomic::{AtomicU64, Ordering};

use num_bigint::{BigInt, BigUint, Sign};

use crate::scheme::machine::Machine;
use crate::scheme::numbers::Number;
use crate::scheme::value::Value;

use super::check::{number, wrong};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("random", |m, n| random(m, "random", n)),
        Primitive::one("random-integer", |m, n| random(m, "random-integer", n)),
        Primitive::none("random-real", |m| m.flonum(fraction())),
    ]
}

static STATE: AtomicU64 = AtomicU64::new(0x853c_49e6_748f_ea9b);

/// 64 bits: SplitMix64 (Steele, Lea, Flood 2014), whose state is a counter.
fn bits() -> u64 {
    let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// From 0 to below 1.
fn fraction() -> f64 {
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// An exact integer below an exact limit, a flonum below an inexact one.
fn random(machine: &Machine<'_>, name: &'static str, limit: Value) -> Outcome {
    let n = number(name, 1, limit)?;
    match &n {
        Number::Fix(n) if *n > 0 => Ok(Value::index(((u128::from(bits()) * *n as u128) >> 64) as usize)),
        Number::Flo(x) if *x > 0.0 => machine.flonum(x * fraction()),
        Number::Big(limit) if !n.is_negative() => {
            // 64 bits more than the limit has, so that the remainder is as good as even.
            let digits: Vec<u32> = (0..limit.bits() / 32 + 3).map(|_| bits() as u32).collect();
            machine.number(Number::integer(BigInt::from_biguint(Sign::Plus, BigUint::new(digits)) % limit))
        }
        _ => Err(wrong(name, 1, "a positive number", limit)),
    }
}
