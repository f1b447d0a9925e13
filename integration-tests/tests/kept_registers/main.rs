//! When a native function has returned to compiled code, every register that the C convention preserves is as it was: whatever ran on the thread
//! meanwhile, on whichever thread it goes on, and wherever the stack is by now.
//!
//! ```text
//!   test_keep   each such register := seed + its number    native_call ─▶ the function moves the stack, collects, lets others run,
//!               each compared with that                     ◀───────────  or the task waits between its stacks
//! ```
//!
//! One file of assembly per architecture: `test_keep(task, function, seed)` returns the differences, all in one word.

#![cfg(has_compiled_tasks)]

use std::sync::atomic::{AtomicUsize, Ordering};

use integration_tests::MODES;
use integration_tests::compiled::{Compiled, STACKS, Task};
use sched::{Call, Current, Next, Program};

cfg_select! {
    target_arch = "x86_64" => { mod x86_64; }
    target_arch = "aarch64" => { mod aarch64; }
    target_arch = "riscv64" => { mod riscv64; }
    target_arch = "s390x" => { mod s390x; }
}

unsafe extern "C" {
    fn test_keep();
}

type Native = extern "C" fn(*const Task) -> usize;

const TASKS: usize = 20;
const ROUNDS: usize = 3;

/// Calls `function` so often, with its registers full.
struct Keeps {
    function: Native,
    seed: usize,
    rounds: usize,
    differences: usize,
}

impl Program<Compiled> for Keeps {
    type Output = usize;

    fn next(&mut self, _: &Current<'_, Compiled>, returned: Option<usize>) -> Next<usize> {
        self.differences |= returned.unwrap_or(0);
        if self.rounds == 0 {
            return Next::Done(self.differences);
        }
        self.rounds -= 1;
        let words = [self.function as *const () as usize, self.seed];
        // SAFETY: such a function, whose frame holds no address in its stack but its record; it calls through `native_call`.
        Next::Call(unsafe { Call::new(test_keep as *const () as usize, words) })
    }
}

/// How often a task has come to wait.
static WAITING: AtomicUsize = AtomicUsize::new(0);

extern "C" fn moves(task: *const Task) -> usize {
    // SAFETY: compiled code passes the task that it runs on.
    let current: Current<'_, Compiled> = unsafe { Current::from_raw(task) };
    current.make_room(20_000).expect("there is room for as much");
    current.collect();
    current.yield_now();
    0
}

extern "C" fn waits(task: *const Task) -> usize {
    // SAFETY: as above.
    let current: Current<'_, Compiled> = unsafe { Current::from_raw(task) };
    current.park_and_call(again);
    WAITING.fetch_add(1, Ordering::SeqCst);
    1 // for nobody: `again` returns in its place
}

extern "C-unwind" fn again(_: *const Task) -> usize {
    0
}

/// Tasks that call `function`, on each kind of stacks in each mode; meanwhile `others` runs, with the first of the tasks.
fn keep(function: Native, others: impl Fn(&dyn Fn(), &dyn Fn())) {
    for (spacing, stacks) in MODES.into_iter().flat_map(|spacing| STACKS.map(|stacks| (spacing, stacks))) {
        let builder = Compiled::builder(spacing, stacks, |_| {});
        let runtime = builder.always_move(true).workers(2).verify(true).start().unwrap();
        let keeps = |task: usize| Keeps { function, seed: (task + 1) << 32, rounds: ROUNDS, differences: 0 };
        let tasks: Vec<_> = (0..TASKS).map(|task| runtime.spawn_program(keeps(task)).unwrap()).collect();
        others(&|| runtime.collect(), &|| tasks.iter().for_each(|task| task.task().unpark()));
        for task in tasks {
            let differences = task.join().unwrap();
            assert_eq!(differences, 0, "{differences:#x}, {spacing:?} {stacks:?}");
        }
    }
}

#[test]
fn registers_are_kept_while_the_stack_moves() {
    keep(moves, |_, _| {});
}

#[test]
fn registers_are_kept_while_the_task_waits_between_its_stacks() {
    let due = AtomicUsize::new(0);
    keep(waits, |collect, unpark_all| {
        for _ in 0..ROUNDS {
            let due = due.fetch_add(TASKS, Ordering::SeqCst) + TASKS;
            while WAITING.load(Ordering::SeqCst) < due {
                std::thread::yield_now();
            }
            collect();
            unpark_all();
        }
    });
}
