//! Copied frames go back onto the stack: a few at each return into the base, or when a continuation is called.

use std::sync::atomic::Ordering;

use super::base::underflow_pc;
use super::capture::Continuation;
use super::copied::{Copied, CopiedFrame};
use super::record::{IS_LINKED_FROM_BELOW, PC_OFFSET, RECORD_BYTES, SP_OFFSET, pointer_to};
use super::state::{Dynamic, Rest};
use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::runtime::check::{overflow, set_overflowing};
use crate::scheme::value::Value;

const WORD: usize = size_of::<usize>();
/// So many bytes go back at a time, or one frame: what is not returned into need not be copied, but each return into the base
/// takes some twenty nanoseconds.
const CHUNK_BYTES: usize = 1024;

/// Notes that the frame record at `base` is the base's.
///
/// # Safety
///
/// Called by `scheme_base` only.
pub unsafe extern "C" fn note_base(task: *const Task, base: usize) {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.state().continuation.set_base_depth(machine.top() - base);
    machine.set_rest(Rest::END);
    set_overflowing(&machine, false);
}

/// Somebody has returned `value` to the base: is there a caller beyond? Then [`reinstate`] comes next.
///
/// # Safety
///
/// Called by `scheme_underflow` only.
pub unsafe extern "C" fn underflow(task: *const Task, value: Value) -> usize {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let state = &machine.state().continuation;
    state.resume.value.store(value.0, Ordering::Relaxed);
    make_room_for(&machine, state.rest());
    let next = Next::of(&machine, state.rest());
    state.resume.low.store(next.map_or(0, |next| next.sp()), Ordering::Relaxed);
    usize::from(next.is_some())
}

/// Makes `continuation` the one that `scheme_resume` goes on with, and returns `value` to it.
///
/// # Errors
///
/// [`Fault::ForeignContinuation`] if another task made it, or this one when it was entered at another depth.
pub fn prepare_throw(machine: &Machine<'_>, continuation: Continuation, value: Value) -> Result<(), Fault> {
    let state = &machine.state().continuation;
    let is_ours = continuation.task() == machine.current().task().id();
    if !is_ours || continuation.base_depth() != state.base_depth() {
        return Err(Fault::ForeignContinuation);
    }
    let rest = continuation.rest();
    machine.set_rest(rest);
    for which in Dynamic::ALL {
        machine.set_dynamic(which, continuation.dynamic(which));
    }
    set_overflowing(machine, false);
    machine.current().skip_barriers(machine.below_base());
    make_room_for(machine, rest);
    let resume = &state.resume;
    for (i, register) in resume.kept.iter().enumerate() {
        register.store(continuation.kept(i), Ordering::Relaxed);
    }
    resume.value.store(value.0, Ordering::Relaxed);
    let low = Next::of(machine, rest).map_or(machine.below_base(), |next| next.sp());
    resume.low.store(low, Ordering::Relaxed);
    Ok(())
}

/// Sees to it that the frames that come next fit, where they were, on a stack that moves: it may be a smaller one by now.
fn make_room_for(machine: &Machine<'_>, rest: Rest) {
    let (Some(waits), Some(next)) = (machine.current().waits_at(), Next::of(machine, rest)) else { return };
    let Some(bytes) = waits.sp.checked_sub(next.sp()).filter(|bytes| *bytes > 0) else { return };
    if machine.current().make_room(bytes).is_ok() {
        return;
    }
    // They may be those of a handler of an overflow.
    set_overflowing(machine, true);
    if machine.current().make_room(bytes).is_err() {
        machine.leave(overflow(machine));
    }
}

/// Puts the next frames back and says where to go on.
///
/// # Safety
///
/// Called by `scheme_resume` only, on the stack below what is to be written.
pub unsafe extern "C" fn reinstate(task: *const Task) {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let (resume, base) = (&machine.state().continuation.resume, machine.base());
    let (sp, fp, pc) = match Next::of(&machine, machine.state().continuation.rest()) {
        None => (machine.below_base(), pointer_to(base), underflow_pc()),
        Some(next) => {
            // SAFETY: the caller's promise.
            machine.set_rest(unsafe { next.put_back(base) });
            (next.sp(), pointer_to(next.moved(next.first.record)), next.first.pc)
        }
    };
    resume.sp.store(sp, Ordering::Relaxed);
    resume.fp.store(fp, Ordering::Relaxed);
    resume.pc.store(pc, Ordering::Relaxed);
}

/// What is to be put back next.
#[derive(Clone, Copy, Debug)]
struct Next {
    rest: Rest,
    copied: Copied,
    first: CopiedFrame,
    /// How far the stack has moved since the copy was made (wrapping).
    delta: usize,
}

impl Next {
    /// From `rest`; `None` at its end.
    fn of(machine: &Machine<'_>, rest: Rest) -> Option<Next> {
        let copied = Copied::of(rest.frames)?;
        let first = copied.frame(rest.at)?;
        Some(Next { rest, copied, first, delta: machine.top().wrapping_sub(copied.top()) })
    }

    /// Where an address of the copy is on the stack now.
    fn moved(&self, address: usize) -> usize {
        address.wrapping_add(self.delta)
    }

    /// The stack pointer to go on with.
    fn sp(&self) -> usize {
        self.moved(self.first.sp())
    }

    /// Writes the record of `frame`, which was copied: its caller is that whose record is at `caller`, and goes on at `pc`.
    ///
    /// # Safety
    ///
    /// As [`Next::put_back`].
    unsafe fn link(&self, frame: CopiedFrame, caller: usize, pc: usize) {
        let record = self.moved(frame.record);
        // SAFETY: passed on.
        unsafe {
            write(record, pointer_to(caller));
            write(record + PC_OFFSET, pc);
        }
        if let Some(at) = SP_OFFSET {
            // SAFETY: passed on.
            unsafe { write(record + at, record) };
        }
        if IS_LINKED_FROM_BELOW && frame == self.first {
            // SAFETY: passed on.
            unsafe { write(self.moved(frame.at), record) };
        }
    }

    /// Copies frames and makes the last of them return to the base. Returns what lies beyond.
    ///
    /// # Safety
    ///
    /// The memory of these frames is free: it lies between the stack pointer and the base.
    unsafe fn put_back(&self, base: usize) -> Rest {
        let (mut frame, mut from) = (self.first, self.first.sp());
        loop {
            let record = frame.record;
            for address in (from..record + RECORD_BYTES).step_by(WORD) {
                // SAFETY: free memory of this stack, by the caller's promise.
                unsafe { write(self.moved(address), self.copied.word(address)) };
            }
            from = record + RECORD_BYTES;
            let next = self.copied.frame(record);
            let follows = next.filter(|next| next.end() - self.first.sp() <= CHUNK_BYTES);
            let (caller, pc) =
                follows.map_or((base, underflow_pc()), |next| (self.moved(next.record), next.pc));
            // SAFETY: as above.
            unsafe { self.link(frame, caller, pc) };
            match (follows, next) {
                (Some(next), _) => frame = next,
                (None, Some(_)) => return Rest { at: record, ..self.rest },
                (None, None) => return self.copied.rest(),
            }
        }
    }
}

/// # Safety
///
/// A word of the task's own stack that nobody uses.
unsafe fn write(address: usize, word: usize) {
    // SAFETY: the caller's promise.
    unsafe { (address as *mut usize).write_volatile(word) }
}
