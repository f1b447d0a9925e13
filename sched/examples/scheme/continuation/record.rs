//! Frame records of compiled code: two words, the caller's frame pointer and the return address; a frame ends with its record.
//!
//! What a frame pointer points at is the ABI's business: the record on x86-64 and AArch64, what lies behind it on RISC-V. All code here that follows or
//! writes frame pointers goes through the two functions of this file, and otherwise speaks of records.

use barrier_arch::description::{self, FrameRecord};

/// The caller's frame pointer, the return address.
pub const RECORD_BYTES: usize = 2 * size_of::<usize>();

const KIND: FrameRecord = match description::host() {
    Some(host) => host.frame_record,
    None => panic!("there is a description of every machine that barriers run on"),
};

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
}
