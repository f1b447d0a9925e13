//! Looks at a stack's barriers from outside and says whether the invariants hold: for tests and debug builds.
//!
//! Independent of the code it checks: it reads header and records by offsets of its own, and it is told the
//! return slots of the live frames, which the caller knows by other means than the array.
//!
//! ```text
//!   live return slots, low to high      records from the position on
//!     a   stub  ───────────────────────  a    standing
//!     b   return address                 b'   dead: its frame was left without a return
//!     c   stub  ───────────────────────  c    standing
//!     d   stub  ─────────── ?                 violation of I1: no record says what it replaced
//! ```
//!
//! | | what is verified |
//! |---|---|
//! | I1 | a live return slot that holds a stub has a record with that slot, from the position on, and the stub is that record's own |
//! | I1 | the other way round, as a figure: a record from the position on without its stub is [`Census::dead`] |
//! | I2 | slots of all records rise, lie below the array, and replaced return addresses, not stubs |
//! | I8, I12 | the array is empty, and no live return slot holds a stub ([`check_empty`]) |
//!
//! A dead record is no violation in itself: somebody may have left frames without [`crate::patch::skip`], and nothing
//! breaks by that. Whoever knows that nobody did says so with [`Census::none_dead`].
//!
//! Nothing here allocates, locks, panics or writes (I6).

use crate::arch::{SLOT_BYTES, Slot};
use crate::sanitizer::vouch_for;
use crate::stkbar::StkbarSlice;
use crate::stub::{Key, Stub};

/// The layout below a stack's top once more, on purpose: see the picture in `stkbar.rs`.
mod layout {
    pub(super) const LENGTH: usize = 20;
    pub(super) const POSITION: usize = 24;
    pub(super) const CAPACITY: usize = 32;
    /// A record is two return slots wide.
    pub(super) const STRIDE: usize =
        if cfg!(target_pointer_width = "64") || cfg!(target_arch = "x86_64") { 16 } else { 8 };
    pub(super) const RECORD_0: usize = 32 + STRIDE;
    pub(super) const SEARCHED: u64 = 1 << 63;
}

/// An invariant that does not hold. All addresses are as found in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Position, length and capacity contradict each other.
    #[error("I1: position {position} and length {len}, in bytes, do not fit {capacity} records")]
    State {
        /// The header's position, in bytes of records.
        position: usize,
        /// The header's length, in bytes of records.
        len: usize,
        /// Records that fit.
        capacity: usize,
    },
    /// A record's slot is not above the one before.
    #[error("I2: record {index} is for slot {slot:#x}, the one before for {before:#x}")]
    RecordOrder {
        /// Index of the record.
        index: usize,
        /// Its slot.
        slot: usize,
        /// The slot of the record before.
        before: usize,
    },
    /// A record's slot is no word below the array.
    #[error("I2: record {index} is for {slot:#x}, which is no word of this stack")]
    OutsideStack {
        /// Index of the record.
        index: usize,
        /// Its slot.
        slot: usize,
    },
    /// A record replaced something to which nobody can return.
    #[error("I1: record {index} says that slot {slot:#x} held {saved:#x}, which is no return address")]
    NoReturnAddress {
        /// Index of the record.
        index: usize,
        /// Its slot.
        slot: usize,
        /// What it saved.
        saved: usize,
    },
    /// The caller's return slots do not rise, or one is no word of the live stack: two frames overlap, or the walk went astray.
    #[error("I2: live return slot {slot:#x} does not lie above {floor:#x} on this stack")]
    FrameOrder {
        /// The slot.
        slot: usize,
        /// Where the one before ended; the stack pointer for the first.
        floor: usize,
    },
    /// A stub stands in a live return slot, and no record from the position on has that slot.
    #[error(
        "I1: live return slot {slot:#x} holds stub {stub:#x} and no record that was not hit has that slot"
    )]
    Unrecorded {
        /// The slot.
        slot: usize,
        /// What it holds.
        stub: usize,
    },
    /// The stub in a live return slot is another record's, or another stack size's.
    #[error("I1: live return slot {slot:#x} holds stub {stub:#x}, which is not that of its record {index}")]
    ForeignStub {
        /// Index of the record with that slot.
        index: usize,
        /// The slot.
        slot: usize,
        /// What it holds.
        stub: usize,
    },
    /// A record was not hit, and its barrier does not stand in a live return slot.
    #[error("I1: record {index} was not hit, but no barrier stands at its slot {slot:#x}")]
    Dead {
        /// Index of the record.
        index: usize,
        /// Its slot.
        slot: usize,
    },
    /// An operation left another position and length than it should have.
    #[error("I1: position {} and length {} were due, {} and {} were left", .due.0, .due.1, .left.0, .left.1)]
    WrongState {
        /// Position and length that were due.
        due: (usize, usize),
        /// What was found.
        left: (usize, usize),
    },
    /// A record does not say what the operation that wrote it was about.
    #[error("I1: record {index} should be for slot {slot:#x} that held {saved:#x}, and is not")]
    WrongRecord {
        /// Index of the record.
        index: usize,
        /// The slot that was due.
        slot: usize,
        /// The return address that was due.
        saved: usize,
    },
    /// A barrier was marked hit or its record retired, and its stub was left standing in a slot that may be live.
    #[error("I1: record {index} is hit or retired, but its barrier still stands at slot {slot:#x}")]
    StillStanding {
        /// Index of the record.
        index: usize,
        /// Its slot.
        slot: usize,
    },
    /// A slot of a stack that was moved does not hold what the old one says.
    #[error("I11: slot {slot:#x} of record {index} holds {word:#x} after the move, {due:#x} was due")]
    WrongCopy {
        /// Index of the record.
        index: usize,
        /// Its slot on the new stack.
        slot: usize,
        /// What it holds.
        word: usize,
        /// What was due.
        due: usize,
    },
    /// The array of a stack that has just been purged, or whose task has ended, is not empty.
    #[error("I8, I12: the array should be empty and has {len} records, position {position}")]
    NotEmpty {
        /// Index of the lowest barrier not hit.
        position: usize,
        /// Records.
        len: usize,
    },
}

/// What was counted on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Barriers that stand in live return slots.
    pub standing: usize,
    /// Records below the position.
    pub hit: usize,
    /// Records from the position on whose barrier does not stand.
    pub dead: usize,
    /// Index and slot of the first of those.
    pub first_dead: Option<(usize, usize)>,
}

impl Census {
    /// The census, if no record is dead: for a stack whose frames were all left by returning, or with [`crate::patch::skip`].
    ///
    /// # Errors
    ///
    /// [`Violation::Dead`], with the first of them.
    pub fn none_dead(self) -> Result<Census, Violation> {
        match self.first_dead {
            Some((index, slot)) => Err(Violation::Dead { index, slot }),
            None => Ok(self),
        }
    }
}

/// One check, fed with the live return slots from the youngest frame to the outermost.
#[derive(Debug)]
pub struct Checker<'b> {
    bars: &'b StkbarSlice,
    len: usize,
    searched: bool,
    /// First record that no slot was compared with yet.
    next: usize,
    /// No later slot lies below here.
    floor: usize,
    census: Census,
}

impl<'b> Checker<'b> {
    /// Checks header and records of the stack of `bars`.
    ///
    /// # Errors
    ///
    /// [`Violation`]
    ///
    /// # Safety
    ///
    /// As long as the checker is in use the stack is stopped with stack pointer `sp`, and readable from there to its top.
    pub unsafe fn new(bars: &'b StkbarSlice, sp: usize) -> Result<Checker<'b>, Violation> {
        let (position, len, searched) = state(bars)?;
        let census = Census { hit: position, ..Census::default() };
        records(bars, len)?;
        Ok(Checker { bars, len, searched, next: position, floor: sp.max(bars.base()), census })
    }

    /// Compares the next live return slot with the records.
    ///
    /// # Errors
    ///
    /// [`Violation`]
    pub fn return_slot(&mut self, slot: usize) -> Result<(), Violation> {
        self.compare(slot, None)
    }

    /// The same for a slot that a barrier may have come to by a tail call ([`crate::patch::settle`]): its frame's canonical frame address is at or
    /// below `reach`, and all frames above it lie there.
    ///
    /// # Errors
    ///
    /// [`Violation`]
    pub fn return_slot_below(&mut self, slot: usize, reach: usize) -> Result<(), Violation> {
        self.compare(slot, Some(reach))
    }

    fn compare(&mut self, slot: usize, reach: Option<usize>) -> Result<(), Violation> {
        if slot < self.floor || slot >= self.bars.stack_hi() || !slot.is_multiple_of(SLOT_BYTES) {
            return Err(Violation::FrameOrder { slot, floor: self.floor });
        }
        self.floor = slot + SLOT_BYTES;
        // SAFETY: an aligned word between sp and the array, readable by the contract of `new`.
        let stub = Stub::at(unsafe { (slot as *const Slot).read_volatile() } as usize);
        let (bars, len) = (self.bars, self.len);
        let below = |index: usize, end: usize| index < len && record(bars, index).0 < end;
        // Of those that stand only the lowest can have moved.
        let moved_below = reach.filter(|_| stub.is_some() && self.census.standing == 0);
        let recorded = match moved_below {
            Some(reach) => {
                while below(self.next + 1, reach) {
                    self.dead();
                }
                below(self.next, reach)
            }
            None => {
                while below(self.next, slot) {
                    self.dead();
                }
                self.next < self.len && record(self.bars, self.next).0 == slot
            }
        };
        match stub {
            Some(stub) if recorded => self.standing(slot, stub),
            Some(stub) => Err(Violation::Unrecorded { slot, stub: stub.pc() }),
            None => {
                if recorded {
                    self.dead();
                }
                Ok(())
            }
        }
    }

    /// There are no more frames.
    pub fn finish(mut self) -> Census {
        while self.next < self.len {
            self.dead();
        }
        self.census
    }

    /// The stub in `slot`, which is that of the next record: is it the right one?
    fn standing(&mut self, slot: usize, stub: Stub) -> Result<(), Violation> {
        if !is_own(self.bars, self.searched, self.next, stub) {
            return Err(Violation::ForeignStub { index: self.next, slot, stub: stub.pc() });
        }
        self.census.standing += 1;
        self.next += 1;
        Ok(())
    }

    fn dead(&mut self) {
        let slot = record(self.bars, self.next).0;
        self.census.first_dead.get_or_insert((self.next, slot));
        self.census.dead += 1;
        self.next += 1;
    }
}

/// What lies `below` bytes below the top.
fn header<T>(bars: &StkbarSlice, below: usize) -> T {
    // SAFETY: header and records are readable as long as there is a handle on them; callers stay within the capacity, and
    // read integers where such lie.
    unsafe { ((bars.top() - below) as *const T).read_volatile() }
}

/// Slot and saved return address of record `index`.
pub(crate) fn record(bars: &StkbarSlice, index: usize) -> (usize, usize) {
    let below = layout::RECORD_0 + layout::STRIDE * index;
    let word = |below| header::<Slot>(bars, below) as usize;
    (word(below), word(below - SLOT_BYTES))
}

/// I2 for the first `len` records, and what they saved.
pub(crate) fn records(bars: &StkbarSlice, len: usize) -> Result<(), Violation> {
    (0..len).try_for_each(|index| one_record(bars, index))
}

/// I2 for record `index` and the one before, and what it saved.
pub(crate) fn one_record(bars: &StkbarSlice, index: usize) -> Result<(), Violation> {
    let (slot, saved) = record(bars, index);
    let before = index.checked_sub(1).map_or(0, |before| record(bars, before).0);
    if index > 0 && slot <= before {
        return Err(Violation::RecordOrder { index, slot, before });
    }
    // No bound below: a record of a frame that is gone may lie there after a move to a smaller stack. It is dead.
    if slot >= bars.stack_hi() || !slot.is_multiple_of(SLOT_BYTES) {
        return Err(Violation::OutsideStack { index, slot });
    }
    if saved == 0 || Stub::at(saved).is_some() {
        return Err(Violation::NoReturnAddress { index, slot, saved });
    }
    Ok(())
}

/// Is `stub` that of record `index`?
pub(crate) fn is_own(bars: &StkbarSlice, searched: bool, index: usize, stub: Stub) -> bool {
    let own_key = match stub.key() {
        Key::Search => searched,
        Key::Index(key) => !searched && usize::from(key) == index,
    };
    own_key && stub.class() == bars.class()
}

/// Position, length, and whether keys are searched.
pub(crate) fn state(bars: &StkbarSlice) -> Result<(usize, usize, bool), Violation> {
    vouch_for(bars.top() - layout::POSITION);
    let half = |below| header::<u32>(bars, below) as usize;
    let (position, len) = (half(layout::POSITION), half(layout::LENGTH));
    let capacity: u64 = header(bars, layout::CAPACITY);
    let (searched, capacity) = (capacity & layout::SEARCHED != 0, (capacity & !layout::SEARCHED) as usize);
    let fits = position <= len && len.div_ceil(layout::STRIDE) <= capacity;
    if !fits || !(position | len).is_multiple_of(layout::STRIDE) {
        return Err(Violation::State { position, len, capacity });
    }
    Ok((position / layout::STRIDE, len / layout::STRIDE, searched))
}

/// I1 and I2 for the stack of `bars`, whose frames have these return slots, from the youngest to the outermost.
///
/// # Errors
///
/// [`Violation`], the first that was found.
///
/// # Safety
///
/// The stack is stopped with stack pointer `sp`, and readable from there to its top.
pub unsafe fn check(
    bars: &StkbarSlice,
    sp: usize,
    return_slots: impl IntoIterator<Item = usize>,
) -> Result<Census, Violation> {
    // SAFETY: the caller's promise, passed on.
    let mut checker = unsafe { Checker::new(bars, sp) }?;
    return_slots.into_iter().try_for_each(|slot| checker.return_slot(slot))?;
    Ok(checker.finish())
}

/// I8 and I12: no records, and no stub in any of these live return slots. Give none for a task that has ended.
///
/// # Errors
///
/// [`Violation`]
///
/// # Safety
///
/// As [`check`].
pub unsafe fn check_empty(
    bars: &StkbarSlice,
    sp: usize,
    return_slots: impl IntoIterator<Item = usize>,
) -> Result<(), Violation> {
    let (position, len, _) = state(bars)?;
    if len != 0 {
        return Err(Violation::NotEmpty { position, len });
    }
    // SAFETY: the caller's promise, passed on.
    unsafe { check(bars, sp, return_slots) }.map(drop)
}
