//! What a walk knows of the barriers on its stack: where their list is, and which of them it has met.
//!
//! The frames come from low to high addresses, and so do the records (I2): the two are merged. `next` is the record
//! expected next; a barrier further on means that the records between were passed by.

use core::fmt;
use core::ops::Deref;

use barrier_arch::{Key, SizeClass, Stkbar, StkbarSlice, Stub, arch};

use crate::error::Missed;
use crate::live::LiveStack;
use crate::memory::ReadWord;

/// Where a walk gets the list from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// Nowhere: every barrier is one too many.
    Nowhere,
    /// The caller gave it.
    Given(&'a StkbarSlice),
    /// From the key in the first barrier that is met.
    Key(&'a LiveStack),
}

impl<'a> Source<'a> {
    /// The list, given a barrier's slot and class.
    pub(crate) fn list(self, slot: usize, class: SizeClass) -> Option<List<'a>> {
        match self {
            Source::Nowhere => None,
            Source::Given(bars) => Some(List::Given(bars)),
            Source::Key(live) => live.barriers(slot, class).map(|bars| List::Found(bars, live)),
        }
    }
}

/// A list that was given or found; a borrow of the witness that it is readable.
pub(crate) enum List<'a> {
    Given(&'a StkbarSlice),
    Found(StkbarSlice, #[expect(dead_code, reason = "its lifetime is what matters")] &'a LiveStack),
}

impl Deref for List<'_> {
    type Target = StkbarSlice;

    fn deref(&self) -> &StkbarSlice {
        match self {
            List::Given(bars) => bars,
            List::Found(bars, _) => bars,
        }
    }
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The addresses that stubs have: a quick test that nearly every return address fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StubRange {
    first: usize,
    span: usize,
}

impl StubRange {
    pub(crate) fn get() -> StubRange {
        let first = arch::stub_table();
        StubRange { first, span: Stub::new(SizeClass::MAX, Key::Search).pc() - first }
    }

    /// May the word be a stub's address?
    #[inline(always)]
    pub(crate) const fn may_hold(self, word: usize) -> bool {
        word.wrapping_sub(self.first) <= self.span
    }
}

/// The list during one walk.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    source: Source<'a>,
    list: Option<List<'a>>,
    /// Length of the list when it came to be known: the walk's callback may install more, in frames already passed.
    len: usize,
    start_sp: usize,
    next: usize,
    leftover: Option<(usize, Stkbar)>,
    /// A barrier has been met.
    met: bool,
}

impl<'a> Ledger<'a> {
    /// For a walk that starts at `start_sp`.
    pub(crate) fn new(source: Source<'a>, start_sp: usize) -> Ledger<'a> {
        let mut ledger = Ledger { source, list: None, len: 0, start_sp, next: 0, leftover: None, met: false };
        if let Source::Given(bars) = source {
            ledger.open(Some(List::Given(bars)));
        }
        ledger
    }

    fn open(&mut self, list: Option<List<'a>>) {
        (self.next, self.len) = list.as_ref().map_or((0, 0), |bars| bars.state());
        self.list = list;
    }

    /// Record index and original return address of what was read from return slot `slot`; `None` if the word is
    /// no stub. `reach` is [`Unwind::reach`](crate::Unwind::reach) of the frame.
    ///
    /// # Errors
    ///
    /// [`Missed`] if it is one and no record says so.
    #[cold]
    #[inline(never)]
    pub(crate) fn resolve(
        &mut self,
        word: usize,
        slot: usize,
        reach: impl FnOnce() -> Option<usize>,
        memory: &impl ReadWord,
    ) -> Result<Option<(usize, usize)>, Missed> {
        let Some(stub) = Stub::at(word) else { return Ok(None) };
        let missed = Missed { slot, stub: word };
        if self.list.is_none() {
            self.open(self.source.list(slot, stub.class()));
        }
        let bars = self.list.as_ref().ok_or(missed)?;
        // Only the first can stand elsewhere than its record says.
        let moved_below = if self.met { None } else { reach() };
        let found = moved_below.and_then(|reach| bars.resolve_below(stub, reach)).or_else(|| {
            // Not a slot that an earlier barrier had, and now one has moved to, nobody knows from where.
            let alive = |&(index, _): &_| !arch::SLOTS_MOVE || index >= bars.position();
            resolve_near(bars, self.next, stub, slot).filter(alive)
        });
        let (index, record) = found.ok_or(missed)?;
        self.pass(index, memory);
        self.next = self.next.max(index + 1);
        self.met = true;
        Ok(Some((index, record.return_pc())))
    }

    /// The first barrier that the walk, now at its end, should have met and did not.
    pub(crate) fn leftover(&mut self, memory: &impl ReadWord) -> Option<(usize, Stkbar)> {
        self.pass(self.len, memory);
        self.leftover
    }

    /// The records from `next` to `to` were not met: remembers the first whose barrier is alive.
    fn pass(&mut self, to: usize, memory: &impl ReadWord) {
        let Some(bars) = &self.list else { return };
        let alive = |index: usize| {
            let record = bars.get(index)?;
            let slot = record.saved_lr_ptr;
            let popped = arch::is_popped(slot, self.start_sp);
            let holds = !popped && memory.read_word(slot).map(arch::strip) == Some(bars.stub(index).pc());
            holds.then_some((index, record))
        };
        self.leftover = self.leftover.or_else(|| (self.next..to).find_map(alive));
    }

    /// Index of the first record at or above `slot`, the end of the list if there is none.
    pub(crate) fn culprit_at(&self, slot: usize) -> usize {
        let Some(bars) = &self.list else { return 0 };
        bars.iter().take_while(|record| record.saved_lr_ptr < slot).count()
    }

    /// The list, for an error's dump.
    pub(crate) fn into_list(self) -> Option<List<'a>> {
        self.list
    }
}

/// [`StkbarSlice::resolve`], the record at `hint` tried first: with a barrier at every frame it saves a search
/// at each.
fn resolve_near(bars: &StkbarSlice, hint: usize, stub: Stub, slot: usize) -> Option<(usize, Stkbar)> {
    match bars.get(hint) {
        Some(record) if record.saved_lr_ptr == slot && bars.stub(hint) == stub => Some((hint, record)),
        _ => bars.resolve(stub, slot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barrier_arch::INDEXED_STUBS;

    #[test]
    fn the_range_holds_every_stub_and_little_else() {
        let range = StubRange::get();
        for class in SizeClass::all() {
            let keys = (0..INDEXED_STUBS as u8).map(Key::Index).chain([Key::Search]);
            assert!(keys.map(|key| Stub::new(class, key).pc()).all(|pc| range.may_hold(pc)));
        }
        assert!(!range.may_hold(range.first - 1) && !range.may_hold(range.first + range.span + 1));
        assert!(!range.may_hold(0) && !range.may_hold(usize::MAX));
    }
}
