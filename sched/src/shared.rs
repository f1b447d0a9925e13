//! What all threads of a runtime share.

use std::collections::HashMap;
use std::sync::Arc;

use barrier_arch::Spacing;
use gc_mark::{Grey, Phase, Phases, ScanReport};

use crate::collector::markers::Bell;
use crate::collector::stats::Log;
use crate::current::Current;
use crate::gate::Gate;
use crate::language::Language;
use crate::managed::native::{NativeStacks, steps_of};
use crate::managed::{self, Program, StackMode};
use crate::queue::Queue;
use crate::requests::Requests;
use crate::stacks::{MoveStacks, StackSource, TaskStack};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::task::join::{JoinHandle, Packet};
use crate::task::{Body, Task};
use crate::timers::Timers;
use crate::worker::Roster;

/// How the collector works; switches at run time (I16).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modes {
    pub(crate) spacing: Spacing,
    pub(crate) verify: bool,
    pub(crate) oracle: bool,
    pub(crate) stop_the_world: bool,
    pub(crate) trace: bool,
    pub(crate) stacks: StackMode,
    /// Debugging: stacks move at each prologue check and each first scan.
    pub(crate) always_move: bool,
}

/// How many moves of stacks that always move are enough.
const ALWAYS_MOVES: usize = 20_000;

/// How often stacks have moved.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub(crate) all: AtomicUsize,
    pub(crate) shrunk: AtomicUsize,
}

/// No stack for a new task.
#[derive(Debug, thiserror::Error)]
#[error("no stack of {bytes} bytes for a new task: {source}")]
pub struct SpawnError {
    /// The size that was asked for.
    pub bytes: usize,
    /// What the stack source said.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

pub(crate) struct Shared<L: Language> {
    pub(crate) language: L,
    pub(crate) modes: Modes,
    pub(crate) stacks: Box<dyn StackSource>,
    pub(crate) stack_bytes: usize,
    pub(crate) natives: NativeStacks,
    pub(crate) moves: Moves,
    pub(crate) phases: Arc<Phases>,
    pub(crate) grey: Arc<Grey>,
    pub(crate) gate: Gate,
    pub(crate) queue: Queue<L>,
    pub(crate) timers: Timers<L>,
    pub(crate) requests: Requests<L>,
    /// Every task that has not ended. A worker takes one out after it has cleared its own `current`: whoever holds the lock and finds
    /// a task in a worker's `current` may use it.
    pub(crate) tasks: Mutex<HashMap<u64, Arc<Task<L>>>>,
    pub(crate) roster: Roster<L>,
    /// Tasks that ran since their first scan, or that have had none (I14).
    pub(crate) dirty: Mutex<Vec<Arc<Task<L>>>>,
    /// Figures of what workers did for the collector.
    pub(crate) own_first_scans: Mutex<ScanReport>,
    pub(crate) own_re_scans: Mutex<ScanReport>,
    pub(crate) own_removals: AtomicUsize,
    pub(crate) bell: Bell,
    pub(crate) log: Log,
    pub(crate) shutdown: AtomicBool,
    last_task: AtomicU64,
}

impl<L: Language> Shared<L> {
    pub(crate) fn new(
        language: L,
        modes: Modes,
        stacks: Box<dyn StackSource>,
        stack_bytes: usize,
        phases: Arc<Phases>,
        queue: Queue<L>,
        roster: Roster<L>,
    ) -> Shared<L> {
        Shared {
            language,
            modes,
            stacks,
            stack_bytes,
            natives: NativeStacks::new(),
            moves: Moves::default(),
            phases,
            grey: Grey::new(),
            gate: Gate::default(),
            queue,
            timers: Timers::new(),
            requests: Requests::new(),
            tasks: Mutex::new(HashMap::new()),
            roster,
            dirty: Mutex::new(Vec::new()),
            own_first_scans: Mutex::default(),
            own_re_scans: Mutex::default(),
            own_removals: AtomicUsize::new(0),
            bell: Bell::new(),
            log: Log::default(),
            shutdown: AtomicBool::new(false),
            last_task: AtomicU64::new(0),
        }
    }

    pub(crate) fn next_task_id(&self) -> u64 {
        self.last_task.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Makes a task and queues it.
    pub(crate) fn spawn<R: Send + 'static>(
        this: &Arc<Shared<L>>,
        f: impl FnOnce(&Current<'_, L>) -> R + Send + 'static,
    ) -> Result<JoinHandle<L, R>, SpawnError> {
        let stack = this.new_stack(this.stack_bytes)?;
        let packet = Packet::new();
        let run = Arc::clone(&packet).fill(f);
        let task = Task::new(Arc::clone(this), stack, Body::Closure(Box::new(run)));
        Shared::launch(this, &task);
        Ok(JoinHandle::new(task, packet))
    }

    /// Makes a task of compiled code and queues it.
    pub(crate) fn spawn_program<P: Program<L>>(
        this: &Arc<Shared<L>>,
        program: P,
    ) -> Result<JoinHandle<L, P::Output>, SpawnError> {
        if !managed::SUPPORTED {
            let source = format!(
                "only {}, with 64-bit pointers, have tasks of compiled code",
                managed::ARCHITECTURES.join(", ")
            )
            .into();
            return Err(SpawnError { bytes: 0, source });
        }
        let bytes = match this.modes.stacks {
            StackMode::Reserve => this.stack_bytes,
            StackMode::Copy { first } => first,
        };
        let stack = this.new_stack(bytes)?;
        let packet = Packet::new();
        let steps = steps_of(program, Arc::clone(&packet));
        let task = Task::new(Arc::clone(this), stack, Body::Program(steps));
        Shared::launch(this, &task);
        Ok(JoinHandle::new(task, packet))
    }

    fn new_stack(&self, bytes: usize) -> Result<TaskStack, SpawnError> {
        self.stacks.alloc(bytes).map_err(|source| SpawnError { bytes, source })
    }

    fn launch(this: &Arc<Shared<L>>, task: &Arc<Task<L>>) {
        {
            // Under the lock that the collector takes to list the tasks: either it lists this one, or this one sees the phase.
            let mut tasks = this.tasks.lock();
            tasks.insert(task.id(), Arc::clone(task));
            if this.phases.now() != Phase::Off {
                this.dirty.lock().push(Arc::clone(task));
            }
        }
        this.queue.push(Arc::clone(task));
    }

    /// How stacks move; `None` if they do not.
    pub(crate) fn mover(&self) -> Option<&dyn MoveStacks> {
        self.stacks.mover().filter(|_| self.modes.stacks != StackMode::Reserve)
    }

    /// Is it still so that each prologue check moves a stack?
    pub(crate) fn always_moves(&self) -> bool {
        self.modes.always_move && self.moves.all.load(Ordering::Relaxed) < ALWAYS_MOVES
    }

    /// Bytes below the limit of a stack of compiled code that are kept free.
    pub(crate) fn slack(&self) -> usize {
        self.language.movable().map_or(0, |movable| movable.slack)
    }

    /// Sends every running task to a safepoint.
    pub(crate) fn poison_running(&self) {
        let _alive = self.tasks.lock();
        self.roster.each_current(|task| task.poison());
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.load(Ordering::Acquire)
    }
}
