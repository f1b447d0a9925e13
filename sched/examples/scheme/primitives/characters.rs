//! Characters.

use crate::scheme::fault::Fault;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, character};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("char->integer", |_, c| Ok(Value::index(character("char->integer", 1, c)? as usize))),
        Primitive::one("integer->char", |_, n| from_integer(n)),
        Primitive::many("char=?", 1, |_, all| ordered("char=?", all, |a, b| a == b)),
        Primitive::many("char<?", 1, |_, all| ordered("char<?", all, |a, b| a < b)),
        Primitive::many("char>?", 1, |_, all| ordered("char>?", all, |a, b| a > b)),
        Primitive::many("char<=?", 1, |_, all| ordered("char<=?", all, |a, b| a <= b)),
        Primitive::many("char>=?", 1, |_, all| ordered("char>=?", all, |a, b| a >= b)),
        Primitive::many("char-ci=?", 1, |_, all| ordered("char-ci=?", all, |a, b| folded(a) == folded(b))),
        Primitive::many("char-ci<?", 1, |_, all| ordered("char-ci<?", all, |a, b| folded(a) < folded(b))),
        Primitive::many("char-ci>?", 1, |_, all| ordered("char-ci>?", all, |a, b| folded(a) > folded(b))),
        Primitive::many("char-ci<=?", 1, |_, all| ordered("char-ci<=?", all, |a, b| folded(a) <= folded(b))),
        Primitive::many("char-ci>=?", 1, |_, all| ordered("char-ci>=?", all, |a, b| folded(a) >= folded(b))),
        Primitive::one("char-upcase", |_, c| mapped("char-upcase", c, |c| single(c.to_uppercase(), c))),
        Primitive::one("char-downcase", |_, c| mapped("char-downcase", c, |c| single(c.to_lowercase(), c))),
        Primitive::one("char-foldcase", |_, c| mapped("char-foldcase", c, folded)),
        Primitive::one("char-alphabetic?", |_, c| is("char-alphabetic?", c, char::is_alphabetic)),
        Primitive::one("char-numeric?", |_, c| is("char-numeric?", c, char::is_numeric)),
        Primitive::one("char-whitespace?", |_, c| is("char-whitespace?", c, char::is_whitespace)),
        Primitive::one("char-upper-case?", |_, c| is("char-upper-case?", c, char::is_uppercase)),
        Primitive::one("char-lower-case?", |_, c| is("char-lower-case?", c, char::is_lowercase)),
        Primitive::one("char-ascii?", |_, c| is("char-ascii?", c, |c| c.is_ascii())),
        Primitive::one("digit-value", |_, c| digit_value(c)),
        Primitive::many("char->digit", 1, |_, all| to_digit(all)),
        Primitive::many("digit->char", 1, |_, all| from_digit(all)),
    ]
}

fn from_integer(n: Value) -> Outcome {
    let code = check::index("integer->char", 1, n)?;
    let found = u32::try_from(code).ok().and_then(char::from_u32);
    let what = || format!("{code} is not the code of a character");
    found.map(Value::character).ok_or_else(|| Fault::Unfit { procedure: "integer->char", what: what() })
}

fn ordered(name: &'static str, all: &Arguments<'_>, holds: fn(char, char) -> bool) -> Outcome {
    let mut yes = true;
    let mut former = None;
    for (i, value) in all.iter().enumerate() {
        let c = character(name, i + 1, value)?;
        yes &= former.is_none_or(|former| holds(former, c));
        former = Some(c);
    }
    Ok(Value::boolean(yes))
}

/// A mapping that gives several characters is not applied: a character is one.
fn single(mut mapped: impl Iterator<Item = char>, otherwise: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

/// Without its case. Characters that are equal but for their case have one upper case, of which this is the lower one.
pub fn folded(c: char) -> char {
    let upper = single(c.to_uppercase(), c);
    single(upper.to_lowercase(), upper)
}

fn mapped(name: &'static str, c: Value, f: fn(char) -> char) -> Outcome {
    Ok(Value::character(f(character(name, 1, c)?)))
}

fn is(name: &'static str, c: Value, f: fn(char) -> bool) -> Outcome {
    Ok(Value::boolean(f(character(name, 1, c)?)))
}

/// The zeros of the decimal digits of Unicode, whose others follow (category Nd, in the Basic Multilingual Plane).
const ZEROS: [u32; 37] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

fn digit_value(c: Value) -> Outcome {
    let code = u32::from(character("digit-value", 1, c)?);
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code));
    Ok(zero.map_or(Value::FALSE, |zero| Value::index((code - zero) as usize)))
}

fn radix(name: &'static str, all: &Arguments<'_>) -> Result<u32, Fault> {
    all.at_most(name, 2)?;
    let radix = all.get(1).map_or(Some(10), |v| v.as_fixnum());
    let found = radix.filter(|n| (2..=36).contains(n)).map(|n| n as u32);
    found.ok_or_else(|| check::wrong(name, 2, "a radix from 2 to 36", all.get(1).unwrap_or(Value::NIL)))
}

/// `#f` for what is no digit.
fn to_digit(all: &Arguments<'_>) -> Outcome {
    let c = character("char->digit", 1, all.get(0).unwrap_or(Value::NIL))?;
    Ok(c.to_digit(radix("char->digit", all)?).map_or(Value::FALSE, |digit| Value::index(digit as usize)))
}

fn from_digit(all: &Arguments<'_>) -> Outcome {
    let n = check::index("digit->char", 1, all.get(0).unwrap_or(Value::NIL))?;
    let digit = u32::try_from(n).ok().zip(Some(radix("digit->char", all)?));
    let found = digit.and_then(|(digit, radix)| char::from_digit(digit, radix));
    Ok(found.map_or(Value::FALSE, Value::character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decimal_digit_has_its_value() {
        for (c, value) in [('7', 7), ('\u{0669}', 9), ('\u{ff15}', 5)] {
            assert_eq!(digit_value(Value::character(c)), Ok(Value::index(value)));
        }
        assert_eq!(digit_value(Value::character('x')), Ok(Value::FALSE));
        assert!(ZEROS.iter().all(|zero| char::from_u32(*zero).is_some_and(char::is_numeric)));
    }

    #[test]
    fn folding_forgets_the_case_and_nothing_else() {
        assert_eq!(folded('A'), folded('a'));
        assert_eq!(folded('\u{03a3}'), folded('\u{03c2}'), "both small sigmas have one capital");
        assert_ne!(folded('a'), folded('b'));
    }
}
