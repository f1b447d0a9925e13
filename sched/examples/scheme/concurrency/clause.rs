//! Waiters, clauses and queues: objects on the heap that only runtime code sees.
//!
//! ```text
//!   waiter   #(fired value task deadline clause …)      made by the prelude, all #f
//!   clause   #(operation object value waiter index previous next)
//!   queue    two fields of a channel or task: first and last clause, or #f
//! ```
//!
//! `fired` is the index of the clause that happened, `value` what came of it.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::check::{object, wrong};
use crate::scheme::value::Value;

/// What a clause waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A value from a channel.
    Receive,
    /// Room for a value in a channel.
    Send,
    /// The end of a task.
    Join,
}

const OPERATION: usize = 1;
const OBJECT: usize = 2;
const VALUE: usize = 3;
const WAITER: usize = 4;
const INDEX: usize = 5;
const PREVIOUS: usize = 6;
const NEXT: usize = 7;
const CLAUSE_WORDS: usize = 7;

/// One thing that may happen.
#[derive(Clone, Copy, Debug)]
pub struct Clause(ObjectRef);

impl Clause {
    fn of(value: Value) -> Option<Clause> {
        let object = ObjectRef::of(value, Kind::Vector)?;
        (object.header().length() == CLAUSE_WORDS).then_some(Clause(object))
    }

    /// What it waits for, and the channel or task.
    ///
    /// # Errors
    ///
    /// [`Fault::WrongType`] if the object is none.
    pub fn subject(self) -> Result<(Operation, ObjectRef), Fault> {
        let subject = self.0.field(OBJECT);
        let (operation, procedure, kind) = match self.0.field(OPERATION).as_fixnum() {
            Some(0) => (Operation::Receive, "channel-receive", Kind::Channel),
            Some(1) => (Operation::Send, "channel-send", Kind::Channel),
            _ => (Operation::Join, "join", Kind::Task),
        };
        object(procedure, 1, subject, kind).map(|object| (operation, object))
    }

    /// What is to be sent.
    pub fn value(self) -> Value {
        self.0.field(VALUE)
    }

    /// Who waits. Set when it is in a queue.
    pub fn waiter(self) -> Option<Waiter> {
        Waiter::of(self.0.field(WAITER))
    }

    /// Its place among the waiter's.
    pub fn index(self) -> Value {
        self.0.field(INDEX)
    }
}

/// A task that waits for one of several things.
#[derive(Clone, Copy, Debug)]
pub struct Waiter(ObjectRef);

const FIRED: usize = 1;
const CAME: usize = 2;
const TASK: usize = 3;
const DEADLINE: usize = 4;
const FIRST_CLAUSE: usize = 5;

impl Waiter {
    /// The waiter that `value` is.
    pub fn of(value: Value) -> Option<Waiter> {
        ObjectRef::of(value, Kind::Vector).map(Waiter)
    }

    /// The waiter that a primitive was given.
    ///
    /// # Errors
    ///
    /// [`Fault::WrongType`]; the prelude passes nothing else.
    pub fn expect(value: Value) -> Result<Waiter, Fault> {
        let waiter = Waiter::of(value).filter(|waiter| waiter.0.header().length() + 1 >= FIRST_CLAUSE);
        waiter.ok_or_else(|| wrong("select", 1, "a waiter", value))
    }

    /// As a value.
    pub fn object(self) -> Value {
        self.0.value()
    }

    /// Index of the clause that happened, or `#f`.
    pub fn fired(self) -> Value {
        self.0.field(FIRED)
    }

    /// What came of it.
    pub fn came(self) -> Value {
        self.0.field(CAME)
    }

    /// Notes what happened.
    pub fn fire(self, machine: &Machine<'_>, index: Value, value: Value) {
        machine.store(self.0, FIRED, index);
        machine.store(self.0, CAME, value);
    }

    /// The scheduler's number of the task that waits.
    pub fn task(self) -> u64 {
        self.0.field(TASK).as_index().unwrap_or(0) as u64
    }

    /// Until when, in nanoseconds of [`wait::clock`](super::wait::clock); `None` for ever.
    pub fn deadline(self) -> Option<u64> {
        self.0.field(DEADLINE).as_index().map(|nanoseconds| nanoseconds as u64)
    }

    /// Makes it the waiter of this task.
    pub fn prepare(self, machine: &Machine<'_>, deadline: Option<u64>) {
        machine.store(self.0, TASK, Value::index(machine.current().task().id() as usize));
        let deadline = deadline.map_or(Value::FALSE, |nanoseconds| Value::index(nanoseconds as usize));
        machine.store(self.0, DEADLINE, deadline);
    }

    /// How many clauses it has.
    pub fn len(self) -> usize {
        (self.0.header().length() + 1).saturating_sub(FIRST_CLAUSE)
    }

    /// Clause `index`.
    pub fn clause(self, index: usize) -> Option<Clause> {
        (index < self.len()).then(|| Clause::of(self.0.field(FIRST_CLAUSE + index))).flatten()
    }

    /// All of them.
    pub fn clauses(self) -> impl Iterator<Item = Clause> {
        (0..self.len()).filter_map(move |index| self.clause(index))
    }
}

/// A queue of clauses in two fields of an object.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    owner: ObjectRef,
    first: usize,
}

impl Queue {
    /// The queue in the fields `first` and `first + 1`, which begin as `#f`.
    pub fn new(owner: ObjectRef, first: usize) -> Queue {
        Queue { owner, first }
    }

    /// The clause that has waited longest.
    pub fn first(self) -> Option<Clause> {
        Clause::of(self.owner.field(self.first))
    }

    /// Puts `clause` of `waiter` at the end.
    pub fn push(self, machine: &Machine<'_>, clause: Clause, waiter: Waiter, index: usize) {
        let last = self.owner.field(self.first + 1);
        machine.store(clause.0, WAITER, waiter.object());
        machine.store(clause.0, INDEX, Value::index(index));
        machine.store(clause.0, PREVIOUS, last);
        machine.store(clause.0, NEXT, Value::FALSE);
        self.link(machine, last, NEXT, self.first, clause.0.value());
        machine.store(self.owner, self.first + 1, clause.0.value());
    }

    /// Takes `clause`, which is in this queue, out.
    pub fn remove(self, machine: &Machine<'_>, clause: Clause) {
        let (previous, next) = (clause.0.field(PREVIOUS), clause.0.field(NEXT));
        self.link(machine, previous, NEXT, self.first, next);
        self.link(machine, next, PREVIOUS, self.first + 1, previous);
        machine.store(clause.0, PREVIOUS, Value::FALSE);
        machine.store(clause.0, NEXT, Value::FALSE);
    }

    /// Stores `value` in the neighbour's `field`, or where there is none, in the owner's `end`.
    fn link(self, machine: &Machine<'_>, neighbour: Value, field: usize, end: usize, value: Value) {
        match Clause::of(neighbour) {
            Some(clause) => machine.store(clause.0, field, value),
            None => machine.store(self.owner, end, value),
        }
    }
}
