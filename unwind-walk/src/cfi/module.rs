//! One table: an object that the loader mapped, or a region of generated code.

use alloc::vec::Vec;
use core::ops::Range;

use barrier_arch::arch::SigningKey;
use gimli::{
    BaseAddresses, CieOrFde, EhFrame, EhFrameHdr, EhFrameOffset, FrameDescriptionEntry, NativeEndian,
    ParsedEhFrameHdr, Pointer, UnwindSection,
};

use super::BadTable;
use super::section::{Bytes, Section};
use crate::memory::WORD;

pub(super) type Fde<'t> = FrameDescriptionEntry<Bytes<'t>>;

/// An `.eh_frame` section and the way into it.
#[derive(Debug)]
pub(super) struct Module<'t> {
    text: Range<usize>,
    section: Section<'t>,
    bases: BaseAddresses,
    index: Index<'t>,
}

/// From an address to the entry that may describe it.
#[derive(Debug)]
enum Index<'t> {
    /// The linker's search table.
    Header(ParsedEhFrameHdr<Bytes<'t>>),
    /// Ours: first address of a function, its entry; ascending.
    Sorted(Vec<(u64, EhFrameOffset)>),
}

/// A mapped object's search table, and what it says of the table itself.
pub(super) struct Header<'t> {
    parsed: ParsedEhFrameHdr<Bytes<'t>>,
    bases: BaseAddresses,
    /// Address of `.eh_frame`.
    pub(super) eh_frame: usize,
}

impl<'t> Header<'t> {
    /// From an `.eh_frame_hdr` section; `None` if it has no search table.
    pub(super) fn parse(section: &'t [u8]) -> Option<Header<'t>> {
        let bases = BaseAddresses::default().set_eh_frame_hdr(section.as_ptr() as u64);
        let parsed = EhFrameHdr::new(section, NativeEndian).parse(&bases, WORD as u8).ok()?;
        parsed.table()?;
        let Pointer::Direct(eh_frame) = parsed.eh_frame_ptr() else { return None };
        Some(Header { parsed, bases, eh_frame: eh_frame as usize })
    }
}

impl<'t> Module<'t> {
    /// An object with a search table. `eh_frame` begins where the header says.
    pub(super) fn loaded(text: Range<usize>, header: Header<'t>, eh_frame: &'t [u8]) -> Module<'t> {
        let bases = header.bases.set_eh_frame(eh_frame.as_ptr() as u64);
        Module { text, section: Section::new(eh_frame), bases, index: Index::Header(header.parsed) }
    }

    /// A bare section, which is read through once for its index.
    pub(super) fn indexed(eh_frame: &'t [u8]) -> Result<Module<'t>, BadTable> {
        let at = eh_frame.as_ptr() as usize;
        let bases = BaseAddresses::default().set_eh_frame(at as u64);
        let section = Section::new(eh_frame);
        let (mut sorted, mut start, mut end) = (Vec::new(), u64::MAX, 0);
        let readable = section.eh_frame();
        let mut entries = readable.entries(&bases);
        while let Some(entry) = entries.next().map_err(|error| BadTable::Unparsable(at, error))? {
            let CieOrFde::Fde(partial) = entry else { continue };
            let fde = partial.parse(EhFrame::cie_from_offset);
            let fde = fde.map_err(|error| BadTable::Unparsable(at, error))?;
            (start, end) = (start.min(fde.initial_address()), end.max(fde.end_address()));
            sorted.push((fde.initial_address(), EhFrameOffset(fde.offset())));
        }
        if start >= end {
            return Err(BadTable::Empty(at));
        }
        sorted.sort_by_key(|&(address, _)| address);
        Ok(Module { text: start as usize..end as usize, section, bases, index: Index::Sorted(sorted) })
    }

    pub(super) fn text(&self) -> Range<usize> {
        self.text.clone()
    }

    pub(super) fn eh_frame(&self) -> EhFrame<Bytes<'_>> {
        self.section.eh_frame()
    }

    pub(super) fn bases(&self) -> &BaseAddresses {
        &self.bases
    }

    /// With which key the function signs, if it does.
    pub(super) fn key(&self, fde: &Fde<'_>) -> SigningKey {
        self.section.key(fde.cie().offset())
    }

    /// The entry of the function that `pc` lies in.
    pub(super) fn fde_of(&self, pc: usize) -> Option<Fde<'_>> {
        let offset = match &self.index {
            Index::Header(header) => {
                let table = header.table()?;
                table.pointer_to_offset(table.lookup(pc as u64, &self.bases).ok()?).ok()?
            }
            Index::Sorted(sorted) => {
                let after = sorted.partition_point(|&(address, _)| address <= pc as u64);
                sorted[..after].last()?.1
            }
        };
        let fde = self.eh_frame().fde_from_offset(&self.bases, offset, EhFrame::cie_from_offset).ok()?;
        fde.contains(pc as u64).then_some(fde)
    }
}
