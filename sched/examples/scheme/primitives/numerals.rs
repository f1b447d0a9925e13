//! Numbers as text.

use crate::scheme::core::Datum;
use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::number;
use crate::scheme::object::Kind;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, Number};
use super::strings::text;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("number->string", 1, number_to_string),
        Primitive::many("string->number", 1, string_to_number),
    ]
}

/// A number as `display` shows it.
pub fn numeral(number: Number) -> String {
    match number {
        Number::Fix(n) => n.to_string(),
        Number::Flo(x) if x.is_nan() => "+nan.0".into(),
        Number::Flo(x) if x.is_infinite() => if x > 0.0 { "+inf.0" } else { "-inf.0" }.into(),
        Number::Flo(x) => finite(x),
    }
}

/// The shortest digits that read back as the same number, with a point; very large and very small ones with an exponent.
fn finite(x: f64) -> String {
    let magnitude = x.abs();
    let plain = x == 0.0 || (1e-7..1e21).contains(&magnitude);
    let shown = if plain { format!("{x}") } else { format!("{x:e}") };
    let (digits, exponent) = shown.split_once('e').map_or((&*shown, None), |(d, e)| (d, Some(e)));
    let point = if digits.contains('.') { "" } else { ".0" };
    match exponent {
        None => format!("{digits}{point}"),
        Some(exponent) => format!("{digits}{point}e{exponent}"),
    }
}

fn radix(name: &'static str, all: &Arguments<'_>) -> Result<u32, Fault> {
    all.at_most(name, 2)?;
    let Some(value) = all.get(1) else { return Ok(10) };
    let radix = value.as_fixnum().filter(|n| (2..=36).contains(n));
    radix.map(|n| n as u32).ok_or_else(|| check::wrong(name, 2, "a radix from 2 to 36", value))
}

fn number_to_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "number->string";
    let radix = radix(name, all)?;
    let text = match check::number(name, 1, all.get(0).unwrap_or(Value::NIL))? {
        Number::Fix(n) if radix != 10 => in_radix(n, radix),
        number => numeral(number),
    };
    machine.string_from(&text)
}

fn in_radix(n: i64, radix: u32) -> String {
    let mut rest = n.unsigned_abs();
    let mut digits: Vec<char> = Vec::new();
    while rest > 0 || digits.is_empty() {
        digits.extend(char::from_digit((rest % u64::from(radix)) as u32, radix));
        rest /= u64::from(radix);
    }
    digits.extend((n < 0).then_some('-'));
    digits.iter().rev().collect()
}

/// `#f` for what is no number.
fn string_to_number(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "string->number";
    let radix = radix(name, all)?;
    let text = text(check::object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?);
    match parse(&text, radix) {
        Some(Datum::Fixnum(n)) => super::exact::exact(name, Some(n)),
        Some(Datum::Flonum(x)) => machine.flonum(x),
        _ => Ok(Value::FALSE),
    }
}

/// The reader's numerals.
fn parse(text: &str, radix: u32) -> Option<Datum> {
    if radix == 10 { number::decimal(text).ok().flatten() } else { number::integer(text, text, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flonums_show_that_they_are_inexact() {
        let shown = |x| numeral(Number::Flo(x));
        assert_eq!(shown(1.0), "1.0");
        assert_eq!(shown(-0.5), "-0.5");
        assert_eq!(shown(-0.0), "-0.0");
        assert_eq!(shown(1e20), "100000000000000000000.0");
        assert_eq!(shown(1e21), "1.0e21");
        assert_eq!(shown(1.25e-10), "1.25e-10");
        assert_eq!(shown(f64::NEG_INFINITY), "-inf.0");
    }

    #[test]
    fn numerals_read_back() {
        for n in [0, 7, -255, i64::MAX >> 1] {
            for radix in [2, 8, 10, 16, 36] {
                assert_eq!(parse(&in_radix(n, radix), radix), Some(Datum::Fixnum(n)), "{n} in {radix}");
            }
        }
        assert_eq!(parse("abc", 10), None);
    }
}
