//! What a task of Scheme keeps besides its stack: arguments that do not fit registers, and how it ended.
//!
//! Compiled code reads and writes the first fields at fixed offsets, without a write barrier: arguments count as
//! roots only between two calls of [`TaskState::keep_arguments`], and whoever makes them roots shades them while
//! marking. The collector may look on while the task runs, so buffers that were outgrown are kept.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sched::Alarm;

use crate::scheme::continuation::state::ContinuationState;
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::object::MAX_PARAMETERS;
use crate::scheme::value::Value;

/// Values that are handed to compiled code in memory: a closure and the four register arguments.
pub const REGISTERS: usize = 5;

type Buffer = Arc<[AtomicU64]>;

/// A task's part of the language.
#[derive(Debug)]
#[repr(C)]
pub struct TaskState {
    /// The buffer for arguments from the fifth on.
    arguments: AtomicPtr<AtomicU64>,
    /// What `apply` and the stack check hand back: a closure, then four arguments.
    registers: [AtomicU64; REGISTERS],
    /// How many arguments a function got whose stack check failed.
    count: AtomicUsize,
    /// How many bytes it needs below its frame.
    room: AtomicUsize,
    /// Continuations.
    pub continuation: ContinuationState,
    /// How many words of the buffer are roots at the moment.
    live: AtomicUsize,
    /// Every buffer that was in use. Boxes of words that are only reached through `arguments`.
    buffers: Mutex<Vec<Buffer>>,
    /// What a primitive has refused, until it is raised.
    pending: Mutex<Option<Fault>>,
    failure: Mutex<Option<Failure>>,
    /// Has the stack overflowed, and was nothing dropped since?
    overflowing: AtomicBool,
    /// The task as an object; `#f` if it is the program's.
    own: AtomicU64,
    /// The waiter that it waits with, or `#f`.
    waiting: AtomicU64,
    /// What will end the wait.
    alarm: Mutex<Option<Alarm>>,
}

impl TaskState {
    /// Where [`TaskState`] keeps the address of the argument buffer, in bytes.
    pub const ARGUMENTS_OFFSET: usize = std::mem::offset_of!(TaskState, arguments);
    /// Where it keeps the registers.
    pub const REGISTERS_OFFSET: usize = std::mem::offset_of!(TaskState, registers);

    /// Where it keeps the number of arguments for the stack check.
    pub const COUNT_OFFSET: usize = std::mem::offset_of!(TaskState, count);
    /// Where it keeps the room that the stack check is to make.
    pub const ROOM_OFFSET: usize = std::mem::offset_of!(TaskState, room);

    /// Of a new task.
    pub fn new() -> TaskState {
        let registers = std::array::from_fn(|_| AtomicU64::new(Value::FALSE.0));
        let state = TaskState {
            arguments: AtomicPtr::new(std::ptr::null_mut()),
            registers,
            count: AtomicUsize::new(0),
            room: AtomicUsize::new(0),
            continuation: ContinuationState::new(),
            live: AtomicUsize::new(0),
            buffers: Mutex::new(Vec::new()),
            pending: Mutex::new(None),
            failure: Mutex::new(None),
            overflowing: AtomicBool::new(false),
            own: AtomicU64::new(Value::FALSE.0),
            waiting: AtomicU64::new(Value::FALSE.0),
            alarm: Mutex::new(None),
        };
        state.reserve_arguments(MAX_PARAMETERS);
        state
    }

    /// Number of arguments, and bytes of room, for the stack check that has just been called.
    pub fn checked(&self) -> (usize, usize) {
        (self.count.load(Ordering::Relaxed), self.room.load(Ordering::Relaxed))
    }

    /// Makes room for `count` words of arguments. Their contents are lost.
    pub fn reserve_arguments(&self, count: usize) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.last().is_none_or(|buffer| buffer.len() < count) {
            let words = count.next_power_of_two();
            let buffer: Buffer = (0..words).map(|_| AtomicU64::new(Value::FALSE.0)).collect();
            self.arguments.store(buffer.as_ptr().cast_mut(), Ordering::Release);
            buffers.push(buffer);
        }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: a buffer, as long as `reserve_arguments` was asked for, that lives as long as `self`. `index` is
        // less than a count that came with a call, and whoever passed the arguments had reserved room for them.
        unsafe { &*self.arguments.load(Ordering::Acquire).add(index) }
    }

    /// Word `index` of the argument buffer.
    pub fn argument(&self, index: usize) -> Value {
        Value(self.word(index).load(Ordering::Relaxed))
    }

    /// Sets word `index` of the argument buffer.
    pub fn set_argument(&self, index: usize, value: Value) {
        self.word(index).store(value.0, Ordering::Relaxed);
    }

    /// Makes the first `count` words of the buffer roots. While marking, the caller shades them.
    pub fn keep_arguments(&self, count: usize) {
        self.live.store(count, Ordering::Release);
    }

    /// Sets register `index`: 0 is the closure, the arguments follow.
    pub fn set_register(&self, index: usize, value: Value) {
        self.registers[index].store(value.0, Ordering::Relaxed);
    }

    /// Shows the arguments that are alive. The registers never are at a safepoint.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        let live = self.live.load(Ordering::Acquire);
        (0..live).for_each(|i| visit(self.argument(i).0 as usize));
        self.continuation.visit(visit);
        visit(self.own().0 as usize);
        visit(self.waiting().0 as usize);
    }

    /// The task as an object; `#f` if it is the program's.
    pub fn own(&self) -> Value {
        Value(self.own.load(Ordering::Relaxed))
    }

    /// Sets it. While marking, the caller shades it.
    pub fn set_own(&self, task: Value) {
        self.own.store(task.0, Ordering::Relaxed);
    }

    /// The waiter that the task waits with.
    pub fn waiting(&self) -> Value {
        Value(self.waiting.load(Ordering::Relaxed))
    }

    /// Sets it. While marking, the caller shades it.
    pub fn set_waiting(&self, waiter: Value) {
        self.waiting.store(waiter.0, Ordering::Relaxed);
    }

    /// Notes which alarm will end the wait; returns the one that was set.
    pub fn set_alarm(&self, alarm: Option<Alarm>) -> Option<Alarm> {
        std::mem::replace(&mut self.alarm.lock().unwrap_or_else(PoisonError::into_inner), alarm)
    }

    /// Notes what is to be raised.
    pub fn set_pending(&self, fault: Fault) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// What is to be raised, once.
    pub fn take_pending(&self) -> Option<Fault> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Is a stack overflow being handled?
    pub fn is_overflowing(&self) -> bool {
        self.overflowing.load(Ordering::Relaxed)
    }

    /// A stack overflow is handled from now on, or was.
    pub fn set_overflowing(&self, overflowing: bool) {
        self.overflowing.store(overflowing, Ordering::Relaxed);
    }

    /// Notes how the program ended.
    pub fn set_failure(&self, failure: Failure) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// How the program ended, once.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_live_arguments_are_roots() {
        let state = TaskState::new();
        (0..10).for_each(|i| state.set_argument(i, Value::index(i)));
        let others = {
            let mut others = 0;
            state.visit(&mut |_| others += 1);
            others
        };
        let seen = || {
            let mut seen = Vec::new();
            state.visit(&mut |v| seen.push(Value(v as u64)));
            seen.truncate(seen.len() - others);
            seen
        };
        assert_eq!(seen(), []);
        state.keep_arguments(2);
        assert_eq!(seen(), [Value::index(0), Value::index(1)]);
        state.keep_arguments(0);
        state.reserve_arguments(5000);
        state.set_argument(4999, Value::TRUE);
        assert_eq!((seen(), state.argument(4999)), (vec![], Value::TRUE));
    }
}
