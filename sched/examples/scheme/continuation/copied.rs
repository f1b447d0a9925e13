//! Frames in the heap: the object, and how its references are found.
//!
//! ```text
//!   word 0    header: Kind::Frames, number of words of frames
//!   word 1    the frames beyond: an object like this, or #f
//!   word 2    the address in it (see Rest)
//!   word 3    address that word 5 was copied from
//!   word 4    top of the stack at that time
//!   word 5 …  frame record of the caller, the caller's frame, its caller's …
//!             the last frame's record says base, and returns to scheme_underflow
//!             (on z a record overlaps the frame above it, see record.rs)
//! ```
//!
//! Addresses in the copy are those of the stack that it was taken from; all that is read here is relative to word 3.

use std::sync::atomic::Ordering;

use gc_mark::{FrameMap, FrameRoots};

use super::base::underflow_pc;
use super::record::{OWN_BYTES, PC_OFFSET, record_of};
use super::state::Rest;
use crate::scheme::frame_table::FrameTable;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

/// Words before the frames, the header aside.
pub const FIXED_WORDS: usize = 4;
const WORD: usize = size_of::<usize>();

/// A view of an object of [`Kind::Frames`].
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    object: ObjectRef,
    low: usize,
    bytes: usize,
}

/// One frame in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedFrame {
    /// Address of its callee's frame record: where its own begins is right above.
    pub at: usize,
    /// Where it goes on.
    pub pc: usize,
    /// Its own record, and so its end.
    pub record: usize,
}

impl CopiedFrame {
    /// Its stack pointer while its callee runs.
    pub fn sp(&self) -> usize {
        self.at + OWN_BYTES
    }

    /// One past its last byte.
    pub fn end(&self) -> usize {
        self.record + OWN_BYTES
    }
}

impl Copied {
    /// The frames that `value` refers to, if it does.
    pub fn of(value: Value) -> Option<Copied> {
        ObjectRef::of(value, Kind::Frames).map(Copied::new)
    }

    /// Of an object of that kind.
    pub fn new(object: ObjectRef) -> Copied {
        let low = object.word(3).load(Ordering::Relaxed) as usize;
        Copied { object, low, bytes: object.header().length() * WORD }
    }

    /// Lowest address.
    pub fn low(&self) -> usize {
        self.low
    }

    /// Top of the stack when it was copied.
    pub fn top(&self) -> usize {
        self.object.word(4).load(Ordering::Relaxed) as usize
    }

    /// What lies beyond.
    pub fn rest(&self) -> Rest {
        Rest { frames: self.object.field(1), at: self.object.word(2).load(Ordering::Relaxed) as usize }
    }

    /// The word that was at `address`.
    pub fn word(&self, address: usize) -> usize {
        let offset = address.wrapping_sub(self.low);
        assert!(offset < self.bytes, "{address:#x} is not in the copy of {:#x}+{:#x}", self.low, self.bytes);
        self.object.word(1 + FIXED_WORDS + offset / WORD).load(Ordering::Relaxed) as usize
    }

    /// The frame above the record at `at`; `None` for the last record, which is the base's.
    pub fn frame(&self, at: usize) -> Option<CopiedFrame> {
        let (fp, pc) = (self.word(at), self.word(at + PC_OFFSET));
        (pc != underflow_pc()).then_some(CopiedFrame { at, pc, record: record_of(fp) })
    }

    /// Shows every reference in the frames.
    pub fn visit(&self, frames: &FrameTable, mut visit: impl FnMut(Value)) {
        visit(self.object.field(1));
        self.frames_from(self.low, |frame| {
            let FrameRoots::PreciseBelowCfa { slots, .. } = frames.roots_at(frame.pc) else {
                panic!("a copied frame goes on at {:#x}, of which nothing is known", frame.pc);
            };
            for slot in slots {
                visit(Value(self.word(frame.end() - *slot as usize) as u64));
            }
        });
    }

    /// Calls `each` with the frames above the record at `at`, from the youngest on.
    pub fn frames_from(&self, at: usize, mut each: impl FnMut(&CopiedFrame)) {
        let mut next = self.frame(at);
        while let Some(frame) = next {
            each(&frame);
            next = self.frame(frame.record);
        }
    }
}
