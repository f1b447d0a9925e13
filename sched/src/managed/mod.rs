//! Tasks of compiled code: two stacks each, of which the task's own may move.
//!
//! ```text
//!   the task's own stack                  a native stack
//!   ┌──────────────────┐                  ┌──────────────────┐
//!   │ managed_base     │        step      │                  │
//!   │ compiled frames  │   native_call    │ native function  │
//!   │ …                │ ───────────────▶ │ what it calls    │
//!   │ waits            │ ◀─────────────── │ perhaps: leaves  │
//!   └──────────────────┘                  └──────────────────┘
//! ```
//!
//! On its own stack there are frames of compiled code only (and that of [`managed_base`](arch), which holds no address in it). Whatever is native runs
//! on a native stack, of which each worker has one to lend: the task takes it along when it is stopped inside of a native function, and gives it
//! back when it is resumed and the function has ended. So a task that waits [between](Current::park_and_call) its stacks has its own only.
//!
//! # Rules
//!
//! 1. A task's own stack moves only while it waits: native code of the task moves it (it grows), or whoever has the stack because the task is stopped
//!    (it shrinks). Neither runs on it.
//! 2. It holds no address of itself but its saved frame pointers. The compiler keeps that: no address of a slot lives across a call.
//! 3. Native code keeps no address in the task's own stack across anything that may move it: a safepoint, [`Current::make_room`].
//! 4. The move is done when the new stack pointer is stored. Who interrupts before finds the old stack, as it was (I11); who interrupts after finds the
//!    new one, complete. No other thread walks a stack that it has not stopped or claimed, so the old memory can go at once.
//! 5. A native stack is scanned word by word. It is small, and never walked.
//!
//! | file | what |
//! |---|---|
//! | `arch/` | the way between the stacks |
//! | `crossing.rs` | the words that it reads and writes |
//! | `native.rs` | native stacks, and what runs first on one |
//! | `panicked.rs` | a native function has panicked |
//! | `moving.rs` | growing and shrinking |

mod arch;
pub(crate) mod crossing;
pub(crate) mod moving;
pub(crate) mod native;
mod panicked;

use std::any::Any;
use std::fmt;
use std::sync::atomic::Ordering;

use crate::current::Current;
use crate::language::Language;
use crate::task::Task;
use crossing::Crossing;

pub use arch::{ARCHITECTURES, native_call};
pub use moving::StackFull;

/// Can tasks of compiled code run on this architecture?
pub(crate) const SUPPORTED: bool = arch::SUPPORTED;

/// Bytes that [`native_call`] takes of the task's own stack: the registers that the C convention preserves.
pub const NATIVE_CALL_BYTES: usize = arch::SAVED_BYTES;

/// What lies above the outermost frame of a task of compiled code.
pub(crate) const OUTERMOST_BYTES: usize = arch::OUTERMOST_BYTES;

/// Where the frames of tasks of compiled code lie.
///
/// Tasks that are a closure always have a reserved stack: native frames cannot move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackMode {
    /// All address space that a task may use is reserved when it starts, and becomes resident as it is touched.
    #[default]
    Reserve,
    /// A task starts with `first` bytes. A stack that is full is copied to one twice as large, barriers and all (I11); one of which less than a quarter is
    /// used, to one half as large, at its first scan.
    Copy {
        /// Bytes of a new task's stack: a power of two, 4 KiB say.
        first: usize,
    },
}

/// What a language whose stacks can move says of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movable {
    /// Bytes below the stack limit that a frame may use before its prologue has asked for more room, what a native call pushes
    /// ([`NATIVE_CALL_BYTES`]) included.
    pub slack: usize,
}

/// A call of compiled code.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    code: usize,
    words: [usize; 2],
}

impl Call {
    /// Calls `code(task, words[0], words[1])`, with the C convention, as the only frame on the task's own stack.
    ///
    /// # Safety
    ///
    /// `code` is such a function. It and what it calls keep the rules of [compiled code](crate#what-code-on-a-task-must-do), and run native functions
    /// through [`native_call`] only. If stacks may move, no frame holds an address of its stack across a call but its frame pointer.
    pub unsafe fn new(code: usize, words: [usize; 2]) -> Call {
        Call { code, words }
    }
}

/// What a program wants.
#[derive(Debug)]
pub enum Next<R> {
    /// Compiled code shall run.
    Call(Call),
    /// The task has ended, with this result.
    Done(R),
}

/// What a task of compiled code does.
pub trait Program<L: Language>: Send + 'static {
    /// What the task ends with.
    type Output: Send + 'static;

    /// What comes next. Runs on a native stack, while there is no frame on the task's own.
    ///
    /// `returned` is what the last call returned; `None` at first. It is nobody's root any more: no safepoint
    /// before it is in one.
    fn next(&mut self, current: &Current<'_, L>, returned: Option<usize>) -> Next<Self::Output>;

    /// What comes next after a native function that compiled code had called has panicked. The frames of compiled code are gone.
    ///
    /// Without a method of its own, the program ends with that panic, which [`JoinHandle::join`](crate::JoinHandle::join) gives.
    fn panicked(&mut self, current: &Current<'_, L>, panic: Box<dyn Any + Send>) -> Next<Self::Output> {
        let _ = current;
        std::panic::resume_unwind(panic)
    }
}

/// A program without its type: no call means that the end is reached and the result is where it belongs.
pub(crate) type Steps<L> = Box<dyn FnMut(&Current<'_, L>, native::Returned) -> Option<Call> + Send>;

/// Where a task keeps the address of the native function that [`native_call`] goes on to, in bytes from its own.
pub const TARGET_OFFSET: usize = crossing::CROSSING_OFFSET + std::mem::offset_of!(Crossing, target);

impl<'t, L: Language> Current<'t, L> {
    /// Is it a task of compiled code, with native code on another stack?
    pub fn is_managed(&self) -> bool {
        self.task().crossing.managed_sp() != 0
    }

    /// To be called right before a native function returns to compiled code: the task then parks without a native stack, and when it is unparked,
    /// `again` is called in the function's place and returns to compiled code for it.
    ///
    /// A hundred thousand tasks that wait this way take up no more than their own stacks. What `again` needs is kept in the task's
    /// language state. If it panics, that is a panic of a native function like any other ([`Program::panicked`]).
    ///
    /// # Panics
    ///
    /// If the task is a closure.
    pub fn park_and_call(&self, again: extern "C-unwind" fn(*const Task<L>) -> usize) {
        assert!(self.is_managed(), "a closure has nothing to return to");
        let crossing = &self.task().crossing;
        crossing.target.store(again as *const () as usize, Ordering::Relaxed);
        crossing.leaves.store(1, Ordering::Relaxed);
    }
}

impl fmt::Display for StackMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StackMode::Reserve => f.write_str("reserve"),
            StackMode::Copy { first } => write!(f, "copy, from {first} bytes"),
        }
    }
}
