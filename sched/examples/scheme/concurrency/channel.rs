//! Channels: values in the order in which they were sent, and who waits for some or for room.
//!
//! A channel of capacity 0 hands each value from a sender that waits to a receiver that does.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::index;
use crate::scheme::value::Value;

use super::clause::Queue;
use super::exchange::Locked;

const NUMBER: usize = 1;
/// A vector, used as a ring.
const VALUES: usize = 2;
/// Index of the oldest value.
const OLDEST: usize = 3;
const COUNT: usize = 4;
const CLOSED: usize = 5;
const RECEIVERS: usize = 6;
const SENDERS: usize = 8;
const FIELDS: usize = 9;

/// What a sender finds in its waiter whose channel was closed. Programs never see it.
pub const REFUSED: Value = Value::UNASSIGNED;

/// A channel. Its methods are called under the lock of the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Channel(ObjectRef);

impl Channel {
    /// Of an object of [`Kind::Channel`].
    pub fn new(object: ObjectRef) -> Channel {
        Channel(object)
    }

    /// What programs see of it.
    pub fn number(self) -> usize {
        self.0.field(NUMBER).as_index().unwrap_or(0)
    }

    /// Who waits for values.
    pub fn receivers(self) -> Queue {
        Queue::new(self.0, RECEIVERS)
    }

    /// Who waits for room.
    pub fn senders(self) -> Queue {
        Queue::new(self.0, SENDERS)
    }

    /// Is it closed?
    pub fn is_closed(self) -> bool {
        self.0.field(CLOSED) == Value::TRUE
    }

    fn index(self, field: usize) -> usize {
        self.0.field(field).as_index().unwrap_or(0)
    }

    /// The ring, and its length.
    fn ring(self) -> Option<(ObjectRef, usize)> {
        let ring = ObjectRef::of(self.0.field(VALUES), Kind::Vector)?;
        Some((ring, ring.header().length()))
    }

    /// Takes a value: the oldest one, or that of a sender, or the end of file if there will be none. `None`: not yet.
    pub fn take(self, machine: &Machine<'_>, exchange: &mut Locked<'_>) -> Option<Value> {
        let sender = self.senders().first();
        if let Some(value) = self.oldest(machine) {
            if let Some(sender) = sender {
                self.keep(machine, sender.value());
                exchange.fire(machine, sender, Value::UNSPECIFIED);
            }
            return Some(value);
        }
        if let Some(sender) = sender {
            exchange.fire(machine, sender, Value::UNSPECIFIED);
            return Some(sender.value());
        }
        self.is_closed().then_some(Value::EOF)
    }

    /// Hands `value` to a receiver or keeps it; `false`: not yet.
    ///
    /// # Errors
    ///
    /// [`Fault::Unfit`] if the channel is closed.
    pub fn put(self, machine: &Machine<'_>, exchange: &mut Locked<'_>, value: Value) -> Result<bool, Fault> {
        if self.is_closed() {
            return Err(closed());
        }
        if let Some(receiver) = self.receivers().first() {
            exchange.fire(machine, receiver, value);
            return Ok(true);
        }
        Ok(self.keep(machine, value))
    }

    /// No more values. Receivers get the end of file when those that are there are gone, senders that wait are refused.
    pub fn close(self, machine: &Machine<'_>, exchange: &mut Locked<'_>) {
        machine.store(self.0, CLOSED, Value::TRUE);
        while let Some(receiver) = self.receivers().first() {
            exchange.fire(machine, receiver, Value::EOF);
        }
        while let Some(sender) = self.senders().first() {
            exchange.fire(machine, sender, REFUSED);
        }
    }

    fn oldest(self, machine: &Machine<'_>) -> Option<Value> {
        let (ring, length) = self.ring()?;
        let (at, count) = (self.index(OLDEST), self.index(COUNT));
        if count == 0 {
            return None;
        }
        let value = ring.field(1 + at);
        machine.store(ring, 1 + at, Value::FALSE);
        machine.store(self.0, OLDEST, Value::index((at + 1) % length));
        machine.store(self.0, COUNT, Value::index(count - 1));
        Some(value)
    }

    /// Puts a value behind the others, if there is room.
    fn keep(self, machine: &Machine<'_>, value: Value) -> bool {
        let Some((ring, length)) = self.ring() else { return false };
        let count = self.index(COUNT);
        if count == length {
            return false;
        }
        machine.store(ring, 1 + (self.index(OLDEST) + count) % length, value);
        machine.store(self.0, COUNT, Value::index(count + 1));
        true
    }
}

/// What a send to a closed channel is told.
pub fn closed() -> Fault {
    Fault::Unfit { procedure: "channel-send", what: "the channel is closed".into() }
}

/// `(make-channel capacity)`.
///
/// # Errors
///
/// [`Fault::WrongType`], [`Fault::OutOfMemory`].
pub fn make(machine: &Machine<'_>, capacity: Value) -> Outcome {
    let capacity = index("make-channel", 1, capacity)?;
    let values = machine.vector(capacity, Value::FALSE)?;
    let mut fields = [Value::FALSE; FIELDS];
    fields[NUMBER - 1] = Value::index(machine.scheme().exchange.next_channel());
    fields[VALUES - 1] = values;
    (fields[OLDEST - 1], fields[COUNT - 1]) = (Value::index(0), Value::index(0));
    machine.object(Header::with_length(Kind::Channel, FIELDS), &fields)
}

#[cfg(test)]
mod tests {
    use gc_mark::{Heap, Object};

    use super::*;
    use crate::scheme::tests::{MODES, runtime_for};
    use crate::scheme::{Options, build};

    const VALUES_SENT: usize = 50;

    /// Pairs that nobody refers to, to be found by their addresses turned round.
    #[inline(never)]
    fn hidden(machine: &Machine<'_>) -> Vec<u64> {
        let nil = Value::NIL;
        (0..VALUES_SENT)
            .map(|_| !machine.object(Header::with_length(Kind::Pair, 2), &[nil, nil]).unwrap().0)
            .collect()
    }

    /// Values that only a channel has, from some time in the middle of a cycle on, outlive the cycle (I3).
    #[test]
    fn what_is_sent_while_marking_is_marked() {
        for spacing in MODES {
            let scheme = build("none", "", Options::default()).expect("no program");
            let runtime = runtime_for(spacing, 1 << 20, scheme);
            let task = runtime.spawn(|current| {
                // SAFETY: this very task runs.
                let machine = unsafe { Machine::from_raw(current.task()) };
                let channel = make(&machine, Value::index(VALUES_SENT)).unwrap();
                let values = hidden(&machine);
                let is_marked = |&value: &u64| machine.scheme().heap.is_marked(Object((!value) as usize));
                current.request_collection();
                while !current.is_marking() {
                    current.safepoint();
                }
                // No safepoint from here on: marking goes on until there is one.
                let before = values.iter().filter(|&value| is_marked(value)).count();
                for value in &values {
                    let put = Channel(ObjectRef::any(channel).unwrap()).put(
                        &machine,
                        &mut machine.scheme().exchange.lock(),
                        Value(!value),
                    );
                    assert!(matches!(put, Ok(true)));
                }
                (before, values.iter().filter(|&value| is_marked(value)).count())
            });
            let (before, after) = task.expect("a stack").join().expect("no panic");
            assert!(before < VALUES_SENT, "somebody else knew them all");
            assert_eq!(after, VALUES_SENT, "{spacing:?}");
        }
    }
}
