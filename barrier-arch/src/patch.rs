//! The only code that changes return slots and barrier arrays (but for the trampoline's own step).
//!
//! Mechanism, no policy: *which* frames get a barrier and *when* is the collector's business, so that a
//! runtime can recover from a panic without one.
//!
//! Every function here is for a **stopped** stack: its code does not run, nobody else changes its array,
//! and `sp` is its stack pointer. Asynchronous *readers* (a profiler's signal handler) are welcome at any
//! instruction:
//!
//! * install: write the record, publish it (release), then patch the slot;
//! * remove: restore the slot, then retire the record.
//!
//! So are readers on other threads, if they do as [`caller_pc`]: read the slot, look for the record, and read the slot again. If it has changed
//! meanwhile, what was found may be another list's, and they start over. `tests/models.rs` has every interleaving of the two sides, with every
//! reordering that the memory model allows.
//!
//! Rules that this file keeps:
//!
//! * **I1** A stub is in a live return slot exactly if a record with that slot exists: by the order above,
//!   whoever sees the stub finds the record, at every instruction.
//! * **I2** Records are ordered by slot address, and each slot belongs to another frame: `install` refuses
//!   the rest.
//! * **I6** Nothing here allocates, locks or panics; all of it may run in a signal handler.
//! * **I7** Fewer barriers are always sound: a refusal changes nothing, and the caller takes the next frame.
//! * **I12** A task that ends leaves an empty array, and nothing is ever written to the slot of a dead frame.
//!
//! With a link register a barrier may come to stand in another slot than it was put into, by a tail call: `patch/moved.rs` has the rule by which
//! it is found all the same, and [`settle`], which is to be called before [`remove`], [`skip`], [`unwind`] and [`carry_over`] where
//! [`arch::SLOTS_MOVE`].
//!
//! In builds with debug assertions each operation is looked at from outside when it is done (`aftermath.rs`).

mod moved;

pub use moved::{complete, settle};

use crate::aftermath::Watch;
use crate::arch::{self, SLOT_BYTES, SigningKey, Slot};
use crate::sanitizer::{read_slot, write_slot};
use crate::stkbar::{Stkbar, StkbarSlice};
use crate::stub::{Stub, is_barrier};
use crate::sync::{AtomicSlot, Ordering};

/// Why no barrier was installed. Never an error: fewer barriers are always sound (I7), take the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The array is full.
    #[error("the barrier array is full ({0} records)")]
    Full(usize),
    /// The slot is not a word of this stack.
    #[error("return slot {0:#x} does not lie on this stack")]
    OutsideStack(usize),
    /// A younger barrier stands at the same or a higher address (I2).
    #[error("return slot {0:#x} is not above the last barrier")]
    OutOfOrder(usize),
    /// There is no return address in the slot: the outermost frame.
    #[error("return slot {0:#x} holds no return address")]
    NoReturnAddress(usize),
    /// The slot already holds a barrier: recording it as an original address would loop for ever.
    #[error("return slot {0:#x} already holds a barrier")]
    AlreadyInstalled(usize),
    /// The return address carries an authentication code, and this is not [`install_signed`]; or the code is that of
    /// another key or frame.
    #[error("return slot {0:#x} holds an authenticated address that cannot be replaced")]
    Authenticated(usize),
    /// Authentication gives the address unchanged, so whether the frame will check it cannot be seen.
    #[error("return slot {0:#x} holds an address of which it cannot be told whether it is authenticated")]
    Ambiguous(usize),
}

/// What became of the records of a removed list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Slots that got their return address back.
    pub restored: usize,
    /// Barriers that had been hit.
    pub hit: usize,
    /// Barriers whose frame was gone without a return (longjmp, a killed frame): dropped, nothing was
    /// written.
    pub dead: usize,
}

/// Puts a barrier over the return address in `slot`.
///
/// # Errors
///
/// [`Refused`] says why not; nothing has changed then.
///
/// # Safety
///
/// The stack is stopped. `slot` is the return slot of a live frame of this stack, found by walking from its
/// stack pointer; that frame is not the youngest on a machine with a link register, and what the slot holds
/// is a return address (not data that only looks like one, as where stacks are switched).
#[doc(alias = "gcInstallStackBarrier")]
pub unsafe fn install(bars: &StkbarSlice, slot: usize) -> Result<(), Refused> {
    // SAFETY: passed on.
    unsafe {
        replace(bars, slot, |word, stub| {
            if arch::strip(word) == word { Ok(stub) } else { Err(Refused::Authenticated(slot)) }
        })
    }
}

/// [`install`], where the frame may authenticate its return address (AArch64's `pac-ret`): `cfa` is the frame's canonical
/// frame address, which the code depends on.
///
/// Whoever walks such frames by unwind tables knows it, and knows from the CIE which key is used ([`SigningKey`]): so `unwind-walk`'s
/// `cfi::UnwindTables`.
///
/// # Errors
///
/// [`Refused`], as [`install`]; and where signed and unsigned cannot be told apart.
///
/// # Safety
///
/// As [`install`], and `cfa` is that frame's, `key` its function's.
pub unsafe fn install_signed(
    bars: &StkbarSlice,
    slot: usize,
    cfa: usize,
    key: SigningKey,
) -> Result<(), Refused> {
    let signed = |pc: usize| arch::sign(pc, cfa, key);
    // SAFETY: passed on.
    unsafe {
        replace(bars, slot, |word, stub| {
            let plain = arch::strip(word);
            match signed(plain) {
                None if word == plain => Ok(stub),
                Some(code) if code == plain => Err(Refused::Ambiguous(slot)),
                Some(_) if word == plain => Ok(stub),
                Some(code) if code == word => Ok(signed(stub).unwrap_or(stub)),
                _ => Err(Refused::Authenticated(slot)),
            }
        })
    }
}

/// Makes a record for `slot` and overwrites it with what `word_for(original, stub)` says.
///
/// # Safety
///
/// As [`install`].
unsafe fn replace(
    bars: &StkbarSlice,
    slot: usize,
    word_for: impl FnOnce(usize, usize) -> Result<usize, Refused>,
) -> Result<(), Refused> {
    let (position, len) = bars.state();
    if len >= bars.capacity() {
        return Err(Refused::Full(len));
    }
    if !(bars.base()..bars.stack_hi()).contains(&slot) || !slot.is_multiple_of(SLOT_BYTES) {
        return Err(Refused::OutsideStack(slot));
    }
    if len > 0 && bars.record(len - 1).saved_lr_ptr >= slot {
        return Err(Refused::OutOfOrder(slot));
    }
    // SAFETY: an aligned word of the stack, checked above; the stack is the caller's while it is stopped.
    let word = unsafe { AtomicSlot::from_ptr(slot as *mut Slot) };
    let saved_lr_val = word.load(Ordering::Relaxed) as usize;
    if saved_lr_val == 0 {
        return Err(Refused::NoReturnAddress(slot));
    }
    if is_barrier(saved_lr_val) {
        return Err(Refused::AlreadyInstalled(slot));
    }
    let patched = word_for(saved_lr_val, bars.stub(len).pc())?;
    // SAFETY: the caller's promise; only this slot will be looked at, and it is live.
    let watch = unsafe { Watch::begin(bars, 0) };
    bars.set_record(len, Stkbar { saved_lr_ptr: slot, saved_lr_val });
    bars.set_state(position, len + 1);
    word.store(patched as Slot, Ordering::Release);
    watch.installed(slot, saved_lr_val);
    Ok(())
}

/// Restores every return address that is still patched and empties the array.
///
/// A record whose slot has been popped, or no longer holds its stub, belongs to a frame that is gone; it is
/// dropped and nothing is written to its slot, which may be somebody else's by now. (If frames were left
/// without [`skip`], a younger frame may own the slot of a dead one and not have written to it yet. The
/// stale stub in it is overwritten then: a word that nobody reads.)
///
/// # Safety
///
/// The stack is stopped with stack pointer `sp`.
#[doc(alias = "gcRemoveStackBarriers")]
pub unsafe fn remove(bars: &StkbarSlice, sp: usize) -> Removed {
    // SAFETY: the caller's promise, passed on.
    let watch = unsafe { Watch::begin(bars, sp) };
    let (position, len) = bars.state();
    let mut removed = Removed { hit: position.min(len), ..Removed::default() };
    for index in position..len {
        // SAFETY: the caller's promise, passed on.
        if unsafe { restore(bars, index, sp) } {
            removed.restored += 1;
        } else {
            removed.dead += 1;
        }
    }
    bars.set_state(0, 0);
    watch.removed();
    removed
}

/// Marks hit every barrier below `sp`, whose frames are gone: for a recover in the middle of a stack.
///
/// The slots lie in dead memory, so nothing is written to them. Returns how many were skipped.
///
/// # Safety
///
/// The stack is stopped, or runs this very call, and will go on at `sp`: no frame below it is ever returned
/// from.
#[doc(alias = "gcSkipBarriers")]
pub unsafe fn skip(bars: &StkbarSlice, sp: usize) -> usize {
    // SAFETY: the caller's promise, passed on.
    let watch = unsafe { Watch::begin(bars, sp) };
    let (position, len) = bars.state();
    let next = first_at_or_above(bars, position, len, sp);
    bars.set_state(next, len);
    watch.skipped();
    next - position
}

/// Restores the return addresses below `dst` *and* marks those barriers hit: for whoever writes into a
/// stack at `dst`, to any byte of the word there, without a write barrier. The frames below stay alive; the
/// re-scan will cover them and the frame at `dst`.
///
/// Returns how many barriers it took away.
///
/// # Safety
///
/// The stack is stopped with stack pointer `sp`, or runs this very call.
#[doc(alias = "gcUnwindBarriers")]
pub unsafe fn unwind(bars: &StkbarSlice, sp: usize, dst: usize) -> usize {
    // SAFETY: the caller's promise, passed on.
    let watch = unsafe { Watch::begin(bars, sp) };
    let (position, len) = bars.state();
    // By words: where an ABI has a linkage area, all but the first byte of a frame's last word would count as above that frame's own slot.
    let dst = dst - dst % SLOT_BYTES;
    let next = first_at_or_above(bars, position, len, dst);
    for index in position..next {
        // SAFETY: the caller's promise, passed on.
        unsafe { restore(bars, index, sp) };
    }
    bars.set_state(next, len);
    watch.unwound(dst);
    next - position
}

/// Empties the array and writes nothing to any slot: for a stack whose frames are all gone (I12).
///
/// # Safety
///
/// No frame of the stack will be returned from.
pub unsafe fn purge(bars: &StkbarSlice) {
    // SAFETY: nobody else changes the array; no slot will be looked at.
    let watch = unsafe { Watch::begin(bars, bars.top()) };
    bars.set_state(0, 0);
    watch.emptied();
}

/// Moves records and stubs along with a stack that was copied: `new` gets the records of `old`, at the same
/// indices, with slots shifted to the same distance from [`StkbarSlice::stack_hi`], and the slots of the
/// copy get the stubs of the new class (I11).
///
/// Returns `false`, having changed nothing, if `new` has room for fewer records than `old` holds, or a barrier stands over an
/// authenticated address: its code depends on where the frame lies.
///
/// # Safety
///
/// The old stack is stopped with stack pointer `sp`; everything from `sp` to its `stack_hi` has been copied
/// to the same distance below the new `stack_hi`; nobody runs on or walks the new stack yet.
#[doc(alias = "adjuststkbar")]
pub unsafe fn carry_over(old: &StkbarSlice, new: &StkbarSlice, sp: usize) -> bool {
    // SAFETY: the caller's promise, passed on.
    let watch = unsafe { Watch::begin(old, sp) };
    let (position, len) = old.state();
    let authenticated = |record: Stkbar| record.return_pc() != record.saved_lr_val;
    if len > new.capacity() || (position..len).any(|i| authenticated(old.record(i))) {
        return false;
    }
    for index in 0..len {
        let Stkbar { saved_lr_ptr: old_slot, saved_lr_val } = old.record(index);
        let slot = old_slot.wrapping_sub(old.stack_hi()).wrapping_add(new.stack_hi());
        new.set_record(index, Stkbar { saved_lr_ptr: slot, saved_lr_val });
        if index >= position && !arch::is_popped(old_slot, sp) {
            // SAFETY: a word of the copied part, which is nobody else's yet.
            let word = unsafe { AtomicSlot::from_ptr(slot as *mut Slot) };
            if word.load(Ordering::Relaxed) as usize == old.stub(index).pc() {
                word.store(new.stub(index).pc() as Slot, Ordering::Relaxed);
            }
        }
    }
    new.set_state(position, len);
    watch.moved(new);
    true
}

/// The return address in `slot`: the *saved* one where a barrier is installed.
///
/// Also while another thread installs or removes barriers on that stack. Of a frame that may have taken another's place by a tail call:
/// [`caller_pc_below`].
///
/// # Safety
///
/// `slot` is the return slot of a live frame on a stack that cannot run meanwhile, or on the caller's own.
#[doc(alias = "getcallerpc")]
pub unsafe fn caller_pc(slot: *const usize) -> usize {
    // SAFETY: passed on.
    unsafe { read_caller_pc(slot, |bars, stub| bars.resolve(stub, slot as usize)) }
}

/// [`caller_pc`] of a frame whose canonical frame address is `cfa`: also if it has taken another's place by a tail call, and its barrier was
/// installed in that one's slot ([`settle`]).
///
/// # Safety
///
/// As [`caller_pc`], and `cfa` is that frame's.
pub unsafe fn caller_pc_below(slot: *const usize, cfa: usize) -> usize {
    let resolve = |bars: &StkbarSlice, stub| match arch::SLOTS_MOVE {
        true => bars.resolve_below(stub, cfa),
        false => bars.resolve(stub, slot as usize),
    };
    // SAFETY: passed on.
    unsafe { read_caller_pc(slot, resolve) }
}

/// # Safety
///
/// As [`caller_pc`].
unsafe fn read_caller_pc(
    slot: *const usize,
    resolve: impl Fn(&StkbarSlice, Stub) -> Option<(usize, Stkbar)>,
) -> usize {
    // SAFETY: a live return slot, by the caller's promise; aligned, as all are.
    let word = unsafe { AtomicSlot::from_ptr(slot.cast::<Slot>().cast_mut()) };
    loop {
        let pc = word.load(Ordering::Acquire);
        // SAFETY: passed on.
        let found = unsafe { barrier_over(pc as usize, slot as usize, &resolve) };
        // Somebody else's steps in between: it takes one more look for each of theirs.
        if word.load(Ordering::Acquire) == pc {
            return found.map_or(arch::strip(pc as usize), |(_, _, record)| record.return_pc());
        }
    }
}

/// Makes the frame that owns `slot` return to `pc`: changes the *saved* address where a barrier is
/// installed, so that the barrier is still hit on the way.
///
/// # Safety
///
/// As [`caller_pc`]; and `pc` is an address that frame can return to: one with the right code, if the frame authenticates it.
#[doc(alias = "setcallerpc")]
pub unsafe fn set_caller_pc(slot: *mut usize, pc: usize) {
    // SAFETY: a live return slot, by the caller's promise; aligned, as all are.
    let word = unsafe { AtomicSlot::from_ptr(slot.cast::<Slot>()) };
    // SAFETY: passed on.
    let found = unsafe {
        barrier_over(word.load(Ordering::Acquire) as usize, slot as usize, |bars, stub| {
            bars.resolve(stub, slot as usize)
        })
    };
    match found {
        Some((bars, index, record)) => {
            // SAFETY: the caller's promise: nobody else changes the array; only this slot, which is live, will be looked at.
            let watch = unsafe { Watch::begin(&bars, bars.base()) };
            bars.set_record(index, Stkbar { saved_lr_val: pc, ..record });
            watch.redirected(index, slot as usize, pc);
        }
        None => word.store(pc as Slot, Ordering::Release),
    }
}

/// Array, index and record behind the word `pc` of return slot `slot`.
///
/// # Safety
///
/// `slot` is a live return slot.
unsafe fn barrier_over(
    pc: usize,
    slot: usize,
    resolve: impl Fn(&StkbarSlice, Stub) -> Option<(usize, Stkbar)>,
) -> Option<(StkbarSlice, usize, Stkbar)> {
    let stub = Stub::at(pc)?;
    // SAFETY: a stub in a live return slot stands on a stack of its class (I1).
    let bars = unsafe { StkbarSlice::around(slot, stub.class()) }?;
    let (index, record) = resolve(&bars, stub)?;
    Some((bars, index, record))
}

/// Puts record `index`'s return address back if its slot is live and still holds the stub.
///
/// # Safety
///
/// The stack is stopped with stack pointer `sp`.
unsafe fn restore(bars: &StkbarSlice, index: usize, sp: usize) -> bool {
    let Stkbar { saved_lr_ptr: slot, saved_lr_val } = bars.record(index);
    if arch::is_popped(slot, sp) {
        return false;
    }
    // SAFETY: install checked that the slot is an aligned word of this stack; not popped, it is live memory. If its frame was dropped, it may
    // be anything by now.
    let ours = Stub::at(unsafe { read_slot(slot) } as usize) == Some(bars.stub(index));
    if ours {
        // SAFETY: as above, and a return slot or what is left of one.
        unsafe { write_slot(slot, saved_lr_val as Slot) };
    }
    ours
}

/// Index of the first record from `position` whose slot has not been popped, were the stack pointer `sp`.
fn first_at_or_above(bars: &StkbarSlice, position: usize, len: usize, sp: usize) -> usize {
    (position..len).find(|&i| !arch::is_popped(bars.record(i).saved_lr_ptr, sp)).unwrap_or(len.max(position))
}

/// Moves the position past record `index`: what the trampoline does, for an exception that crosses it.
///
/// # Safety
///
/// Runs on the barrier's own stack; its frame is being left, and somebody puts the return address back.
pub(crate) unsafe fn mark_hit(bars: &StkbarSlice, index: usize) {
    // SAFETY: the caller's promise; no slot will be looked at.
    let watch = unsafe { Watch::begin(bars, bars.top()) };
    bars.set_state(index + 1, bars.len());
    watch.crossed(index);
}
