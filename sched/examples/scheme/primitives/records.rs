//! Records: what `define-record-type` and promises are made of. Word 1 is the type, fields follow.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{element, object};
use super::write::{displayed, shortened};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("%record", 1, record),
        Primitive::two("%make-record-type", |machine, name, fields| {
            machine.object(Header::with_length(Kind::Record, 3), &[Value::FALSE, name, fields])
        }),
        Primitive::two("%record-of?", |_, x, record_type| {
            let record = ObjectRef::of(x, Kind::Record);
            Ok(Value::boolean(record.is_some_and(|record| record.field(1) == record_type)))
        }),
        Primitive::two("%record-ref", |_, record, index| {
            let (record, word) = field("%record-ref", record, index)?;
            Ok(record.field(word))
        }),
        Primitive::three("%record-set!", |machine, record, index, value| {
            let (record, word) = field("%record-set!", record, index)?;
            machine.store(record, word, value);
            Ok(Value::UNSPECIFIED)
        }),
        Primitive::three("%no-record", |_, accessor, x, record_type| Err(refuse(accessor, x, record_type))),
        Primitive::two("%procedure-takes?", |_, f, count| {
            let closure = object("%procedure-takes?", 1, f, Kind::Closure)?;
            let takes = count.as_index().is_some_and(|count| closure.header().arity().takes(count));
            Ok(Value::boolean(takes))
        }),
    ]
}

fn record(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let count = all.len();
    let record = machine.sequence(Header::with_length(Kind::Record, count), count)?;
    for (i, value) in all.iter().enumerate() {
        machine.store(record, 1 + i, value);
    }
    Ok(record.value())
}

fn field(procedure: &'static str, record: Value, index: Value) -> Result<(ObjectRef, usize), Fault> {
    let record = object(procedure, 1, record, Kind::Record)?;
    let index = element(procedure, index, record.header().length() - 1)?;
    Ok((record, 2 + index))
}

/// The name of a record type, without the brackets that some write around it.
pub fn type_name(record_type: Value) -> Option<String> {
    let record_type = ObjectRef::of(record_type, Kind::Record).filter(|t| t.header().length() == 3)?;
    let name = displayed(record_type.field(2));
    Some(name.trim_start_matches('<').trim_end_matches('>').to_owned())
}

fn refuse(accessor: Value, x: Value, record_type: Value) -> Fault {
    let expected = type_name(record_type).unwrap_or_else(|| "record".to_owned());
    Fault::WrongRecord { accessor: displayed(accessor), expected, got: shortened(x) }
}
