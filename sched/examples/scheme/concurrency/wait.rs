//! Waiting: a task tries all clauses of its waiter, enters the queues, and parks until one of them fires or its time is over.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::numbers::Number;
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::wrong;
use crate::scheme::runtime::backtrace;
use crate::scheme::value::Value;

use super::channel::{Channel, REFUSED, closed};
use super::clause::{Clause, Operation, Waiter};
use super::exchange::{Locked, queue_of};
use super::tasks::TaskObject;

/// What deadlines count from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since then.
pub fn clock() -> u64 {
    START.elapsed().as_nanos() as u64
}

/// Longest wait: a hundred years, which every clock can add to now.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86400);

/// A wait in milliseconds, as programs give it. `None` for `#f`: without end.
///
/// # Errors
///
/// [`Fault::WrongType`] for what is no time.
fn duration(value: Value) -> Result<Option<Duration>, Fault> {
    if value == Value::FALSE {
        return Ok(None);
    }
    let milliseconds = Number::of(value).map(|n| n.inexact()).filter(|n| *n >= 0.0);
    let milliseconds =
        milliseconds.ok_or_else(|| wrong("timeout", 1, "a number of milliseconds, not negative", value))?;
    Ok(Some(Duration::try_from_secs_f64(milliseconds / 1e3).map_or(LONGEST, |wait| wait.min(LONGEST))))
}

/// Tries the clauses of a waiter; if none can be done now, enters their queues, unless there is no time to wait. `#f` means that the task has to
/// [`finish`] waiting.
///
/// # Errors
///
/// A clause that cannot be waited for; nothing has happened then.
pub fn start(machine: &Machine<'_>, waiter: Value, timeout: Value) -> Outcome {
    let waiter = Waiter::expect(waiter)?;
    let wait = duration(timeout)?;
    waiter.clauses().try_for_each(|clause| clause.subject().map(drop))?;
    waiter.prepare(machine, wait.map(|wait| clock() + wait.as_nanos() as u64));
    let mut exchange = machine.scheme().exchange.lock();
    if try_all(machine, &mut exchange, waiter)? || wait == Some(Duration::ZERO) {
        return Ok(Value::TRUE);
    }
    for (index, clause) in waiter.clauses().enumerate() {
        if let Some(queue) = queue_of(clause) {
            queue.push(machine, clause, waiter, index);
        }
    }
    machine.state().set_waiting(waiter.object());
    machine.shade(waiter.object());
    exchange.block(machine, waiter);
    drop(exchange);
    if let Some(deadline) = waiter.deadline() {
        let at = *START + Duration::from_nanos(deadline);
        machine.state().set_alarm(Some(machine.current().alarm_at(at)));
    }
    Ok(Value::FALSE)
}

/// Does what can be done at once, beginning anywhere.
fn try_all(machine: &Machine<'_>, exchange: &mut Locked<'_>, waiter: Waiter) -> Result<bool, Fault> {
    let count = waiter.len();
    let first = machine.scheme().exchange.turn(count);
    for index in (first..count).chain(0..first) {
        let Some(clause) = waiter.clause(index) else { continue };
        if let Some(value) = try_one(machine, exchange, clause)? {
            waiter.fire(machine, Value::index(index), value);
            return Ok(true);
        }
    }
    Ok(false)
}

fn try_one(machine: &Machine<'_>, exchange: &mut Locked<'_>, clause: Clause) -> Result<Option<Value>, Fault> {
    let (operation, object) = clause.subject()?;
    match operation {
        Operation::Receive => Ok(Channel::new(object).take(machine, exchange)),
        Operation::Send => {
            let done = Channel::new(object).put(machine, exchange, clause.value())?;
            Ok(done.then_some(Value::UNSPECIFIED))
        }
        Operation::Join => Ok(TaskObject::new(object).has_ended().then_some(object.value())),
    }
}

/// Waits for the end of what [`start`] began.
///
/// # Errors
///
/// [`Fault::Unfit`] if it was to send and the channel was closed, [`Fault::Deadlock`].
pub fn finish(machine: &Machine<'_>) -> Outcome {
    loop {
        if let Some(outcome) = look(machine) {
            machine.state().set_waiting(Value::FALSE);
            if let Some(alarm) = machine.state().set_alarm(None) {
                machine.current().cancel(alarm);
            }
            return outcome;
        }
        if machine.current().is_managed() {
            // Goes on in `again`, with no native stack meanwhile.
            machine.current().park_and_call(again);
            return Ok(Value::UNSPECIFIED);
        }
        machine.current().park();
    }
}

/// Somebody has unparked a task that gave its native stack back.
extern "C-unwind" fn again(task: *const Task) -> usize {
    // SAFETY: the scheduler passes the task that it resumes.
    let machine = unsafe { Machine::from_raw(task) };
    machine.deliver(finish(&machine)).0 as usize
}

/// Is the wait over? Answers who asks where it waits, on the way.
fn look(machine: &Machine<'_>) -> Option<Outcome> {
    let Some(waiter) = Waiter::of(machine.state().waiting()) else { return Some(Ok(Value::UNSPECIFIED)) };
    let id = machine.current().task().id();
    let mut exchange = machine.scheme().exchange.lock();
    if waiter.fired() != Value::FALSE {
        let refused = waiter.came() == REFUSED;
        return Some(if refused { Err(closed()) } else { Ok(Value::UNSPECIFIED) });
    }
    if exchange.is_asked(id) {
        drop(exchange);
        let text = whereabouts(machine, waiter);
        exchange = machine.scheme().exchange.lock();
        exchange.say(id, text);
    }
    if let Some(others) = exchange.deadlock(machine, waiter) {
        return Some(Err(Fault::Deadlock { awaited: awaited(waiter), others }));
    }
    if waiter.deadline().is_some_and(|deadline| deadline <= clock()) {
        exchange.time_out(machine, waiter);
        return Some(Ok(Value::UNSPECIFIED));
    }
    None
}

/// `task 3 waits for (channel-receive #<channel 1>)`, and its backtrace.
fn whereabouts(machine: &Machine<'_>, waiter: Waiter) -> String {
    let number = TaskObject::of(machine.state().own()).map_or(0, TaskObject::number);
    let place =
        backtrace::describe(machine, Fault::Deadlock { awaited: awaited(waiter), others: Vec::new() });
    format!("task {number} waits for {}{}", awaited(waiter), place.backtrace())
}

/// What a waiter waits for, as the program has written it.
fn awaited(waiter: Waiter) -> String {
    let clauses: Vec<String> = waiter.clauses().filter_map(clause_text).collect();
    match clauses.as_slice() {
        [] => "nothing".into(),
        [one] => one.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

fn clause_text(clause: Clause) -> Option<String> {
    let (operation, object) = clause.subject().ok()?;
    Some(match operation {
        Operation::Receive => format!("(channel-receive #<channel {}>)", Channel::new(object).number()),
        Operation::Send => format!("(channel-send #<channel {}> ...)", Channel::new(object).number()),
        Operation::Join => format!("(join #<task {}>)", TaskObject::new(object).number()),
    })
}
