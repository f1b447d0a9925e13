//! Strings: mutable, of characters of equal width, so that an index is an index.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::characters::folded;
use super::check::{self, character, object, range};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("make-string", 1, make),
        Primitive::many("string", 0, string),
        Primitive::one("string-length", |_, s| {
            Ok(Value::index(object("string-length", 1, s, Kind::String)?.header().length()))
        }),
        Primitive::two("string-ref", string_ref),
        Primitive::three("string-set!", string_set),
        Primitive::many("string-append", 0, append),
        Primitive::many("substring", 2, |machine, all| copy(machine, "substring", all)),
        Primitive::many("string-copy", 1, |machine, all| copy(machine, "string-copy", all)),
        Primitive::many("string-copy!", 3, copy_into),
        Primitive::many("string->list", 1, to_list),
        Primitive::one("list->string", from_list),
        Primitive::many("string-fill!", 2, fill),
        Primitive::one("string-upcase", |m, s| converted(m, "string-upcase", s, |text| text.to_uppercase())),
        Primitive::one("string-downcase", |m, s| {
            converted(m, "string-downcase", s, |text| text.to_lowercase())
        }),
        Primitive::one("string-foldcase", |m, s| converted(m, "string-foldcase", s, without_case)),
        Primitive::three("string-search-forward", search_forward),
    ]
}

/// The characters of a string as they are now. The reference must be given up before the next primitive runs.
pub fn codes_of(string: ObjectRef) -> &'static [u32] {
    // SAFETY: a string has that many characters, and is alive: its value is with the caller.
    unsafe { std::slice::from_raw_parts(string.data::<u32>(), string.header().length()) }
}

/// The characters of a string, each as it is now.
pub fn codes(string: ObjectRef) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
    codes_of(string).iter().copied()
}

/// The string as Rust has it.
pub fn text(string: ObjectRef) -> String {
    codes(string).filter_map(char::from_u32).collect()
}

/// Do two strings, or bignums, of one length have the same codes?
pub fn same_codes(a: ObjectRef, b: ObjectRef) -> bool {
    codes_of(a) == codes_of(b)
}

fn characters_of(name: &'static str, values: impl Iterator<Item = Value>) -> Result<Vec<u32>, Fault> {
    values.enumerate().map(|(i, c)| Ok(u32::from(character(name, i + 1, c)?))).collect()
}

fn make(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("make-string", 2)?;
    let length = check::index("make-string", 1, all.get(0).unwrap_or(Value::NIL))?;
    let fill = all.get(1).map_or(Ok(' '), |c| character("make-string", 2, c))?;
    machine.string((0..length).map(|_| u32::from(fill)))
}

fn string_ref(_: &Machine<'_>, string: Value, index: Value) -> Outcome {
    let string = object("string-ref", 1, string, Kind::String)?;
    let index = check::element("string-ref", index, string.header().length())?;
    // SAFETY: the index was checked.
    let code = unsafe { string.data::<u32>().add(index).read() };
    Ok(char::from_u32(code).map_or(Value::UNSPECIFIED, Value::character))
}

fn string_set(_: &Machine<'_>, string: Value, index: Value, c: Value) -> Outcome {
    let string = object("string-set!", 1, string, Kind::String)?;
    let index = check::element("string-set!", index, string.header().length())?;
    let c = character("string-set!", 3, c)?;
    // SAFETY: the index was checked.
    unsafe { string.data::<u32>().add(index).write(u32::from(c)) };
    Ok(Value::UNSPECIFIED)
}

fn append(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let mut joined = Vec::new();
    for (i, value) in all.iter().enumerate() {
        joined.extend_from_slice(codes_of(object("string-append", i + 1, value, Kind::String)?));
    }
    machine.string(joined.into_iter())
}

/// The string and the part of it that optional arguments from the second on select.
fn part(name: &'static str, all: &Arguments<'_>) -> Result<Vec<u32>, Fault> {
    all.at_most(name, 3)?;
    let string = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?;
    let range = range(name, string.header().length(), all.get(1), all.get(2))?;
    Ok(codes_of(string)[range].to_vec())
}

fn copy(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>) -> Outcome {
    let part = part(name, all)?;
    machine.string(part.into_iter())
}

/// Writes `new` from character `at` on. The caller has checked that it fits.
fn overwrite(string: ObjectRef, at: usize, new: &[u32]) {
    assert!(at + new.len() <= string.header().length());
    // SAFETY: inside of the string, by the assertion.
    unsafe { string.data::<u32>().add(at).copy_from(new.as_ptr(), new.len()) };
}

fn copy_into(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "string-copy!";
    let to = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?;
    let (from, range) = super::bytevectors::part(name, all, Kind::String, 2)?;
    let at = check::room(name, all.get(1), to.header().length(), range.len())?;
    // A copy, since both may be one string.
    let part = codes_of(from)[range].to_vec();
    overwrite(to, at, &part);
    Ok(Value::UNSPECIFIED)
}

/// Characters, or by the custom of some collections anything, as `display` shows it.
fn string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    if all.iter().all(|value| value.as_char().is_some()) {
        let codes = characters_of("string", all.iter())?;
        return machine.string(codes.into_iter());
    }
    let parts: Vec<String> = all.iter().map(super::write::displayed).collect();
    machine.string_from(&parts.concat())
}

fn converted(machine: &Machine<'_>, name: &'static str, string: Value, f: fn(&str) -> String) -> Outcome {
    machine.string_from(&f(&text(object(name, 1, string, Kind::String)?)))
}

/// Without case: what compares equal after this is equal but for its case. `ß` becomes `ss`, as its capital does.
pub fn without_case(text: &str) -> String {
    text.chars().flat_map(folded_fully).collect()
}

/// Of characters whose capital is several, the small letters of these.
fn folded_fully(c: char) -> impl Iterator<Item = char> {
    let capital = c.to_uppercase();
    let several = (capital.len() > 1).then(|| capital.flat_map(char::to_lowercase));
    let one = several.is_none().then(|| folded(c));
    several.into_iter().flatten().chain(one)
}

/// The index of the first occurrence of `pattern` from `start` on, or `#f`.
fn search_forward(_: &Machine<'_>, pattern: Value, string: Value, start: Value) -> Outcome {
    let name = "string-search-forward";
    let pattern = codes_of(object(name, 1, pattern, Kind::String)?);
    let string = codes_of(object(name, 2, string, Kind::String)?);
    let start = range(name, string.len(), Some(start), None)?.start;
    let found = (start..=string.len()).find(|at| string[*at..].starts_with(pattern));
    Ok(found.map_or(Value::FALSE, Value::index))
}

fn to_list(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let part = part("string->list", all)?;
    let characters = part.iter().rev().filter_map(|code| char::from_u32(*code));
    characters.into_iter().try_fold(Value::NIL, |list, c| machine.pair(Value::character(c), list))
}

fn from_list(machine: &Machine<'_>, list: Value) -> Outcome {
    check::list_length("list->string", 1, list)?;
    let codes = characters_of("list->string", check::elements(list))?;
    machine.string(codes.into_iter())
}

fn fill(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("string-fill!", 4)?;
    let string = object("string-fill!", 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?;
    let c = character("string-fill!", 2, all.get(1).unwrap_or(Value::NIL))?;
    let range = range("string-fill!", string.header().length(), all.get(2), all.get(3))?;
    overwrite(string, range.start, &vec![u32::from(c); range.len()]);
    Ok(Value::UNSPECIFIED)
}
