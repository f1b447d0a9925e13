//! The owner of a stack wants to end and to give it back while somebody else walks it (Go's #11267: freed stacks were used again while the
//! collector still looked at them).
//!
//! Stepped, not raced: the language's stepper stops the walk of the victim's stack at each of its frames, and lets the rest of the runtime do
//! what it can meanwhile.
//!
//! ```text
//!   collector              claims the victim ── frame ── frame ── … ── frame ── releases it
//!                                                 ↕        ↕            ↕
//!   the test                            wakes the victim, runs another task to its end: nothing was freed
//!   the only worker                     comes for the victim, which is claimed, and goes on to the other task
//! ```
//!
//! That other task was queued behind the victim, so when it has ended the worker has been at the victim.

use std::collections::HashSet;
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use barrier_arch::Spacing;
use gc_mark::{Conservatively, Heap, Object, Phase, Phases};
use integration_tests::MODES;
use sched::{Current, JoinHandle, Language, PooledStacks, Runtime, StackSource, TaskStack, Visit};
use unwind_walk::{FramePointers, ReadWord, Registers, Step, StepError, Unwind};

const DEPTH: usize = 30;

/// What the test is told.
enum Event {
    /// A walk of the victim's stack is at a frame, and waits for an answer.
    AtAFrame(Sender<()>),
    /// The cycle is over.
    Over,
}

/// Which walks are to be stopped: of this stack, in this phase.
struct Victim {
    stack: Range<usize>,
    phase: Phase,
    tell: Sender<Event>,
}

/// Frame pointers, but each step on the victim's stack waits for the test.
struct Stepping(Arc<Mutex<Option<Victim>>>, Arc<Phases>);

impl Stepping {
    /// To be told, if this frame is one of the victim's.
    fn tell(&self, sp: usize) -> Option<Sender<Event>> {
        let victim = self.0.lock().unwrap();
        let ours = |victim: &&Victim| victim.stack.contains(&sp) && victim.phase == self.1.now();
        victim.as_ref().filter(ours).map(|victim| victim.tell.clone())
    }
}

impl Unwind for Stepping {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        if let Some(tell) = self.tell(registers.sp) {
            let (answer, answered) = channel();
            // If the test has failed, nobody answers.
            if tell.send(Event::AtAFrame(answer)).is_ok() {
                let _ = answered.recv();
            }
        }
        FramePointers.step(registers, memory)
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        FramePointers.reach(registers, memory)
    }
}

/// A language without a heap.
struct NoHeap;

// SAFETY: there are no objects, so nothing is missed.
unsafe impl Heap for NoHeap {
    fn object_of(&self, _: usize) -> Option<Object> {
        None
    }
    fn object_at(&self, _: usize) -> Option<Object> {
        None
    }
    fn mark(&self, _: Object) -> bool {
        false
    }
    fn is_marked(&self, _: Object) -> bool {
        true
    }
    fn visit_children(&self, _: Object, _: impl FnMut(usize)) {}
    fn begin_marking(&self) {}
    fn end_marking(&self) {}
    fn sweep(&self) {}
}

struct Threads {
    victim: Arc<Mutex<Option<Victim>>>,
    phases: Arc<Phases>,
}

impl Language for Threads {
    type Heap = NoHeap;
    type Frames = Conservatively;
    type Unwind = Stepping;
    type Worker = ();
    type Task = ();

    fn heap(&self) -> &NoHeap {
        &NoHeap
    }
    fn frames(&self) -> &Conservatively {
        &Conservatively
    }
    fn unwind(&self) -> Stepping {
        Stepping(Arc::clone(&self.victim), Arc::clone(&self.phases))
    }
    fn new_worker(&self) {}
    fn new_task(&self) {}
    fn visit_roots(&self, _: &mut Visit<'_>) {}
    fn visit_task_roots(&self, (): &(), _: &mut Visit<'_>) {}
}

/// Remembers which stacks were freed, by their tops.
struct Watched(PooledStacks, Arc<Mutex<HashSet<usize>>>);

// SAFETY: the pool's, passed on.
unsafe impl StackSource for Watched {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn Error + Send + Sync>> {
        self.0.alloc(bytes)
    }

    unsafe fn free(&self, stack: TaskStack) {
        self.1.lock().unwrap().insert(stack.bars.top());
        // SAFETY: passed on.
        unsafe { self.0.free(stack) }
    }
}

/// A runtime with one worker, a task that waits deep down in it, and what became of its stacks.
struct Scene {
    runtime: Runtime<Threads>,
    victim: Arc<Mutex<Option<Victim>>>,
    task: JoinHandle<Threads, u8>,
    bounds: Range<usize>,
    top: usize,
    freed: Arc<Mutex<HashSet<usize>>>,
}

#[inline(never)]
fn nest(current: &Current<'_, Threads>, n: usize, bottom: &dyn Fn(&Current<'_, Threads>)) -> u8 {
    let ballast = black_box([n as u8; 256]);
    if n == 0 {
        bottom(current);
    } else {
        nest(current, n - 1, bottom);
    }
    black_box(&ballast)[7]
}

impl Scene {
    fn new(spacing: Spacing) -> Scene {
        let (victim, phases, freed) =
            (Arc::default(), Arc::new(Phases::new()), Arc::<Mutex<HashSet<usize>>>::default());
        let language = Threads { victim: Arc::clone(&victim), phases: Arc::clone(&phases) };
        let stacks = Watched(PooledStacks::new(spacing, Default::default()), Arc::clone(&freed));
        let builder = Runtime::builder(language).phases(phases).spacing(spacing).stacks(stacks);
        let runtime = builder.workers(1).stack_bytes(1 << 16).start().unwrap();
        let (tell, told) = channel();
        let task = runtime.spawn(move |current| {
            tell.send((current.stack_bounds(), current.bars(|bars| bars.top()))).unwrap();
            // Wakes in order to end.
            nest(current, DEPTH, &|current| current.park())
        });
        let (bounds, top) = told.recv().unwrap();
        let scene = Scene { runtime, victim, task: task.unwrap(), bounds, top, freed };
        scene.let_the_worker_run();
        scene
    }

    /// Returns when the worker has been at every task that was ready.
    fn let_the_worker_run(&self) {
        self.runtime.spawn(|_| ()).unwrap().join().unwrap();
    }

    fn is_freed(&self) -> bool {
        self.freed.lock().unwrap().contains(&self.top)
    }

    /// Answers each frame of walks that `phase` brings, until the cycle is over; how many frames.
    fn walk_in(&self, phase: Phase) -> usize {
        let (tell, told) = channel();
        let (stack, over) = (self.bounds.clone(), tell.clone());
        *self.victim.lock().unwrap() = Some(Victim { stack, phase, tell });
        let frames = std::thread::scope(|scope| {
            scope.spawn(move || {
                self.runtime.collect();
                let _ = over.send(Event::Over);
            });
            self.answer(&told)
        });
        *self.victim.lock().unwrap() = None;
        frames
    }

    fn answer(&self, told: &Receiver<Event>) -> usize {
        let mut frames = 0;
        while let Ok(Event::AtAFrame(answer)) = told.recv() {
            frames += 1;
            self.task.task().unpark();
            self.let_the_worker_run();
            assert!(!self.task.is_finished(), "it ran while its stack was walked, at frame {frames}");
            assert!(!self.is_freed(), "freed while it was walked, at frame {frames}");
            answer.send(()).unwrap();
        }
        frames
    }
}

/// The first scan; and the removal of the barriers after the cycle, where builds with debug assertions walk the stack to check it.
#[test]
fn a_stack_is_freed_when_its_walker_is_done() {
    let walked = if cfg!(debug_assertions) { &[Phase::Scan, Phase::Off][..] } else { &[Phase::Scan] };
    for spacing in MODES {
        for &phase in walked {
            let scene = Scene::new(spacing);
            let frames = scene.walk_in(phase);
            assert!(frames > DEPTH, "{frames} frames were walked");
            let installed = scene.runtime.cycles()[0].first.installed;
            assert_eq!(installed > 0, spacing != Spacing::Off, "{installed}");
            scene.let_the_worker_run();
            assert!(scene.is_freed(), "nobody walks it any more");
            assert_eq!(scene.task.join().unwrap(), DEPTH as u8);
        }
    }
}
