//! The language, as the scheduler sees it: heap, frames, roots.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use gc_mark::Phases;
use sched::{Language, Movable, Visit};
use unwind_walk::FramePointers;

use super::cli::Stacks;
use super::codegen::{Image, KnownCode, Roots};
use super::concurrency::ending::Ending;
use super::concurrency::exchange::Exchange;
use super::concurrency::tasks::Nursery;
use super::core::Span;
use super::frame_table::FrameTable;
use super::globals::Globals;
use super::incremental::Incremental;
use super::machine::{Heap, Worker};
use super::ports::channel::Channels;
use super::runtime::state::TaskState;
use super::stacks::SLACK;
use super::symbols::Symbols;
use super::value::Value;

/// Where a program's output goes.
pub type Sink = Box<dyn Write + Send>;

/// A compiled program and what it lives on.
pub struct Scheme {
    /// Objects.
    pub heap: Arc<Heap>,
    /// Its limit, in bytes, for messages.
    pub heap_limit: usize,
    /// Collect at every allocation?
    pub gc_stress: bool,
    /// Compiled code, shared with the heap's object model.
    pub frames: Arc<FrameTable>,
    /// Global variables.
    pub globals: Arc<Globals>,
    /// Interned symbols.
    pub symbols: Arc<Symbols>,
    /// Code that runs all top-level forms.
    pub program: usize,
    /// Code that raises the task's pending fault.
    pub signal: usize,
    /// What is raised when there is no memory to describe it.
    pub out_of_memory: Value,
    /// Which stacks the code is made for.
    pub stacks: Stacks,
    /// Most bytes of stack that a task may use: `stacks::runtime` says how many.
    pub stack_limit: usize,
    /// Tasks and what they wait for.
    pub exchange: Exchange,
    /// Tasks that have not begun.
    pub nursery: Nursery,
    /// How it all ends.
    pub ending: Ending,
    constants: Arc<Roots>,
    /// Name and arguments of the program.
    pub command_line: Vec<String>,
    /// What is odd about the program, and where: it can run, but may come to grief.
    pub warnings: Vec<(Span, String)>,
    /// What ports stand for.
    pub channels: Channels,
    /// The ports of the standard streams.
    pub standard_ports: [Value; 3],
    phases: Arc<Phases>,
    /// Dropped after the code, by which time nobody runs it.
    code: KnownCode,
    compiler: Mutex<Option<Incremental>>,
}

impl Scheme {
    /// A program that is ready to run.
    pub fn new(
        image: Image,
        heap_limit: usize,
        gc_stress: bool,
        output: Sink,
        phases: Arc<Phases>,
        compiler: Incremental,
    ) -> Scheme {
        Scheme {
            heap: image.heap,
            heap_limit,
            gc_stress,
            frames: image.frames,
            globals: image.globals,
            symbols: image.symbols,
            program: image.program,
            signal: image.signal,
            out_of_memory: image.out_of_memory,
            stacks: image.stacks,
            stack_limit: 0,
            exchange: Exchange::default(),
            nursery: Nursery::default(),
            ending: Ending::default(),
            constants: image.constants,
            command_line: Vec::new(),
            warnings: Vec::new(),
            channels: Channels::new(Box::new(std::io::stdin()), output),
            standard_ports: image.standard_ports,
            phases,
            code: image.code,
            compiler: Mutex::new(Some(compiler)),
        }
    }

    /// Compiles a text while the program runs, for a task that waits. Returns a procedure that runs it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a message.
    pub fn compile(&self, file: &str, text: &str) -> Result<Value, String> {
        let mut compiler = self.compiler.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *compiler {
            Some(compiler) => compiler.compile(file, text),
            None => Err("the program has ended".into()),
        }
    }

    /// How to unwind the code, as an `.eh_frame` section.
    pub fn unwind_table(&self) -> &[u8] {
        self.code.unwind_table()
    }

    /// The phases whose flag the code tests: the runtime must use the same.
    pub fn phases(&self) -> Arc<Phases> {
        Arc::clone(&self.phases)
    }
}

impl Drop for Scheme {
    fn drop(&mut self) {
        self.channels.flush_all();
        if let Some(compiler) = self.compiler.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: the language goes last, after every task: nobody runs this code any more.
            unsafe { compiler.free() };
        }
    }
}

impl Language for Scheme {
    type Heap = Heap;
    type Frames = FrameTable;
    type Unwind = FramePointers;
    type Worker = Worker;
    type Task = TaskState;

    fn heap(&self) -> &Heap {
        &self.heap
    }

    fn frames(&self) -> &FrameTable {
        &self.frames
    }

    fn unwind(&self) -> FramePointers {
        FramePointers
    }

    fn new_worker(&self) -> Worker {
        Worker { cache: self.heap.cache(), unpaced: 0 }
    }

    fn new_task(&self) -> TaskState {
        TaskState::new()
    }

    fn movable(&self) -> Option<Movable> {
        (self.stacks == Stacks::Copy).then_some(SLACK)
    }

    fn visit_roots(&self, visit: &mut Visit<'_>) {
        self.globals.visit(visit);
        self.symbols.visit(visit);
        visit(self.out_of_memory.0 as usize);
        self.constants.visit(visit);
        self.nursery.visit(visit);
    }

    fn visit_task_roots(&self, task: &TaskState, visit: &mut Visit<'_>) {
        task.visit(visit);
    }
}

impl std::fmt::Debug for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheme").field("frames", &self.frames.sites()).finish_non_exhaustive()
    }
}
