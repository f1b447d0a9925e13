//! What a task remembers of its continuation, beyond the frames on its stack.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::base::KEPT_REGISTERS;
use crate::scheme::value::Value;

/// The parts of the dynamic environment that a continuation brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Dynamic {
    /// The `dynamic-wind`s that are entered, innermost first.
    Winders,
    /// The exception handlers, innermost first.
    Handlers,
    /// The bindings of `parameterize`, innermost first.
    Parameters,
}

impl Dynamic {
    /// All of them.
    pub const ALL: [Dynamic; 3] = [Dynamic::Winders, Dynamic::Handlers, Dynamic::Parameters];
}

/// Where the machine goes on: filled in by Rust, loaded by assembly.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Resume {
    /// Lowest address that will be written to.
    pub low: AtomicUsize,
    /// Stack pointer, as after the return.
    pub sp: AtomicUsize,
    /// Frame pointer.
    pub fp: AtomicUsize,
    /// Return address.
    pub pc: AtomicUsize,
    /// What a frame finds as it left it.
    pub kept: [AtomicUsize; KEPT_REGISTERS],
    /// What is returned. No root: there is no safepoint between filling in and loading.
    pub value: AtomicU64,
}

/// A position in the chain of copied frames: an object of [`Kind::Frames`](crate::scheme::object::Kind::Frames) and the
/// address, as when it was copied, of a frame record in it; or `#f` and 0 at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The frames.
    pub frames: Value,
    /// The frame record: the caller's frame pointer and return address, and then the caller's frame.
    pub at: usize,
}

impl Rest {
    /// There is nothing.
    pub const END: Rest = Rest { frames: Value::FALSE, at: 0 };
}

/// A task's part.
#[derive(Debug)]
#[repr(C)]
pub struct ContinuationState {
    /// See [`Resume`].
    pub resume: Resume,
    /// Distance of the base's frame record from the top of the stack, in bytes: stays right if the stack moves.
    base_depth: AtomicUsize,
    frames: AtomicU64,
    at: AtomicUsize,
    dynamic: [AtomicU64; Dynamic::ALL.len()],
}

impl ContinuationState {
    /// Of a new task.
    pub fn new() -> ContinuationState {
        ContinuationState {
            resume: Resume::default(),
            base_depth: AtomicUsize::new(0),
            frames: AtomicU64::new(Value::FALSE.0),
            at: AtomicUsize::new(0),
            dynamic: std::array::from_fn(|_| AtomicU64::new(Value::NIL.0)),
        }
    }

    /// Distance of the base from the top of the stack, in bytes.
    pub fn base_depth(&self) -> usize {
        self.base_depth.load(Ordering::Relaxed)
    }

    /// Notes where the base is.
    pub fn set_base_depth(&self, depth: usize) {
        self.base_depth.store(depth, Ordering::Relaxed);
    }

    /// What lies beyond the base.
    pub fn rest(&self) -> Rest {
        Rest { frames: Value(self.frames.load(Ordering::Relaxed)), at: self.at.load(Ordering::Relaxed) }
    }

    /// Sets what lies beyond the base. While marking, the caller shades it.
    pub fn set_rest(&self, rest: Rest) {
        self.frames.store(rest.frames.0, Ordering::Relaxed);
        self.at.store(rest.at, Ordering::Relaxed);
    }

    /// A part of the dynamic environment.
    pub fn dynamic(&self, which: Dynamic) -> Value {
        Value(self.dynamic[which as usize].load(Ordering::Relaxed))
    }

    /// Sets a part of the dynamic environment. While marking, the caller shades it.
    pub fn set_dynamic(&self, which: Dynamic, value: Value) {
        self.dynamic[which as usize].store(value.0, Ordering::Relaxed);
    }

    /// Shows all values.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        visit(self.frames.load(Ordering::Relaxed) as usize);
        self.dynamic.iter().for_each(|value| visit(value.load(Ordering::Relaxed) as usize));
    }
}
