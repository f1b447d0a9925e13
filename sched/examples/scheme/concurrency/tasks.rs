//! Tasks that programs start: an object each, with what they end with.
//!
//! ```text
//!   task   number   state   thunk, then result or what was raised   first and last joiner   parameters   code
//! ```
//!
//! The object is a root of its own task from start to end, and of the language until the task has begun.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::scheme::continuation::state::Dynamic;
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::object;
use crate::scheme::runtime::conditions;
use crate::scheme::runtime::entry::{self, Entry, Job};
use crate::scheme::value::Value;

use super::clause::Queue;

const NUMBER: usize = 1;
const STATE: usize = 2;
/// A procedure without arguments at first, then what the task has ended with.
const CONTENT: usize = 3;
const JOINERS: usize = 4;
const PARAMETERS: usize = 6;
/// Address of the code of the procedure.
const CODE: usize = 7;
const FIELDS: usize = 7;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Returned,
    Failed,
}

/// A task, as programs see it.
#[derive(Clone, Copy, Debug)]
pub struct TaskObject(ObjectRef);

impl TaskObject {
    /// Of an object of [`Kind::Task`].
    pub fn new(object: ObjectRef) -> TaskObject {
        TaskObject(object)
    }

    /// The task that `value` is.
    pub fn of(value: Value) -> Option<TaskObject> {
        ObjectRef::of(value, Kind::Task).map(TaskObject)
    }

    /// Tasks are counted from 1.
    pub fn number(self) -> usize {
        self.0.field(NUMBER).as_index().unwrap_or(0)
    }

    /// The code that it began with.
    pub fn code(self) -> usize {
        self.0.field(CODE).as_index().unwrap_or(0)
    }

    /// Who waits for its end.
    pub fn joiners(self) -> Queue {
        Queue::new(self.0, JOINERS)
    }

    /// Has it ended? Asked under the lock of the exchange.
    pub fn has_ended(self) -> bool {
        self.stage() != Stage::Running
    }

    fn stage(self) -> Stage {
        match self.0.field(STATE).as_index() {
            Some(0) => Stage::Running,
            Some(1) => Stage::Returned,
            _ => Stage::Failed,
        }
    }

    fn set_stage(self, machine: &Machine<'_>, stage: Stage) {
        machine.store(self.0, STATE, Value::index(stage as usize));
    }
}

/// Tasks that have been made and have not begun, by number: nobody else may have them.
#[derive(Debug, Default)]
pub struct Nursery {
    tasks: Mutex<HashMap<usize, Value>>,
    last: std::sync::atomic::AtomicUsize,
}

impl Nursery {
    fn next_number(&self) -> usize {
        self.last.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
    }

    /// Shows the tasks.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        self.tasks.lock().values().for_each(|task| visit(task.0 as usize));
    }
}

/// `(%spawn thunk)`: a task that will call `thunk`.
///
/// # Errors
///
/// [`Fault::Unfit`] if there is no stack for it, [`Fault::OutOfMemory`].
pub fn spawn(machine: &Machine<'_>, thunk: Value) -> Outcome {
    let scheme = machine.scheme();
    let code = object("spawn", 1, thunk, Kind::Closure)?.field(1).0 as usize;
    let number = scheme.nursery.next_number();
    let mut fields = [Value::FALSE; FIELDS];
    fields[NUMBER - 1] = Value::index(number);
    fields[STATE - 1] = Value::index(Stage::Running as usize);
    fields[CONTENT - 1] = thunk;
    fields[CODE - 1] = Value::index(code);
    fields[PARAMETERS - 1] = machine.state().continuation.dynamic(Dynamic::Parameters);
    let task = machine.object(Header::with_length(Kind::Task, FIELDS), &fields)?;
    scheme.nursery.tasks.lock().insert(number, task);
    machine.shade(task);
    scheme.exchange.lock().begin();
    match entry::spawn(machine.current(), Spawned(number)) {
        Ok(_) => Ok(task),
        Err(error) => {
            scheme.nursery.tasks.lock().remove(&number);
            scheme.exchange.lock().end(machine);
            Err(Fault::Unfit { procedure: "spawn", what: error.to_string() })
        }
    }
}

/// What a spawned task does: its number says which it is.
struct Spawned(usize);

impl Job for Spawned {
    type Output = ();

    fn begin(&mut self, machine: &Machine<'_>) -> Result<Entry, ()> {
        Ok(begin(machine, self.0))
    }

    fn end(&mut self, machine: &Machine<'_>, value: Value) {
        end(machine, value);
    }
}

/// The task's first step: its object becomes its own. Returns what it is to call, which stays reachable from there.
fn begin(machine: &Machine<'_>, number: usize) -> Entry {
    let nursery = &machine.scheme().nursery;
    let own = nursery.tasks.lock().get(&number).copied().unwrap_or(Value::FALSE);
    machine.state().set_own(own);
    machine.shade(own);
    nursery.tasks.lock().remove(&number);
    let task = ObjectRef::of(own, Kind::Task);
    machine.set_dynamic(Dynamic::Parameters, task.map_or(Value::NIL, |task| task.field(PARAMETERS)));
    let closure = task.map_or(Value::FALSE, |task| task.field(CONTENT));
    Entry { code: TaskObject::of(own).map_or(0, TaskObject::code), closure }
}

/// The task's last step, with what it has returned. No safepoint lies between the return and this.
fn end(machine: &Machine<'_>, returned: Value) {
    let Some(task) = TaskObject::of(machine.state().own()) else { return };
    let stage = match machine.state().take_failure() {
        None => {
            machine.store(task.0, CONTENT, returned);
            Stage::Returned
        }
        // The program ends. Nobody who waits for this task sees anything.
        Some(Failure { fault: Fault::Exit(code), .. }) => return machine.scheme().ending.exit(code),
        Some(failure) => {
            fail(machine, task, failure);
            Stage::Failed
        }
    };
    let mut exchange = machine.scheme().exchange.lock();
    task.set_stage(machine, stage);
    while let Some(joiner) = task.joiners().first() {
        exchange.fire(machine, joiner, task.0.value());
    }
    exchange.end(machine);
    drop(exchange);
    machine.state().set_own(Value::FALSE);
}

/// A task was left with a failure, which nobody knows of yet.
fn fail(machine: &Machine<'_>, task: TaskObject, failure: Failure) {
    // What was raised is there already; faults that cannot be raised become a condition.
    if !matches!(failure.fault, Fault::Uncaught(_)) {
        let condition = conditions::of_fault(machine, &failure.fault);
        machine.store(task.0, CONTENT, condition);
    }
    machine.scheme().ending.add_failure(task.number(), failure);
}

/// A task is about to be left because nobody handles `raised`: whoever joins it will.
pub fn note_raised(machine: &Machine<'_>, raised: Value) {
    if let Some(task) = TaskObject::of(machine.state().own()) {
        machine.store(task.0, CONTENT, raised);
    }
}

/// What a task that has ended has returned or raised, and whether it was the latter. The error is the joiner's from now on.
pub fn outcome(machine: &Machine<'_>, task: TaskObject) -> (Value, bool) {
    let _exchange = machine.scheme().exchange.lock();
    let failed = task.stage() == Stage::Failed;
    if failed {
        machine.scheme().ending.forgive(task.number());
    }
    (task.0.field(CONTENT), failed)
}
