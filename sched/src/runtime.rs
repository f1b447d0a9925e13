//! The runtime: workers, a collector, and the handle to them.

use std::fmt;
use std::io;
use std::sync::Arc;

use barrier_arch::host::{self, Unsupported};
use barrier_arch::{BadSize, SizeClass, Spacing, StkbarSlice, fatal};
use gc_mark::Phases;
use stack_alloc::GuardPages;

use crate::collector;
use crate::collector::fatal::barrier_lost;
use crate::collector::markers;
use crate::collector::stats::CycleStats;
use crate::current::Current;
use crate::language::Language;
use crate::managed::{self, Movable, Program, StackMode};
use crate::queue::Queue;
use crate::shared::{Modes, Shared, SpawnError};
use crate::stacks::{PooledStacks, StackSource};
use crate::sync::atomic::Ordering;
use crate::sync::thread::{self, JoinHandle as ThreadHandle};
use crate::sync::{Deque, Parker};
use crate::task::join::JoinHandle;
use crate::worker::{Roster, Worker};

/// Green threads on several OS threads, and a collector beside them.
///
/// Dropping it stops the workers at the next switch or safepoint of what they run. Tasks that have not ended are
/// abandoned: their frames are not unwound, and what may be borrowed from them, the memory of their stacks, is never given back.
pub struct Runtime<L: Language> {
    shared: Arc<Shared<L>>,
    threads: Vec<ThreadHandle<()>>,
    barriers: Result<(), Unsupported>,
}

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The stack size is none.
    #[error("stack size for tasks: {0}")]
    StackSize(#[from] BadSize),
    /// There must be somebody to run tasks.
    #[error("a runtime needs at least one worker, and one marking thread")]
    NoWorkers,
    /// Native frames cannot move, and the language has not said that it has others.
    #[error(
        "stacks shall be copied, but the language's code cannot move (Language::movable); use StackMode::Reserve"
    )]
    NotMovable,
    /// Only the default source is known to move its stacks.
    #[error(
        "stacks shall be copied, but the source of stacks cannot move them (StackSource::mover); use StackMode::Reserve"
    )]
    NoMover,
    /// The compiled code's way to native functions is missing.
    #[error(
        "stacks shall be copied, but only {}, with 64-bit pointers, have tasks of compiled code; use StackMode::Reserve",
        managed::ARCHITECTURES.join(", ")
    )]
    NoCompiledTasks,
    /// It would be larger than what a task may use, or leave nothing to frames.
    #[error(
        "tasks shall start with stacks of {first} bytes, but they need more than {slack} and may use {most}"
    )]
    FirstStack {
        /// As it was asked for.
        first: usize,
        /// What is kept free of each stack.
        slack: usize,
        /// The runtime's size of stacks.
        most: usize,
    },
    /// The system has no thread for us.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The first task's stack.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// How a runtime shall work. All of it is decided at run time (I16).
pub struct Builder<L: Language> {
    language: L,
    phases: Arc<Phases>,
    workers: usize,
    mark_workers: usize,
    stack_bytes: usize,
    stacks: Option<Box<dyn StackSource>>,
    guard: GuardPages,
    spacing: Spacing,
    host: Result<(), Unsupported>,
    verify: bool,
    oracle: bool,
    stop_the_world: bool,
    trace: bool,
    stack_mode: StackMode,
    always_move: bool,
}

impl<L: Language> Builder<L> {
    fn new(language: L) -> Builder<L> {
        Builder {
            language,
            phases: Arc::new(Phases::new()),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            mark_workers: 1,
            stack_bytes: 1 << 20,
            stacks: None,
            guard: GuardPages::default(),
            spacing: Spacing::default(),
            host: host::support(),
            verify: false,
            oracle: false,
            stop_the_world: false,
            trace: std::env::var_os("GCTRACE").is_some_and(|value| value == "1"),
            stack_mode: StackMode::default(),
            always_move: false,
        }
    }

    /// Phases shared with the language, whose compiled code tests [`Phases::write_barrier_flag`].
    pub fn phases(mut self, phases: Arc<Phases>) -> Self {
        self.phases = phases;
        self
    }

    /// OS threads that run tasks. Default: as many as there are processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Threads that mark, the collector's own included. Default 1.
    pub fn mark_workers(mut self, mark_workers: usize) -> Self {
        self.mark_workers = mark_workers;
        self
    }

    /// Bytes of each task's stack; a power of two. Default 1 MiB, of which only what is touched is resident.
    pub fn stack_bytes(mut self, bytes: usize) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Whether stacks of compiled code are reserved (default), or start small and move. Then [`Builder::stack_bytes`] is the size to which they
    /// may grow.
    pub fn stack_mode(mut self, mode: StackMode) -> Self {
        self.stack_mode = mode;
        self
    }

    /// Debugging of code whose stacks move: each prologue check fails, and moves the stack (to one of the same size, if it need not grow; while no more than
    /// 16 KiB of it is used), and so does each first scan. After 20,000 moves it is enough of the former.
    pub fn always_move(mut self, on: bool) -> Self {
        self.always_move = on;
        self
    }

    /// Another source of stacks. It must leave room for barriers in the runtime's spacing, or there will be fewer.
    pub fn stacks(mut self, stacks: impl StackSource + 'static) -> Self {
        self.stacks = Some(Box::new(stacks));
        self
    }

    /// Guard pages for the default source of stacks: for code that does not check its limit.
    pub fn guard(mut self, guard: GuardPages) -> Self {
        self.guard = guard;
        self
    }

    /// Where barriers go: off, exponential (default), or every frame.
    pub fn spacing(mut self, spacing: Spacing) -> Self {
        self.spacing = spacing;
        self
    }

    /// What [`barrier_arch::host::support`] said, for tests that pretend. Where barriers are not supported they are off,
    /// [`Runtime::barriers`] says why, and every re-scan is a full one (I15).
    pub fn host(mut self, host: Result<(), Unsupported>) -> Self {
        self.host = host;
        self
    }

    /// After each marking, mark again from scratch with the world stopped, ignoring barriers, and stop the process
    /// with a report if something was lost.
    pub fn verify(mut self, on: bool) -> Self {
        self.verify = on;
        self
    }

    /// After each stack's first scan, remember the words of all frames that the language vouches for; in the mark-termination pause, compare
    /// those that the re-scan skipped, and stop the process with the frame, the slot and the function of each write barrier that
    /// was left out ([`gc_mark::Oracle`]). Takes memory and time in proportion to the stacks: a debug mode.
    pub fn oracle(mut self, on: bool) -> Self {
        self.oracle = on;
        self
    }

    /// Whole cycles with the world stopped.
    pub fn stop_the_world(mut self, on: bool) -> Self {
        self.stop_the_world = on;
        self
    }

    /// A line on standard error after each cycle. Default: whether the environment says `GCTRACE=1`.
    pub fn trace(mut self, on: bool) -> Self {
        self.trace = on;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left behind.
    pub fn start(self) -> Result<Runtime<L>, StartError> {
        SizeClass::of(self.stack_bytes)?;
        if self.workers == 0 || self.mark_workers == 0 {
            return Err(StartError::NoWorkers);
        }
        self.check_stack_mode()?;
        fatal::set_lost_handler(barrier_lost);
        let spacing = if self.host.is_ok() { self.spacing } else { Spacing::Off };
        let Builder { verify, oracle, stop_the_world, trace, stack_mode: stacks, .. } = self;
        let always_move = self.always_move && stacks != StackMode::Reserve;
        let modes = Modes { spacing, verify, oracle, stop_the_world, trace, stacks, always_move };
        let stacks = self.stacks.unwrap_or_else(|| Box::new(PooledStacks::new(spacing, self.guard)));
        let deques: Vec<_> = (0..self.workers).map(|_| Deque::new_fifo()).collect();
        let parkers: Vec<_> = (0..self.workers).map(|_| Parker::new()).collect();
        let queue = Queue::new(&deques, parkers.iter().map(|p| p.unparker().clone()).collect());
        let roster = Roster::new(self.workers);
        let shared =
            Arc::new(Shared::new(self.language, modes, stacks, self.stack_bytes, self.phases, queue, roster));
        // From here on a drop stops what has started.
        let mut runtime = Runtime { shared, threads: Vec::new(), barriers: self.host };
        for (index, (deque, parker)) in deques.into_iter().zip(parkers).enumerate() {
            let worker = Worker::new(index, Arc::clone(&runtime.shared), deque, parker);
            runtime.start_thread(format!("worker-{index}"), move || worker.run())?;
        }
        for index in 1..self.mark_workers {
            let shared = Arc::clone(&runtime.shared);
            runtime.start_thread(format!("marker-{index}"), move || markers::help(&shared))?;
        }
        let shared = Arc::clone(&runtime.shared);
        runtime.start_thread("collector".to_owned(), move || collector::run(&shared))?;
        Ok(runtime)
    }
}

impl<L: Language> Builder<L> {
    /// Can stacks move, if they are to?
    fn check_stack_mode(&self) -> Result<(), StartError> {
        let StackMode::Copy { first } = self.stack_mode else { return Ok(()) };
        SizeClass::of(first)?;
        if !managed::SUPPORTED {
            return Err(StartError::NoCompiledTasks);
        }
        let Movable { slack } = self.language.movable().ok_or(StartError::NotMovable)?;
        if self.stacks.as_ref().is_some_and(|stacks| stacks.mover().is_none()) {
            return Err(StartError::NoMover);
        }
        let class = SizeClass::of(first)?;
        let taken = StkbarSlice::stolen_bytes(class, self.spacing) + slack;
        if first > self.stack_bytes || taken >= first {
            return Err(StartError::FirstStack { first, slack, most: self.stack_bytes });
        }
        Ok(())
    }
}

impl<L: Language> Runtime<L> {
    /// A runtime for `language`, to be configured.
    pub fn builder(language: L) -> Builder<L> {
        Builder::new(language)
    }

    /// Starts a task. Values of the language that `f` brings along must be kept reachable until it has them on its stack
    /// ([`Language::visit_roots`]).
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no stack for it.
    pub fn spawn<R: Send + 'static>(
        &self,
        f: impl FnOnce(&Current<'_, L>) -> R + Send + 'static,
    ) -> Result<JoinHandle<L, R>, SpawnError> {
        Shared::spawn(&self.shared, f)
    }

    /// Starts a task of compiled code, whose stack may move.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no stack for it, or this architecture has no such tasks.
    pub fn spawn_program<P: Program<L>>(&self, program: P) -> Result<JoinHandle<L, P::Output>, SpawnError> {
        Shared::spawn_program(&self.shared, program)
    }

    /// How often stacks have moved so far, and how many of those moves were to a smaller stack, or for [`Builder::always_move`] another one, at a
    /// first scan.
    pub fn stack_moves(&self) -> (usize, usize) {
        let moves = &self.shared.moves;
        (moves.all.load(Ordering::Relaxed), moves.shrunk.load(Ordering::Relaxed))
    }

    /// Runs a cycle and waits for its end. Blocks the OS thread: on a task, use [`Current::collect`].
    pub fn collect(&self) {
        let ticket = self.shared.requests.ask();
        self.shared.requests.wait(ticket);
    }

    /// Asks for a cycle and does not wait.
    pub fn request_collection(&self) {
        self.shared.requests.ask();
    }

    /// The language.
    pub fn language(&self) -> &L {
        &self.shared.language
    }

    /// Figures of the last cycles (65,536 at most), oldest first.
    pub fn cycles(&self) -> Vec<CycleStats> {
        self.shared.log.all()
    }

    /// As [`Runtime::cycles`], and forgets them.
    pub fn take_cycles(&self) -> Vec<CycleStats> {
        self.shared.log.take()
    }

    /// Whether return addresses can be patched on this host; if not, barriers are off.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn barriers(&self) -> Result<(), Unsupported> {
        self.barriers
    }

    fn start_thread(&mut self, name: String, life: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        self.threads.push(thread::Builder::new().name(name).spawn(life)?);
        Ok(())
    }
}

impl<L: Language> Drop for Runtime<L> {
    fn drop(&mut self) {
        let shared = &self.shared;
        shared.shutdown.store(true, Ordering::Release);
        shared.requests.shut_down();
        shared.bell.shut_down();
        while !self.threads.iter().all(ThreadHandle::is_finished) {
            shared.queue.wake_all();
            shared.poison_running();
            thread::sleep(std::time::Duration::from_micros(200));
        }
        for thread in self.threads.drain(..) {
            // A thread of ours that panicked has said so; there is nobody to tell in a drop.
            let _ = thread.join();
        }
        // Tasks hold the shared state, and it holds the tasks.
        shared.queue.clear();
        shared.requests.clear();
        shared.tasks.lock().clear();
        shared.timers.clear();
        shared.dirty.lock().clear();
    }
}

impl<L: Language> fmt::Debug for Runtime<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runtime({} threads, {:?})", self.threads.len(), self.shared.modes)
    }
}

impl<L: Language> fmt::Debug for Builder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder({} workers, {:?})", self.workers, self.spacing)
    }
}
