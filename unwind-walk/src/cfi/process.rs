//! The objects that the loader has mapped into this process, by `dl_iterate_phdr`.

use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use core::ops::Range;
use core::slice;

use super::UnwindTables;
use super::module::{Header, Module};

impl UnwindTables<'static> {
    /// The tables of the program and of every library that is loaded now. Allocates, and takes the loader's lock: not for
    /// signal handlers. Objects without a search table (`.eh_frame_hdr`) are left out.
    ///
    /// # Safety
    ///
    /// No library that is loaded now is unloaded while the tables are in use.
    pub unsafe fn of_this_process() -> UnwindTables<'static> {
        let mut tables = UnwindTables::new();
        // SAFETY: the callback is called with the pointer to `tables` that is passed here, before this returns.
        unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut tables).cast()) };
        tables
    }
}

/// A program header as the loader has it: by the width of pointers, which on x32 is not that of registers.
#[cfg(target_pointer_width = "64")]
type ProgramHeader = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "32")]
type ProgramHeader = libc::Elf32_Phdr;

/// For each object: adds its table.
unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _: usize, tables: *mut c_void) -> c_int {
    // SAFETY: the loader's structure, and `of_this_process`'s tables.
    let (info, tables) = unsafe { (&*info, &mut *tables.cast::<UnwindTables<'static>>()) };
    // SAFETY: that many program headers lie there as long as the object is loaded.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    // SAFETY: headers and base are those of a loaded object, which stays by the caller's promise.
    if let Some(module) = unsafe { module_of(info.dlpi_addr as usize, headers) } {
        tables.insert(module);
    }
    0
}

/// # Safety
///
/// An object with these program headers is loaded at `base` for good.
unsafe fn module_of(base: usize, headers: &[ProgramHeader]) -> Option<Module<'static>> {
    let range = |header: &ProgramHeader| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        start..start + header.p_memsz as usize
    };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let code: Vec<Range<usize>> = loaded().filter(|h| h.p_flags & libc::PF_X != 0).map(range).collect();
    let text = code.iter().map(|r| r.start).min()?..code.iter().map(|r| r.end).max()?;
    let hdr = range(headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?);
    // SAFETY: a mapped segment of an object that stays.
    let header = Header::parse(unsafe { bytes(&hdr) })?;
    let segment = loaded().map(range).find(|segment| segment.contains(&header.eh_frame))?;
    // SAFETY: as above.
    let eh_frame = unsafe { bytes(&(header.eh_frame..segment.end)) };
    Some(Module::loaded(text, header, eh_frame))
}

/// # Safety
///
/// The range is mapped, readable and constant for good.
unsafe fn bytes(range: &Range<usize>) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(range.start as *const u8, range.len()) }
}
