//! What each operation of [`crate::patch`] must leave behind, looked at from outside right after it. Stops the process if it is not there.
//!
//! In builds with debug assertions only; in others every function here is empty. An operation has no stepper, so it does not know the live
//! return slots, as the [checker] wants them told. But it knows which slots it was about:
//!
//! | after | position and length | records | slots, as far as they may be live |
//! |---|---|---|---|
//! | steal, purge | 0, 0 | | |
//! | install | as before, one more | the last one: slot and word as they were, above the one before | holds that record's stub |
//! | remove | 0, 0 | as before, in order | of the records that were not hit: hold no stub of theirs |
//! | skip | past every slot below `sp`, as before | in order | |
//! | unwind | past every slot below `dst`, as before | in order | of those passed: hold no stub of theirs |
//! | a moved stack | those of the old one, which stay | those of the old one, shifted | hold the new stub where the old one held the old |
//! | `set_caller_pc` | as before | says the new address, if there is one | as before; without a record, the new address |
//! | a barrier found elsewhere | not past its record, as before | that one: the new slot; in order | holds that record's stub |
//! | an exception's hit | past the record, as before | | |
//!
//! What is *due* is found by other means than the operation's: header and records are read by the checker's own offsets, and positions are
//! found by counting. A return through a barrier is checked by the trampoline itself (its slot must be the record's). Whoever has a stepper
//! can check all live frames as well: `gc_mark::checker`.
//!
//! Nothing here allocates, locks or writes, so a signal may come at any time, and find what it would have found without it (I6). Only the end
//! of the process, [`fatal::broken`], prints.

use crate::arch::{self, SLOT_BYTES, Slot};
use crate::checker::{self, Violation};
use crate::fatal;
use crate::sanitizer::read_word;
use crate::stkbar::{Dump, StkbarSlice};
use crate::stub::Stub;

/// One operation on one array, from before its first step.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'b> {
    bars: &'b StkbarSlice,
    /// Slots below are not looked at.
    sp: usize,
    position: usize,
    len: usize,
    searched: bool,
}

impl<'b> Watch<'b> {
    /// Remembers position and length.
    ///
    /// # Safety
    ///
    /// Nobody else changes this array until the operation is over. Slots at or above `sp` that the operation is about are readable.
    pub(crate) unsafe fn begin(bars: &'b StkbarSlice, sp: usize) -> Watch<'b> {
        let seen = if cfg!(debug_assertions) { checker::state(bars) } else { Ok((0, 0, false)) };
        let (position, len, searched) =
            seen.unwrap_or_else(|violation| fatal::broken(&violation, &bars.dump(None)));
        Watch { bars, sp, position, len, searched }
    }

    /// A barrier was put over `saved` in `slot`.
    pub(crate) fn installed(self, slot: usize, saved: usize) {
        self.require(|watch| watch.check_installed(slot, saved));
    }

    /// All barriers were removed.
    pub(crate) fn removed(self) {
        self.require(Watch::check_removed);
    }

    /// Those below `sp` were skipped.
    pub(crate) fn skipped(self) {
        self.require(|watch| watch.check_passed(watch.sp));
    }

    /// Those below `dst` were taken away.
    pub(crate) fn unwound(self, dst: usize) {
        self.require(|watch| watch.check_passed(dst).and_then(|()| watch.none_stands(dst)));
    }

    /// The array was emptied.
    pub(crate) fn emptied(self) {
        self.require(|watch| watch.left(0, 0));
    }

    /// The barriers were carried over to `new`.
    pub(crate) fn moved(self, new: &StkbarSlice) {
        self.require(|watch| watch.check_moved(new));
    }

    /// Record `index` got another return address.
    pub(crate) fn redirected(self, index: usize, slot: usize, pc: usize) {
        self.require(|watch| watch.check_redirected(index, slot, pc));
    }

    /// The barrier of record `index` was found in `slot`.
    pub(crate) fn settled(self, index: usize, slot: usize, saved: usize) {
        self.require(|watch| watch.check_settled(index, slot, saved));
    }

    /// An exception crossed barrier `index`, or its return was completed.
    pub(crate) fn crossed(self, index: usize) {
        self.require(|watch| watch.left(index + 1, watch.len));
    }

    fn require(self, check: impl FnOnce(&Watch<'b>) -> Result<(), Violation>) {
        if cfg!(debug_assertions)
            && let Err(violation) = check(&self)
        {
            fatal::broken(&violation, &self.list());
        }
    }

    /// What to show of the barriers: also those that the operation has already retired.
    fn list(&self) -> Dump<'b> {
        let retired = self.bars.len() < self.len;
        if retired { self.bars.dump_as((self.position, self.len)) } else { self.bars.dump(None) }
    }

    fn check_installed(&self, slot: usize, saved: usize) -> Result<(), Violation> {
        self.left(self.position, self.len + 1)?;
        if checker::record(self.bars, self.len) != (slot, saved) {
            return Err(Violation::WrongRecord { index: self.len, slot, saved });
        }
        checker::one_record(self.bars, self.len)?;
        if self.stands(self.len) { Ok(()) } else { Err(Violation::Dead { index: self.len, slot }) }
    }

    fn check_removed(&self) -> Result<(), Violation> {
        self.left(0, 0)?;
        checker::records(self.bars, self.len)?;
        self.none_stands(usize::MAX)
    }

    /// The position is past exactly the records whose slots lie below `limit`.
    fn check_passed(&self, limit: usize) -> Result<(), Violation> {
        let passed =
            (self.position..self.len).filter(|&index| arch::is_popped(self.slot(index), limit)).count();
        self.left(self.position + passed, self.len)?;
        checker::records(self.bars, self.len)
    }

    /// None of the barriers below `limit` that had not been hit stands.
    fn none_stands(&self, limit: usize) -> Result<(), Violation> {
        let below = (self.position..self.len).filter(|&index| arch::is_popped(self.slot(index), limit));
        let standing = { below }.find(|&index| self.stands(index));
        standing.map_or(Ok(()), |index| Err(Violation::StillStanding { index, slot: self.slot(index) }))
    }

    fn check_moved(&self, new: &StkbarSlice) -> Result<(), Violation> {
        self.left(self.position, self.len)?;
        // The copy reaches as far down as the old stack was in use.
        let shift = new.stack_hi().wrapping_sub(self.bars.stack_hi());
        let (position, len, searched) = checker::state(new)?;
        let copy = Watch { bars: new, sp: self.sp.wrapping_add(shift), position, len, searched };
        copy.left(self.position, self.len)?;
        (0..len).try_for_each(|index| self.check_carried(&copy, shift, index))
    }

    fn check_carried(&self, copy: &Watch<'_>, shift: usize, index: usize) -> Result<(), Violation> {
        let (old_slot, saved) = checker::record(self.bars, index);
        let slot = old_slot.wrapping_add(shift);
        if checker::record(copy.bars, index) != (slot, saved) {
            return Err(Violation::WrongRecord { index, slot, saved });
        }
        // Of a record that was hit, or is dead, the slot is a younger frame's word by now, and says nothing.
        let standing = index >= self.position && self.stands(index);
        let due = copy.bars.stub(index).pc();
        match copy.word(slot) {
            Some(word) if standing && word != due => Err(Violation::WrongCopy { index, slot, word, due }),
            _ => Ok(()),
        }
    }

    fn check_redirected(&self, index: usize, slot: usize, pc: usize) -> Result<(), Violation> {
        self.left(self.position, self.len)?;
        if checker::record(self.bars, index) != (slot, pc) {
            return Err(Violation::WrongRecord { index, slot, saved: pc });
        }
        checker::one_record(self.bars, index)?;
        if self.stands(index) { Ok(()) } else { Err(Violation::Dead { index, slot }) }
    }

    fn check_settled(&self, index: usize, slot: usize, saved: usize) -> Result<(), Violation> {
        self.left(self.position.min(index), self.len)?;
        if checker::record(self.bars, index) != (slot, saved) {
            return Err(Violation::WrongRecord { index, slot, saved });
        }
        checker::records(self.bars, self.len)?;
        if self.stands(index) { Ok(()) } else { Err(Violation::Dead { index, slot }) }
    }

    fn left(&self, position: usize, len: usize) -> Result<(), Violation> {
        let (found, found_len, _) = checker::state(self.bars)?;
        if (found, found_len) == (position, len) {
            Ok(())
        } else {
            Err(Violation::WrongState { due: (position, len), left: (found, found_len) })
        }
    }

    fn slot(&self, index: usize) -> usize {
        checker::record(self.bars, index).0
    }

    /// Does the slot of record `index` hold its stub?
    fn stands(&self, index: usize) -> bool {
        let stub = self.word(self.slot(index)).and_then(Stub::at);
        stub.is_some_and(|stub| checker::is_own(self.bars, self.searched, index, stub))
    }

    /// The word in `slot`, if it is one of this stack and may be live.
    fn word(&self, slot: usize) -> Option<usize> {
        let stack = self.bars.base()..self.bars.stack_hi();
        let live =
            !arch::is_popped(slot, self.sp) && stack.contains(&slot) && slot.is_multiple_of(SLOT_BYTES);
        // SAFETY: an aligned word between `sp` and the array, readable by the contract of `begin`.
        live.then(|| unsafe { read_word::<Slot>(slot) } as usize)
    }
}

/// A new stack's array was stolen.
pub(crate) fn stolen(bars: &StkbarSlice) {
    // SAFETY: nobody else has it yet; no slot will be looked at.
    unsafe { Watch::begin(bars, bars.top()) }.emptied();
}

#[cfg(test)]
mod tests;
