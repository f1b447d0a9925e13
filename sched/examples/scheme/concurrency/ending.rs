//! The end of a program: when its own task has ended, or another one has called `exit`; and the errors of tasks that nobody has
//! joined.

use std::collections::BTreeMap;

use parking_lot::{Condvar, Mutex};

use crate::scheme::fault::Failure;
use crate::scheme::machine::Machine;
use crate::scheme::runtime::entry::{Entry, Job};
use crate::scheme::value::Value;

/// What is known of the end.
#[derive(Debug, Default)]
pub struct Ending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The program's own task has ended.
    is_over: bool,
    /// What a task has given to `exit`.
    exit: Option<i32>,
    failures: BTreeMap<usize, Failure>,
}

/// What a program's own task does: it counts among those that run, and its end is the program's.
#[derive(Debug)]
pub struct OfProgram<J>(pub J);

impl<J: Job> Job for OfProgram<J> {
    type Output = J::Output;

    fn begin(&mut self, machine: &Machine<'_>) -> Result<Entry, J::Output> {
        machine.scheme().exchange.lock().begin();
        self.0.begin(machine).inspect_err(|_| finish(machine))
    }

    fn end(&mut self, machine: &Machine<'_>, value: Value) -> J::Output {
        let output = self.0.end(machine, value);
        finish(machine);
        output
    }
}

fn finish(machine: &Machine<'_>) {
    machine.scheme().exchange.lock().end(machine);
    machine.scheme().ending.finish();
}

impl Ending {
    /// There will be a program to [wait](Ending::wait) for.
    pub fn expect(&self) {
        self.state.lock().is_over = false;
    }

    fn finish(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// A task has called `exit`.
    pub fn exit(&self, code: i32) {
        self.state.lock().exit.get_or_insert(code);
        self.changed.notify_all();
    }

    /// Blocks the thread until the program's own task has ended, or another has called `exit`: then with what code.
    pub fn wait(&self) -> Option<i32> {
        let mut state = self.state.lock();
        while !state.is_over && state.exit.is_none() {
            self.changed.wait(&mut state);
        }
        state.exit.filter(|_| !state.is_over)
    }

    /// A task has failed.
    pub fn add_failure(&self, task: usize, failure: Failure) {
        self.state.lock().failures.insert(task, failure);
    }

    /// Somebody has joined it.
    pub fn forgive(&self, task: usize) {
        self.state.lock().failures.remove(&task);
    }

    /// The failures that nobody has asked for, once.
    pub fn take_failures(&self) -> BTreeMap<usize, Failure> {
        std::mem::take(&mut self.state.lock().failures)
    }
}
