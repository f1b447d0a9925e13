//! Tasks and channels: what `prelude/concurrency.scm` is made of. How it works is told in [`concurrency`](crate::scheme::concurrency).

use crate::scheme::concurrency::channel::{self, Channel, REFUSED};
use crate::scheme::concurrency::tasks::{self, TaskObject};
use crate::scheme::concurrency::wait;
use crate::scheme::fault::{Fault, Sort};
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::conditions::{Condition, make};
use crate::scheme::value::Value;

use super::check::object;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    [tasks(), channels(), waiting()].concat()
}

fn tasks() -> Vec<Primitive> {
    vec![
        Primitive::one("%spawn", tasks::spawn),
        Primitive::one("task?", |_, v| is(v, Kind::Task)),
        Primitive::one("%task-ended?", |machine, task| {
            let task = task_of(task)?;
            let _exchange = machine.scheme().exchange.lock();
            Ok(Value::boolean(task.has_ended()))
        }),
        Primitive::one("%task-failed?", |m, task| Ok(Value::boolean(tasks::outcome(m, task_of(task)?).1))),
        Primitive::one("%task-content", |m, task| Ok(tasks::outcome(m, task_of(task)?).0)),
        Primitive::none("yield", |machine| {
            machine.current().yield_now();
            Ok(Value::UNSPECIFIED)
        }),
    ]
}

fn channels() -> Vec<Primitive> {
    vec![
        Primitive::many("make-channel", 0, |machine, all| {
            all.at_most("make-channel", 1)?;
            channel::make(machine, all.get(0).unwrap_or(Value::index(0)))
        }),
        Primitive::one("channel?", |_, v| is(v, Kind::Channel)),
        Primitive::one("%channel-take", |machine, channel| {
            let channel = channel_of("channel-receive", channel)?;
            Ok(channel.take(machine, &mut machine.scheme().exchange.lock()).unwrap_or(REFUSED))
        }),
        Primitive::one("%nothing?", |_, v| Ok(Value::boolean(v == REFUSED))),
        Primitive::two("%channel-put", |machine, channel, value| {
            let channel = channel_of("channel-send", channel)?;
            channel.put(machine, &mut machine.scheme().exchange.lock(), value).map(Value::boolean)
        }),
        Primitive::one("channel-close", |machine, channel| {
            let channel = channel_of("channel-close", channel)?;
            channel.close(machine, &mut machine.scheme().exchange.lock());
            Ok(Value::UNSPECIFIED)
        }),
        Primitive::one("channel-closed?", |machine, channel| {
            let channel = channel_of("channel-closed?", channel)?;
            let _exchange = machine.scheme().exchange.lock();
            Ok(Value::boolean(channel.is_closed()))
        }),
    ]
}

fn waiting() -> Vec<Primitive> {
    vec![
        Primitive::two("%start-waiting", wait::start),
        Primitive::none("%finish-waiting", wait::finish),
        Primitive::two("%make-timeout-error", |m, message, irritants| {
            make(m, Sort::Timeout, message, irritants)
        }),
        Primitive::one("timeout-error?", |_, x| {
            Ok(Value::boolean(Condition::of(x).is_some_and(|condition| condition.is(Sort::Timeout))))
        }),
    ]
}

fn is(value: Value, kind: Kind) -> Outcome {
    Ok(Value::boolean(ObjectRef::of(value, kind).is_some()))
}

fn task_of(value: Value) -> Result<TaskObject, Fault> {
    object("join", 1, value, Kind::Task).map(TaskObject::new)
}

fn channel_of(procedure: &'static str, value: Value) -> Result<Channel, Fault> {
    object(procedure, 1, value, Kind::Channel).map(Channel::new)
}
