//! Frame records of compiled code: the caller's frame pointer and the return address, somewhere at the end of each frame.
//!
//! ```text
//!   x86-64, AArch64        RISC-V                 z
//!
//!   ├────────────────┤     ├────────────────┤     │ sp of the frame above   │
//!   │ return address │     │ return address │ fp  │ return address          │
//!   │ caller's fp    │ fp  │ caller's fp    │     │ r6 … r13 of its caller  │
//!   │ …              │     │ …              │     │ back chain              │ sp
//!   └────────────────┘     └────────────────┘     ├─────────────────────────┤
//! ```
//!
//! On z the record lies beyond the frame's end, in what its caller has left for it: the back chain of the *caller* is there – the end of the caller's frame –
//! and what the frame will restore, the stack pointer among it. Frame pointers are those of the back chain.
//!
//! Everywhere a record's first word leads to the next record, and the frame that goes on at its return address has that one as its own. All code here that
//! follows or writes records goes through this file.

use barrier_arch::description::{self, FrameRecord};

const WORD: usize = size_of::<usize>();

const KIND: FrameRecord = match description::host() {
    Some(host) => host.frame_record,
    None => panic!("there is a description of every machine that barriers run on"),
};

/// Does the first word of a record belong to the frame above? Then the youngest frame has one, too, at its stack pointer.
pub const IS_LINKED_FROM_BELOW: bool = matches!(KIND, FrameRecord::AtStackPointer { .. });

/// What every frame has below for the records of its callees.
pub const FOR_CALLEES: usize = if IS_LINKED_FROM_BELOW { 160 } else { 0 };

/// From a record's first byte to one past its last.
pub const RECORD_BYTES: usize = if IS_LINKED_FROM_BELOW { FOR_CALLEES } else { 2 * WORD };

/// How many bytes of it are the frame's own: the frame ends behind them, and the one above begins there.
pub const OWN_BYTES: usize = if IS_LINKED_FROM_BELOW { 0 } else { RECORD_BYTES };

/// Where in a record the return address lies.
pub const PC_OFFSET: usize = match KIND {
    FrameRecord::AtStackPointer { return_address } => return_address,
    _ => WORD,
};

/// Where in a record the frame has saved its caller's stack pointer, which is the record's address.
pub const SP_OFFSET: Option<usize> = if IS_LINKED_FROM_BELOW { Some(PC_OFFSET + WORD) } else { None };

/// Address of the record that the frame pointer `fp` leads to.
pub const fn record_of(fp: usize) -> usize {
    KIND.link(fp)
}

/// The frame pointer that leads to `record`.
pub const fn pointer_to(record: usize) -> usize {
    record.wrapping_sub(KIND.link(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_to_a_record_leads_to_it() {
        for record in [0x1000, usize::MAX - 15] {
            assert_eq!(record_of(pointer_to(record)), record);
        }
    }

    #[test]
    fn a_record_holds_what_it_should() {
        const { assert!(OWN_BYTES <= RECORD_BYTES && PC_OFFSET < RECORD_BYTES) };
        assert_ne!(SP_OFFSET, Some(PC_OFFSET));
    }
}
