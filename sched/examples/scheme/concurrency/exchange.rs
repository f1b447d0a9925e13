//! Who waits and who does not, under one lock; and what follows when nobody can go on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::scheme::machine::{Machine, Task};
use crate::scheme::value::Value;

use super::channel::Channel;
use super::clause::{Clause, Operation, Queue, Waiter};
use super::tasks::TaskObject;

/// Most tasks that a report of a deadlock shows, besides the program.
const SHOWN: usize = 20;

/// What the tasks of a program have in common.
#[derive(Debug, Default)]
pub struct Exchange {
    state: Mutex<State>,
    channels: AtomicUsize,
    turns: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Tasks that are not blocked (rule 4).
    running: usize,
    /// Blocked ones that a clock will wake.
    timed: usize,
    /// By the scheduler's number.
    blocked: HashMap<u64, Blocked>,
    report: Option<Report>,
}

#[derive(Debug)]
struct Blocked {
    task: Arc<Task>,
    is_timed: bool,
}

/// A deadlock: each task that waits says where, and then the program is told.
#[derive(Debug, Default)]
struct Report {
    /// Who has not said anything yet.
    asked: HashSet<u64>,
    said: BTreeMap<u64, String>,
    omitted: usize,
}

impl Exchange {
    /// Takes the lock. No allocation and no safepoint until it is given back (rule 1).
    pub fn lock(&self) -> Locked<'_> {
        Locked(self.state.lock())
    }

    /// A number for a new channel.
    pub fn next_channel(&self) -> usize {
        self.channels.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A number below `count`, fair in the long run: which clause of a `select` is looked at first.
    pub fn turn(&self, count: usize) -> usize {
        let mixed =
            self.turns.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize);
        (mixed >> 32) % count.max(1)
    }
}

/// The exchange, locked.
#[derive(Debug)]
pub struct Locked<'a>(MutexGuard<'a, State>);

impl Locked<'_> {
    /// A task will run.
    pub fn begin(&mut self) {
        self.0.running += 1;
    }

    /// A task has ended, or did not begin after all.
    pub fn end(&mut self, machine: &Machine<'_>) {
        self.0.running -= 1;
        self.look_for_deadlock(machine);
    }

    /// This task waits, and is in all queues.
    pub fn block(&mut self, machine: &Machine<'_>, waiter: Waiter) {
        let is_timed = waiter.deadline().is_some();
        let task = machine.current().handle();
        self.0.blocked.insert(task.id(), Blocked { task, is_timed });
        self.0.timed += usize::from(is_timed);
        self.0.running -= 1;
        self.look_for_deadlock(machine);
    }

    /// The task goes on.
    fn unblock(&mut self, task: u64) -> Option<Arc<Task>> {
        let Blocked { task, is_timed } = self.0.blocked.remove(&task)?;
        self.0.timed -= usize::from(is_timed);
        self.0.running += 1;
        Some(task)
    }

    /// What `clause` waits for happens: its waiter leaves all queues, and its task goes on.
    pub fn fire(&mut self, machine: &Machine<'_>, clause: Clause, value: Value) {
        let Some(waiter) = clause.waiter() else { return };
        leave_queues(machine, waiter);
        waiter.fire(machine, clause.index(), value);
        if let Some(task) = self.unblock(waiter.task()) {
            task.unpark();
        }
    }

    /// This task has waited long enough.
    pub fn time_out(&mut self, machine: &Machine<'_>, waiter: Waiter) {
        leave_queues(machine, waiter);
        self.unblock(waiter.task());
    }

    /// Shall this task say where it waits?
    pub fn is_asked(&self, task: u64) -> bool {
        self.0.report.as_ref().is_some_and(|report| report.asked.contains(&task))
    }

    /// Says where.
    pub fn say(&mut self, task: u64, text: String) {
        if let Some(report) = &mut self.0.report
            && report.asked.remove(&task)
        {
            report.said.insert(task, text);
        }
        self.tell_programs();
    }

    /// If nobody runs and no alarm is set, nothing can happen any more. That is a deadlock if a program waits: the tasks that a prompt
    /// leaves behind may wait for its next input.
    fn look_for_deadlock(&mut self, machine: &Machine<'_>) {
        let state = &mut *self.0;
        // Not to be counted for each task that blocks: there may be many.
        if state.running > 0 || state.timed > 0 || state.report.is_some() {
            return;
        }
        if !state.blocked.values().any(|blocked| is_program(&blocked.task)) {
            return;
        }
        let own = machine.current().task().id();
        let mut others: Vec<_> = state.blocked.values().map(|blocked| &blocked.task).collect();
        others.retain(|task| !is_program(task));
        others.sort_by_key(|task| task.id());
        let omitted = others.len().saturating_sub(SHOWN);
        others.truncate(SHOWN);
        // This very task looks for itself before it parks.
        others.iter().filter(|task| task.id() != own).for_each(|task| task.unpark());
        let asked = others.iter().map(|task| task.id()).collect();
        state.report = Some(Report { asked, said: BTreeMap::new(), omitted });
        self.tell_programs();
    }

    /// When all have said where they wait: wakes the program, to fail.
    fn tell_programs(&mut self) {
        if self.0.report.as_ref().is_some_and(|report| report.asked.is_empty()) {
            let programs = self.0.blocked.values().filter(|blocked| is_program(&blocked.task));
            programs.for_each(|blocked| blocked.task.unpark());
        }
    }

    /// What this task, a program, is to be told of a deadlock, if there is one and all have said where they wait. It does not wait any longer.
    pub fn deadlock(&mut self, machine: &Machine<'_>, waiter: Waiter) -> Option<Vec<String>> {
        let report = self
            .0
            .report
            .take_if(|report| report.asked.is_empty() && is_program(machine.current().task()))?;
        leave_queues(machine, waiter);
        self.unblock(waiter.task());
        let omitted = (report.omitted > 0).then(|| format!("... and {} tasks more", report.omitted));
        Some(report.said.into_values().chain(omitted).collect())
    }
}

/// Is it a program's own task, that nobody has spawned?
fn is_program(task: &Task) -> bool {
    task.language.own() == Value::FALSE
}

/// The queue that a clause waits in.
pub fn queue_of(clause: Clause) -> Option<Queue> {
    let (operation, object) = clause.subject().ok()?;
    Some(match operation {
        Operation::Receive => Channel::new(object).receivers(),
        Operation::Send => Channel::new(object).senders(),
        Operation::Join => TaskObject::new(object).joiners(),
    })
}

fn leave_queues(machine: &Machine<'_>, waiter: Waiter) {
    for clause in waiter.clauses() {
        if let Some(queue) = queue_of(clause) {
            queue.remove(machine, clause);
        }
    }
}
