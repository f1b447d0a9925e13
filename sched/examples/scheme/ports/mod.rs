//! Ports: objects of the heap, over channels outside of it.
//!
//! ```text
//!   port      flags   buffer   position   end   channel or #f   taken?
//!                        │        │         │
//!   input                [ read ..| to read | free ]        more comes from the channel
//!   output in memory     [ written          | free ]        grows; without channel
//!   other output         no buffer: the channel has its own
//! ```
//!
//! Text is UTF-8 on both sides, so textual and binary ports differ in a flag only. Nothing closes a port that a program
//! has forgotten: its channel is closed, and flushed, at the end of the program.
//!
//! What a port has in its buffer belongs to the task that [holds](held) it.

pub mod channel;
pub mod held;
pub mod input;
pub mod output;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::object;
use crate::scheme::value::Value;

const FLAGS: usize = 1;
const BUFFER: usize = 2;
const POSITION: usize = 3;
const END: usize = 4;
const CHANNEL: usize = 5;
/// Is a task in the middle of an operation? See [`held`].
const LOCK: usize = 6;
/// How many fields a port has.
pub const FIELDS: usize = 6;

/// What kind of port it is: bits of [`FLAGS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub usize);

impl Flags {
    /// Can be read.
    pub const INPUT: Flags = Flags(1);
    /// Can be written.
    pub const OUTPUT: Flags = Flags(2);
    /// Is of bytes, not of characters.
    pub const BINARY: Flags = Flags(4);
    /// Is not closed.
    pub const OPEN: Flags = Flags(8);

    /// All of both.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Are all of `other` among these?
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The words of a port over a standard stream, which is a constant of every program.
pub fn standard(channel: usize) -> (Header, [u64; FIELDS]) {
    let direction = if channel == channel::STDIN { Flags::INPUT } else { Flags::OUTPUT };
    let flags = Value::index(direction.and(Flags::OPEN).0);
    let words = [flags, Value::FALSE, Value::index(0), Value::index(0), Value::index(channel), Value::FALSE];
    (Header::with_length(Kind::Port, FIELDS), words.map(|word| word.0))
}

/// A port that is known to be one.
#[derive(Clone, Copy, Debug)]
pub struct Port(ObjectRef);

impl Port {
    /// A new port over `channel`, or in memory: `bytes` are what an input port reads.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn create(machine: &Machine<'_>, flags: Flags, bytes: &[u8], channel: Option<usize>) -> Outcome {
        let buffer = machine.bytevector(bytes)?;
        let end = if flags.has(Flags::INPUT) { bytes.len() } else { 0 };
        let flags = Value::index(flags.and(Flags::OPEN).0);
        let channel = channel.map_or(Value::FALSE, Value::index);
        let fields = [flags, buffer, Value::index(0), Value::index(end), channel, Value::FALSE];
        machine.object(Header::with_length(Kind::Port, FIELDS), &fields)
    }

    /// The port that argument `position` of `procedure` must be.
    ///
    /// # Errors
    ///
    /// [`Fault::WrongType`].
    pub fn any(procedure: &'static str, position: usize, value: Value) -> Result<Port, Fault> {
        object(procedure, position, value, Kind::Port).map(Port)
    }

    /// Its flags.
    pub fn flags(self) -> Flags {
        Flags(self.index(FLAGS))
    }

    fn index(self, field: usize) -> usize {
        self.0.field(field).as_index().unwrap_or(0)
    }

    /// The number of its channel.
    pub fn channel(self) -> Option<usize> {
        self.0.field(CHANNEL).as_index()
    }

    fn buffer(self) -> Option<ObjectRef> {
        ObjectRef::of(self.0.field(BUFFER), Kind::Bytevector)
    }
}
