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
        Primitive::one("char-upcase", |_, c| mapped("char-upcase", c, |c| single(c.to_uppercase(), c))),
        Primitive::one("char-downcase", |_, c| mapped("char-downcase", c, |c| single(c.to_lowercase(), c))),
        Primitive::one("char-alphabetic?", |_, c| is("char-alphabetic?", c, char::is_alphabetic)),
        Primitive::one("char-numeric?", |_, c| is("char-numeric?", c, char::is_numeric)),
        Primitive::one("char-whitespace?", |_, c| is("char-whitespace?", c, char::is_whitespace)),
        Primitive::one("char-upper-case?", |_, c| is("char-upper-case?", c, char::is_uppercase)),
        Primitive::one("char-lower-case?", |_, c| is("char-lower-case?", c, char::is_lowercase)),
    ]
}

fn from_integer(n: Value) -> Outcome {
    let code = check::index("integer->char", 1, n)?;
    let found = u32::try_from(code).ok().and_then(char::from_u32);
    let what = || format!("{code} is not the code of a character");
    found.map(Value::character).ok_or_else(|| Fault::Unfit { procedure: "integer->char", what: what() })
}

fn ordered(name: &'static str, all: &Arguments<'_>, holds: fn(char, char) -> bool) -> Outcome {
    let characters: Result<Vec<char>, Fault> =
        all.iter().enumerate().map(|(i, c)| character(name, i + 1, c)).collect();
    Ok(Value::boolean(characters?.windows(2).all(|pair| holds(pair[0], pair[1]))))
}

/// A mapping that gives several characters is not applied: a character is one.
fn single(mut mapped: impl Iterator<Item = char>, otherwise: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

fn mapped(name: &'static str, c: Value, f: fn(char) -> char) -> Outcome {
    Ok(Value::character(f(character(name, 1, c)?)))
}

fn is(name: &'static str, c: Value, f: fn(char) -> bool) -> Outcome {
    Ok(Value::boolean(f(character(name, 1, c)?)))
}
