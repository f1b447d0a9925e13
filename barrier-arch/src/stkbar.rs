//! One barrier's record, and the view of one stack's stolen array of them.
//!
//! # Where the array lies
//!
//! A stack is `2^k` bytes, aligned to `2^k`; `t` is its top. Everything is at a fixed distance below
//! `t`, so that a trampoline, a DWARF expression and this file all find it by the same arithmetic.
//!
//! ```text
//!   t -  8       unused: perf cannot read the last word of its own stack dump
//!   t - 16       cookie, t ^ MAGIC: says "this really is a stack with an array"
//!   t - 20       length   ┐ state: both 32 bits, in bytes (16 · n)
//!   t - 24       position ┘
//!   t - 32       capacity in records; bit 63: keys are searched, not indexed
//!   t - 48       record 0 { saved_lr_ptr, saved_lr_val }      youngest barrier, lowest slot address
//!   t - 64       record 1
//!   …
//!   t - 32 - 16·capacity          = StkbarSlice::stack_hi: the first frame starts below here
//! ```
//!
//! That is where return slots have 8 bytes. Where they have 4, a record has 8, and `8 · n` stands for `16 · n` above.
//!
//! # Rules
//!
//! * Records are ordered by slot address, low to high (I2).
//! * `position` is the index of the lowest barrier not hit. The trampoline *sets* it; everybody else
//!   writes length and position together, in one 64-bit store, or not at all.
//! * A record is written before the length that makes it visible (release), and the length before the
//!   slot is patched (I1). `patch.rs` is the only file that changes any of it.

use core::fmt;
use core::ptr::NonNull;

use crate::aftermath;
use crate::arch::{self, SLOT_BYTES, Slot};
use crate::sanitizer::vouch_for;
use crate::size_class::SizeClass;
use crate::spacing::Spacing;
use crate::stub::{Key, Stub};
use crate::sync::{AtomicSlot, AtomicU64, Ordering};

/// What a barrier overwrote, and where.
///
/// The seed's record, two words.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "stkbar")]
pub struct Stkbar {
    /// Address of the return slot that was overwritten.
    pub saved_lr_ptr: usize,
    /// The return address that was in it: as it was found, so with its authentication code if it had one.
    pub saved_lr_val: usize,
}

impl Stkbar {
    /// Where the return goes on.
    pub const fn return_pc(self) -> usize {
        arch::strip(self.saved_lr_val)
    }
}

impl fmt::Debug for Stkbar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*{:#x}={:#x}", self.saved_lr_ptr, self.saved_lr_val)
    }
}

/// The distances below the top at which everything lies, in bytes.
pub(crate) mod below_top {
    pub(crate) const COOKIE: usize = 16;
    pub(crate) const STATE: usize = 24;
    pub(crate) const CAPACITY: usize = 32;
    pub(crate) const RECORD_0: usize = HEADER + STRIDE;
    /// Bytes between two records.
    pub(crate) const STRIDE: usize = 2 * crate::arch::SLOT_BYTES;
    /// Everything above record 0's end.
    pub(crate) const HEADER: usize = 32;
}

const MAGIC: usize = 0x57ac_ba44_1e40_c0de_u64 as usize;
const SEARCHED: u64 = 1 << 63;

/// The barriers of one stack: its array, stolen from the top of the stack itself.
///
/// A handle of one word. Reading through it is always allowed, from a signal handler too; changing the array
/// takes the functions of [`crate::patch`], whose contract is that the stack is stopped.
pub struct StkbarSlice {
    top: NonNull<u8>,
    class: SizeClass,
}

// SAFETY: the handle is an address; all memory behind it is accessed through atomics.
unsafe impl Send for StkbarSlice {}
// SAFETY: as above; writers are serialised by the contract of `patch`.
unsafe impl Sync for StkbarSlice {}

impl StkbarSlice {
    /// Bytes that the array takes from the top of a stack of `class` under `spacing`.
    pub const fn stolen_bytes(class: SizeClass, spacing: Spacing) -> usize {
        stolen(spacing.capacity(class))
    }

    /// Steals the array from the top of the stack at `base` and makes it empty.
    ///
    /// # Safety
    ///
    /// `base` is aligned to `class.bytes()`; the top [`StkbarSlice::stolen_bytes`] of the `class.bytes()`
    /// bytes that start there are writable, used by nobody else, and stay so as long as the handle or a
    /// barrier on this stack is in use.
    pub unsafe fn steal(base: NonNull<u8>, class: SizeClass, spacing: Spacing) -> StkbarSlice {
        debug_assert_eq!(base.as_ptr() as usize & class.mask(), 0);
        // SAFETY: in bounds or one past, by the caller's promise.
        let top = unsafe { base.add(class.bytes()) };
        let bars = StkbarSlice { top, class };
        let searched = if spacing == Spacing::EveryFrame { SEARCHED } else { 0 };
        bars.half_words(below_top::CAPACITY)
            .store(spacing.capacity(class) as u64 | searched, Ordering::Relaxed);
        bars.set_state(0, 0);
        bars.word(below_top::COOKIE).store((bars.top() ^ MAGIC) as Slot, Ordering::Release);
        aftermath::stolen(&bars);
        bars
    }

    /// The array of the stack that `sp` points into, or `None` if there is no array there.
    ///
    /// # Safety
    ///
    /// The header of a stack of `class` around `sp` is readable memory.
    pub unsafe fn around(sp: usize, class: SizeClass) -> Option<StkbarSlice> {
        let top = NonNull::new(class.top_of(sp) as *mut u8)?;
        let bars = StkbarSlice { top, class };
        let cookie = (bars.top() ^ MAGIC) as Slot;
        (bars.word(below_top::COOKIE).load(Ordering::Acquire) == cookie).then_some(bars)
    }

    /// A second handle on the same array.
    ///
    /// # Safety
    ///
    /// The caller keeps both handles from outliving the stack, and their users from changing the
    /// array at the same time.
    pub unsafe fn alias(&self) -> StkbarSlice {
        StkbarSlice { top: self.top, class: self.class }
    }

    /// Clears the cookie: the memory is no stack any more.
    pub fn retire(self) {
        self.word(below_top::COOKIE).store(0, Ordering::Release);
    }

    /// The size class of the stack.
    pub fn class(&self) -> SizeClass {
        self.class
    }

    /// One past the last byte of the stack.
    pub fn top(&self) -> usize {
        self.top.as_ptr() as usize
    }

    /// Lowest address of the stack's memory.
    pub fn base(&self) -> usize {
        self.top() - self.class.bytes()
    }

    /// Where the stack proper begins, growing down: just below the array. 16-byte aligned.
    pub fn stack_hi(&self) -> usize {
        self.top() - stolen(self.capacity())
    }

    /// How many records fit.
    pub fn capacity(&self) -> usize {
        (self.half_words(below_top::CAPACITY).load(Ordering::Relaxed) & !SEARCHED) as usize
    }

    /// Are the stubs of this stack the searching kind (every-frame mode)?
    pub fn is_searched(&self) -> bool {
        self.half_words(below_top::CAPACITY).load(Ordering::Relaxed) & SEARCHED != 0
    }

    /// How many records there are, hit or not.
    pub fn len(&self) -> usize {
        self.state().1
    }

    /// Is there no record?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index of the lowest barrier that was not hit; `len()` if all were.
    pub fn position(&self) -> usize {
        self.state().0
    }

    /// Position and length, read together.
    pub fn state(&self) -> (usize, usize) {
        vouch_for(self.top() - below_top::STATE);
        let state = self.half_words(below_top::STATE).load(Ordering::Acquire);
        let (position, len) = halves(state);
        (position as usize / below_top::STRIDE, len as usize / below_top::STRIDE)
    }

    /// How many records may be read: the length, or what there is room for if that is less. Somebody has written over the header then.
    fn readable(&self) -> usize {
        self.len().min(self.room())
    }

    /// The capacity; should that have been written over, no more than any stack of the class has. Memory below is nobody's record, and
    /// need not be there.
    fn room(&self) -> usize {
        self.capacity().min(Spacing::EveryFrame.capacity(self.class))
    }

    /// Record `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<Stkbar> {
        (index < self.readable()).then(|| self.record(index))
    }

    /// All records from low to high slot address.
    pub fn iter(&self) -> impl Iterator<Item = Stkbar> + '_ {
        (0..self.readable()).map(|i| self.record(i))
    }

    /// Index and record of the barrier whose slot is `slot`. Binary search.
    pub fn find(&self, slot: usize) -> Option<(usize, Stkbar)> {
        let (mut lo, mut hi) = (0, self.readable());
        while lo < hi {
            let mid = lo + (hi - lo) / 2;
            let record = self.record(mid);
            match record.saved_lr_ptr.cmp(&slot) {
                core::cmp::Ordering::Equal => return Some((mid, record)),
                core::cmp::Ordering::Less => lo = mid + 1,
                core::cmp::Ordering::Greater => hi = mid,
            }
        }
        None
    }

    /// What the stub that was found in return slot `slot` replaced; `None` if no record says so.
    pub fn resolve(&self, stub: Stub, slot: usize) -> Option<(usize, Stkbar)> {
        match stub.key() {
            _ if stub.class() != self.class => None,
            Key::Index(i) => {
                let i = usize::from(i);
                self.get(i).filter(|r| r.saved_lr_ptr == slot).map(|r| (i, r))
            }
            Key::Search => self.find(slot),
        }
    }

    /// What the stub replaced that was found in a return slot of the frame that lies below `reach` and above which no other frame does: by
    /// the rule of [`crate::patch::settle`], for a barrier whose slot may be another by now. `None` if no record says so.
    ///
    /// `reach` is the frame's canonical frame address, or anything above that up to its caller's own return slot.
    pub fn resolve_below(&self, stub: Stub, reach: usize) -> Option<(usize, Stkbar)> {
        let index = self.count_while(|slot| slot < reach).checked_sub(1)?;
        let own = match stub.key() {
            _ if stub.class() != self.class => false,
            Key::Index(i) => usize::from(i) == index,
            Key::Search => self.is_searched(),
        };
        self.get(index).filter(|_| own).map(|record| (index, record))
    }

    /// The record of the frame that has just returned into `stub`, leaving the stack pointer at `sp`: the one that the
    /// trampoline takes. `None` if there is none.
    pub(crate) fn popped(&self, stub: Stub, sp: usize) -> Option<(usize, Stkbar)> {
        let index = match stub.key() {
            _ if stub.class() != self.class => None,
            Key::Index(i) => Some(usize::from(i)),
            Key::Search => self.last_popped(sp),
        }?;
        self.get(index).filter(|r| arch::returned_through(r.saved_lr_ptr, sp)).map(|record| (index, record))
    }

    /// Index of the highest record whose slot has been popped, now that the stack pointer is `sp`.
    pub(crate) fn last_popped(&self, sp: usize) -> Option<usize> {
        self.count_while(|slot| arch::is_popped(slot, sp)).checked_sub(1)
    }

    /// How many records from the first on have slots that are `low`. Binary search.
    fn count_while(&self, low: impl Fn(usize) -> bool) -> usize {
        let (mut lo, mut hi) = (0, self.readable());
        while lo < hi {
            let mid = lo + (hi - lo) / 2;
            if low(self.record(mid).saved_lr_ptr) { lo = mid + 1 } else { hi = mid }
        }
        lo
    }

    /// The stub that stands for record `index`: what is written over its return address.
    pub fn stub(&self, index: usize) -> Stub {
        let key = if self.is_searched() { Key::Search } else { Key::Index(index as u8) };
        Stub::new(self.class, key)
    }

    /// A printable list with `==>` before record `culprit`.
    pub fn dump(&self, culprit: Option<usize>) -> Dump<'_> {
        Dump { bars: self, state: self.state(), culprit }
    }

    /// A printable list of what there was when position and length were `state`: removing records leaves them where they are.
    pub(crate) fn dump_as(&self, state: (usize, usize)) -> Dump<'_> {
        Dump { bars: self, state, culprit: None }
    }

    /// Acquire, against the release in [`StkbarSlice::set_record`]: whoever reads a word of a later list sees that the slots of the one before
    /// have been restored (`patch::caller_pc`).
    pub(crate) fn record(&self, index: usize) -> Stkbar {
        let at = below_top::RECORD_0 + below_top::STRIDE * index;
        Stkbar {
            saved_lr_ptr: self.word(at).load(Ordering::Acquire) as usize,
            saved_lr_val: self.word(at - SLOT_BYTES).load(Ordering::Acquire) as usize,
        }
    }

    pub(crate) fn set_record(&self, index: usize, record: Stkbar) {
        let at = below_top::RECORD_0 + below_top::STRIDE * index;
        self.word(at).store(record.saved_lr_ptr as Slot, Ordering::Release);
        self.word(at - SLOT_BYTES).store(record.saved_lr_val as Slot, Ordering::Release);
    }

    /// Publishes position and length together. Release: the records they speak of are visible first (I1).
    pub(crate) fn set_state(&self, position: usize, len: usize) {
        let bytes = |records: usize| (records * below_top::STRIDE) as u32;
        self.half_words(below_top::STATE).store(state_word(bytes(position), bytes(len)), Ordering::Release);
    }

    fn word(&self, below: usize) -> &AtomicSlot {
        // SAFETY: within the stolen part, aligned; valid by the contract of `steal` / `around`.
        unsafe { AtomicSlot::from_ptr(self.top.as_ptr().sub(below).cast()) }
    }

    fn half_words(&self, below: usize) -> &AtomicU64 {
        // SAFETY: as `word`; the header's words are 8-byte aligned on every architecture.
        unsafe { AtomicU64::from_ptr(self.top.as_ptr().sub(below).cast()) }
    }
}

/// Bytes stolen for `capacity` records: what is left is 16-byte aligned, as any stack wants to start.
const fn stolen(capacity: usize) -> usize {
    (below_top::HEADER + below_top::STRIDE * capacity).next_multiple_of(16)
}

/// The state word: position at the lower address, whatever the byte order.
pub(crate) const fn state_word(position: u32, len: u32) -> u64 {
    let (low, high) = if cfg!(target_endian = "little") { (position, len) } else { (len, position) };
    low as u64 | (high as u64) << 32
}

/// Position and length of a state word, in bytes.
pub(crate) const fn halves(state: u64) -> (u32, u32) {
    let (low, high) = (state as u32, (state >> 32) as u32);
    if cfg!(target_endian = "little") { (low, high) } else { (high, low) }
}

/// A list of barriers as Go prints it: `@@@` at the position, `==>` at a culprit. Of a list longer than its array it shows what fits,
/// and says so.
pub struct Dump<'a> {
    bars: &'a StkbarSlice,
    /// Position and length.
    state: (usize, usize),
    culprit: Option<usize>,
}

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (position, len) = self.state;
        let room = self.bars.room();
        let shown = len.min(room);
        f.write_str("[")?;
        // One past the end too: a position (or a culprit) may be there.
        for i in 0..=shown {
            if i == position {
                f.write_str(" @@@")?;
            }
            if Some(i) == self.culprit {
                f.write_str(" ==>")?;
            }
            if i < shown {
                write!(f, " {:?}", self.bars.record(i))?;
            }
        }
        f.write_str(" ]")?;
        if position > len || len > shown {
            write!(f, ", though position {position} and length {len} do not fit {room} records")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for StkbarSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dump(None).fmt(f)
    }
}

impl fmt::Debug for StkbarSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StkbarSlice({:?}, top {:#x}, {})", self.class, self.top(), self.dump(None))
    }
}
