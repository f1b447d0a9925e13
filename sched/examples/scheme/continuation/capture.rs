//! Capture: the frames on the stack become an object, and the current continuation a value.

use std::sync::atomic::Ordering;

use super::base::{KEPT_REGISTERS, underflow_pc};
use super::copied::{Copied, FIXED_WORDS};
use super::record::{PC_OFFSET, RECORD_BYTES, pointer_to, record_of};
use super::state::{Dynamic, Rest};
use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::object::{Header, Kind, ObjectRef, bytes_of};
use crate::scheme::value::Value;

const WORD: usize = size_of::<usize>();
/// Words of a continuation object, the header aside: see [`Continuation`].
const CONTINUATION_WORDS: usize = 4 + KEPT_REGISTERS + Dynamic::ALL.len();

/// A captured continuation.
///
/// ```text
///   word 1    frames (see Rest)          word 5 …   kept registers
///   word 2    address in them            word 9 …   dynamic environment
///   word 3    number of its task
///   word 4    depth of the base
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Continuation(ObjectRef);

impl Continuation {
    /// The words of an object of this kind that are values besides word 1.
    pub const DYNAMIC_WORDS: std::ops::Range<usize> = 5 + KEPT_REGISTERS..1 + CONTINUATION_WORDS;

    /// The continuation that `value` is.
    pub fn of(value: Value) -> Option<Continuation> {
        ObjectRef::of(value, Kind::Continuation).map(Continuation)
    }

    /// Its frames.
    pub fn rest(self) -> Rest {
        Rest { frames: self.0.field(1), at: self.0.word(2).load(Ordering::Relaxed) as usize }
    }

    /// The task that it belongs to.
    pub fn task(self) -> u64 {
        self.0.word(3).load(Ordering::Relaxed)
    }

    /// How far from the top of the stack its frames end.
    pub fn base_depth(self) -> usize {
        self.0.word(4).load(Ordering::Relaxed) as usize
    }

    /// What a kept register held.
    pub fn kept(self, index: usize) -> usize {
        self.0.word(5 + index).load(Ordering::Relaxed) as usize
    }

    /// A part of its dynamic environment.
    pub fn dynamic(self, which: Dynamic) -> Value {
        self.0.field(Continuation::DYNAMIC_WORDS.start + which as usize)
    }
}

/// Makes the continuation of the frame that called `scheme_call_cc`. Returns the code to go on with: the receiver's, with
/// receiver and continuation in the task's registers, or what raises the fault.
///
/// # Safety
///
/// Called by `scheme_call_cc` only: `record` is its frame record, `kept` the registers that it has saved.
pub unsafe extern "C" fn capture(
    task: *const Task,
    record: usize,
    kept: *const [u64; KEPT_REGISTERS],
    receiver: Value,
) -> usize {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    // SAFETY: the array in the caller's frame.
    let kept = unsafe { *kept };
    match continuation(&machine, machine.top() - record, kept) {
        Ok(continuation) => {
            machine.state().set_register(0, receiver);
            machine.state().set_register(1, continuation);
            // The prelude passes one of its own procedures.
            ObjectRef::any(receiver).map_or(0, |closure| closure.word(1).load(Ordering::Relaxed) as usize)
        }
        Err(fault) => {
            machine.refuse(fault);
            machine.scheme().signal
        }
    }
}

/// Both objects are made before anything is changed: after the second allocation there is no safepoint.
fn continuation(machine: &Machine<'_>, depth: usize, kept: [u64; KEPT_REGISTERS]) -> Result<Value, Fault> {
    let object = machine.allocate(bytes_of(CONTINUATION_WORDS))?;
    object.word(0).store(Header::plain(Kind::Continuation).0, Ordering::Relaxed);
    (1..=CONTINUATION_WORDS).for_each(|i| object.word(i).store(Value::FALSE.0, Ordering::Relaxed));
    let continuation = &machine.state().continuation;
    // The stack may have moved.
    if record_of(read(machine.top() - depth)) != machine.base() {
        let frames = copy(machine, depth)?;
        let record = machine.top() - depth;
        machine.set_rest(Rest { frames, at: record });
        // The caller's caller is in the copy now.
        write(record, pointer_to(machine.base()));
        write(record + PC_OFFSET, underflow_pc());
    }
    let rest = continuation.rest();
    machine.store(object, 1, rest.frames);
    object.word(2).store(rest.at as u64, Ordering::Relaxed);
    object.word(3).store(machine.current().task().id(), Ordering::Relaxed);
    object.word(4).store(continuation.base_depth() as u64, Ordering::Relaxed);
    for (i, register) in kept.into_iter().enumerate() {
        object.word(5 + i).store(register, Ordering::Relaxed);
    }
    for which in Dynamic::ALL {
        machine.store(
            object,
            Continuation::DYNAMIC_WORDS.start + which as usize,
            continuation.dynamic(which),
        );
    }
    Ok(object.value())
}

/// An object with the frames from the record at `depth` to the base.
fn copy(machine: &Machine<'_>, depth: usize) -> Result<Value, Fault> {
    let record = machine.top() - depth;
    let words = (end_of_frames(machine, record) - record) / WORD;
    let bytes = bytes_of(FIXED_WORDS + words);
    machine.check_size(bytes)?;
    let object = machine.allocate(bytes)?;
    // Now that nobody can stop us any more. The stack may have got barriers meanwhile, and another place.
    let record = machine.top() - depth;
    machine.current().unwind_barriers(machine.below_base());
    object.word(0).store(Header::with_length(Kind::Frames, words).0, Ordering::Relaxed);
    let rest = machine.state().continuation.rest();
    object.word(1).store(rest.frames.0, Ordering::Relaxed);
    object.word(2).store(rest.at as u64, Ordering::Relaxed);
    object.word(3).store(record as u64, Ordering::Relaxed);
    object.word(4).store(machine.top() as u64, Ordering::Relaxed);
    for i in 0..words {
        object.word(1 + FIXED_WORDS + i).store(read(record + i * WORD) as u64, Ordering::Relaxed);
    }
    if machine.current().is_marking() {
        Copied::new(object).visit(&machine.scheme().frames, |value| machine.shade(value));
    }
    Ok(object.value())
}

/// One past the last byte of the outermost frame above `record` that is not the base's. Frame pointers only: return addresses
/// may be barriers.
fn end_of_frames(machine: &Machine<'_>, record: usize) -> usize {
    let base = machine.base();
    let mut last = record;
    loop {
        match record_of(read(last)) {
            next if next == base => return last + RECORD_BYTES,
            next => last = next,
        }
    }
}

/// A word of the task's own stack.
fn read(address: usize) -> usize {
    // SAFETY: frame records of compiled code that runs below: they are followed from one to the next, as far as the base.
    unsafe { (address as *const usize).read_volatile() }
}

fn write(address: usize, word: usize) {
    // SAFETY: the caller's own frame record, which belongs to a frame that is about to go.
    unsafe { (address as *mut usize).write_volatile(word) }
}
