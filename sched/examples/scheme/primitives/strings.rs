//! Strings: mutable, of characters of equal width, so that an index is an index.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, character, object, range};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("make-string", 1, make),
        Primitive::many("string", 0, |machine, all| {
            let codes = characters_of("string", all.iter())?;
            machine.string(codes.into_iter())
        }),
        Primitive::one("string-length", |_, s| {
            Ok(Value::index(object("string-length", 1, s, Kind::String)?.header().length()))
        }),
        Primitive::two("string-ref", string_ref),
        Primitive::three("string-set!", string_set),
        Primitive::many("string-append", 0, append),
        Primitive::many("substring", 2, |machine, all| copy(machine, "substring", all)),
        Primitive::many("string-copy", 1, |machine, all| copy(machine, "string-copy", all)),
        Primitive::many("string=?", 1, |_, all| ordered("string=?", all, |a, b| a == b)),
        Primitive::many("string<?", 1, |_, all| ordered("string<?", all, |a, b| a < b)),
        Primitive::many("string->list", 1, to_list),
        Primitive::one("list->string", from_list),
        Primitive::many("string-fill!", 2, fill),
    ]
}

/// The characters of a string, each as it is now.
pub fn codes(string: ObjectRef) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
    // SAFETY: a string has that many characters, and is alive: its value is with the caller.
    (0..string.header().length()).map(move |i| unsafe { string.data::<u32>().add(i).read() })
}

/// The string as Rust has it.
pub fn text(string: ObjectRef) -> String {
    codes(string).filter_map(char::from_u32).collect()
}

/// Do two strings, or bignums, of one length have the same codes?
pub fn same_codes(a: ObjectRef, b: ObjectRef) -> bool {
    codes(a).eq(codes(b))
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
        joined.extend(codes(object("string-append", i + 1, value, Kind::String)?));
    }
    machine.string(joined.into_iter())
}

/// The string and the part of it that optional arguments from the second on select.
fn part(name: &'static str, all: &Arguments<'_>) -> Result<Vec<u32>, Fault> {
    all.at_most(name, 3)?;
    let string = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?;
    let range = range(name, string.header().length(), all.get(1), all.get(2))?;
    Ok(codes(string).skip(range.start).take(range.len()).collect())
}

fn copy(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>) -> Outcome {
    let part = part(name, all)?;
    machine.string(part.into_iter())
}

fn ordered(name: &'static str, all: &Arguments<'_>, holds: fn(&[u32], &[u32]) -> bool) -> Outcome {
    let mut strings = Vec::new();
    for (i, value) in all.iter().enumerate() {
        strings.push(codes(object(name, i + 1, value, Kind::String)?).collect::<Vec<u32>>());
    }
    Ok(Value::boolean(strings.windows(2).all(|pair| holds(&pair[0], &pair[1]))))
}

fn to_list(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let part = part("string->list", all)?;
    let characters = part.iter().rev().filter_map(|code| char::from_u32(*code));
    characters.into_iter().try_fold(Value::NIL, |list, c| machine.pair(Value::character(c), list))
}

fn from_list(machine: &Machine<'_>, list: Value) -> Outcome {
    let mut codes = Vec::new();
    let mut rest = list;
    while let Some(pair) = ObjectRef::of(rest, Kind::Pair) {
        codes.push(u32::from(character("list->string", codes.len() + 1, pair.field(1))?));
        rest = pair.field(2);
    }
    if rest != Value::NIL {
        return Err(check::wrong("list->string", 1, "a list", list));
    }
    machine.string(codes.into_iter())
}

fn fill(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("string-fill!", 4)?;
    let string = object("string-fill!", 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?;
    let c = character("string-fill!", 2, all.get(1).unwrap_or(Value::NIL))?;
    for i in range("string-fill!", string.header().length(), all.get(2), all.get(3))? {
        // SAFETY: inside of the string.
        unsafe { string.data::<u32>().add(i).write(u32::from(c)) };
    }
    Ok(Value::UNSPECIFIED)
}
