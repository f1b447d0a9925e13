//! The bytes of an `.eh_frame` section, made such that gimli reads them, and which key AArch64 code signs with.
//!
//! ```text
//!   CIE as the compiler wrote it   length  0  version  "zRB\0"  …  data and instructions
//!   CIE in our copy                length  0  version  "zR\0"  …  data and instructions  nop      its offset is remembered: key B
//! ```
//!
//! The `B` in the augmentation string is a flag, without data of its own ("DWARF for the Arm 64-bit Architecture (AArch64)", Call frame
//! information), and gimli (0.33, 0.34) knows none such but `S`. So a section in which it occurs is copied when the tables are made, where
//! allocation is allowed, and the flag taken out: what follows in its CIE moves down by a byte, and a `DW_CFA_nop` fills the end, so that everything
//! else keeps its offset. What is relative to its own address is so to the original, by [`gimli::BaseAddresses`]; but for the personality routine's
//! address in such a CIE, which nobody here asks for.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::iter;
use core::ops::Range;

use barrier_arch::arch::SigningKey;
use gimli::{EhFrame, EndianSlice, NativeEndian, Reader};

use super::host::{HAS_KEYS, VENDOR};
use crate::memory::WORD;

pub(super) type Bytes<'t> = EndianSlice<'t, NativeEndian>;

/// A section.
#[derive(Debug)]
pub(super) struct Section<'t> {
    bytes: Cow<'t, [u8]>,
    /// Where the CIEs of code that signs with key B are, ascending.
    key_b: Vec<usize>,
}

impl<'t> Section<'t> {
    /// `bytes` may go on after the section's terminating zero word.
    pub(super) fn new(bytes: &'t [u8]) -> Section<'t> {
        if HAS_KEYS {
            Section::without_flags(bytes)
        } else {
            Section { bytes: bytes.into(), key_b: Vec::new() }
        }
    }

    /// With every `B` taken out.
    fn without_flags(original: &'t [u8]) -> Section<'t> {
        let (mut bytes, mut key_b) = (Cow::Borrowed(original), Vec::new());
        for (cie, from_flag) in flags(original) {
            let last = from_flag.end - 1;
            bytes.to_mut().copy_within(from_flag.start + 1..from_flag.end, from_flag.start);
            bytes.to_mut()[last] = gimli::DW_CFA_nop.0;
            key_b.push(cie);
        }
        Section { bytes, key_b }
    }

    /// For gimli.
    pub(super) fn eh_frame(&self) -> EhFrame<Bytes<'_>> {
        let mut section = EhFrame::new(&self.bytes, NativeEndian);
        section.set_address_size(WORD as u8);
        section.set_vendor(VENDOR);
        section
    }

    /// The key of the code whose CIE is at the offset `cie`.
    pub(super) fn key(&self, cie: usize) -> SigningKey {
        if self.key_b.binary_search(&cie).is_ok() { SigningKey::B } else { SigningKey::A }
    }
}

/// Each CIE with a `B`: its offset, and what lies between the `B`, included, and the CIE's end. As far as the section can be read.
fn flags(section: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let whole = EndianSlice::new(section, NativeEndian);
    let mut rest = whole;
    let entries = iter::from_fn(move || {
        let offset = rest.offset_from(whole);
        Some((offset, next_entry(&mut rest)?))
    });
    entries.filter_map(move |(offset, entry)| {
        let from_flag = flag(entry)?;
        let start = from_flag.offset_from(whole);
        Some((offset, start..start + from_flag.len()))
    })
}

/// Takes the next entry off, up to the zero word; it comes without its length.
fn next_entry<'t>(section: &mut Bytes<'t>) -> Option<Bytes<'t>> {
    let (length, _) = section.read_initial_length().ok()?;
    if length == 0 { None } else { section.split(length).ok() }
}

/// The rest of an entry from its `B` on, if it is a CIE that has one.
fn flag(mut entry: Bytes<'_>) -> Option<Bytes<'_>> {
    let (id, _version) = (entry.read_u32().ok()?, entry.read_u8().ok()?);
    let augmentation = entry.clone().read_null_terminated_slice().ok().filter(|_| id == 0)?;
    let at = augmentation.iter().position(|&letter| letter == b'B')?;
    entry.skip(at).ok()?;
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry of 16 bytes behind its length.
    fn entry(id: u32, rest: &[u8]) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&16_u32.to_ne_bytes());
        bytes[4..8].copy_from_slice(&id.to_ne_bytes());
        bytes[8..][..rest.len()].copy_from_slice(rest);
        bytes
    }

    #[test]
    fn flags_are_taken_out_of_cies_and_all_else_stays_where_it_is() {
        let before = [
            entry(0, b"\x01zRB\0\x01\x78\x1e\x01\x1b\x0c\x1f"),
            entry(0, b"\x01zR\0B\x78\x1e\x01\x1b"),
            entry(60, b"\x01zRB\0"), // no CIE: bytes like those of one
            entry(0, b"\x01zBR\0\x01\x78\x1e\x01\x1b\x07\x08"),
            entry(0, b"\x01zRB no end."),
            entry(0, b"\x01B\0\x01\x78\x1e\x01\x02\x03\x04\x05\x06"),
        ];
        let mut after = before;
        after[0] = entry(0, b"\x01zR\0\x01\x78\x1e\x01\x1b\x0c\x1f");
        after[3] = entry(0, b"\x01zR\0\x01\x78\x1e\x01\x1b\x07\x08");
        after[5] = entry(0, b"\x01\0\x01\x78\x1e\x01\x02\x03\x04\x05\x06");
        // Behind the zero word nothing is looked at.
        let [before, after] = [before, after]
            .map(|entries| [entries.as_flattened(), &[0; 4], &entry(0, b"\x01zRB\0")].concat());
        let section = Section::without_flags(&before);
        assert_eq!(*section.bytes, *after);
        assert_eq!(section.key_b, [0, 60, 100]);
        let keys = [0, 20, 40, 60, 80, 100].map(|cie| section.key(cie) == SigningKey::B);
        assert_eq!(keys, [true, false, false, true, false, true]);
    }

    #[test]
    fn a_section_without_flags_or_sense_is_not_copied() {
        for bytes in [&[][..], &[1, 2], &[9; 40], &entry(0, b"\x01zR\0")] {
            let section = Section::without_flags(bytes);
            assert!(matches!(section.bytes, Cow::Borrowed(same) if same == bytes));
        }
    }
}
