//! Compiled code as debuggers know it: names and lines in backtraces and for breakpoints, and stacks that unwind through it.
//!
//! GDB's JIT interface, which lldb has as well. Each time that code is linked, an entry goes on a list which the debugger finds by its symbol; a function
//! that does nothing is called after each change, and the debugger has a breakpoint there.
//!
//! ```text
//!   __jit_debug_descriptor ─▶ entry ⇄ entry ⇄ …
//!                               │
//!                               └▶ ELF image:  .text │ .eh_frame │ .debug_* │ symbols        of .text only where it lies
//! ```
//!
//! Neither is found in an executable whose symbols have been stripped. Layout and constants are those of GDB's manual, "JIT Compilation Interface".

use std::arch::asm;
use std::fmt;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use object::Endianness;
use object::build::elf::{Builder, SectionData};
use object::elf;

use super::error::CompileError;
use super::known_code::NamedCode;
use super::line_table;

const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;
/// Bytes of an ELF header: the first section's contents come right after it.
const HEADER_BYTES: u64 = 64;

const MACHINE: elf::Machine = cfg_select! {
    target_arch = "x86_64" => elf::EM_X86_64,
    target_arch = "aarch64" => elf::EM_AARCH64,
    target_arch = "riscv64" => elf::EM_RISCV,
    target_arch = "s390x" => elf::EM_S390,
};

const ENDIANNESS: Endianness = if cfg!(target_endian = "big") { Endianness::Big } else { Endianness::Little };

#[repr(C)]
struct CodeEntry {
    next: AtomicPtr<CodeEntry>,
    previous: AtomicPtr<CodeEntry>,
    image: *const u8,
    image_bytes: u64,
}

#[repr(C)]
struct Descriptor {
    version: u32,
    action: AtomicU32,
    /// The entry that `action` is about.
    relevant: AtomicPtr<CodeEntry>,
    first: AtomicPtr<CodeEntry>,
}

#[used]
#[unsafe(export_name = "__jit_debug_descriptor")]
static DESCRIPTOR: Descriptor = Descriptor {
    version: 1,
    action: AtomicU32::new(0),
    relevant: AtomicPtr::new(null_mut()),
    first: AtomicPtr::new(null_mut()),
};

/// Held by whoever changes the list.
static LIST: Mutex<()> = Mutex::new(());

#[unsafe(export_name = "__jit_debug_register_code")]
#[inline(never)]
extern "C" fn list_has_changed() {
    // SAFETY: does nothing; a call of it is not optimised away.
    unsafe { asm!("") };
}

fn tell_debugger(action: u32, about: *mut CodeEntry) {
    DESCRIPTOR.relevant.store(about, Ordering::Release);
    DESCRIPTOR.action.store(action, Ordering::Release);
    list_has_changed();
}

/// Code that debuggers know of until this is dropped.
pub struct DebuggerEntry {
    /// Made by a `Box`, on the list.
    entry: *mut CodeEntry,
    /// The ELF file that `entry` points to.
    image: Box<[u8]>,
}

impl DebuggerEntry {
    /// Makes `functions` known, their lines, and how to unwind them.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if there is no ELF file that says so.
    pub fn new(functions: &[NamedCode], eh_frame: &[u8]) -> Result<DebuggerEntry, CompileError> {
        let directory = std::env::current_dir().unwrap_or_default();
        let lines = line_table::sections(functions, &directory.to_string_lossy());
        let lines = lines.map_err(CompileError::backend)?;
        let image = image(functions, eh_frame, &lines).map_err(CompileError::backend)?.into_boxed_slice();
        let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let first = DESCRIPTOR.first.load(Ordering::Relaxed);
        let entry = Box::into_raw(Box::new(CodeEntry {
            next: AtomicPtr::new(first),
            previous: AtomicPtr::new(null_mut()),
            image: image.as_ptr(),
            image_bytes: image.len() as u64,
        }));
        // SAFETY: what is on the list is there until it has been taken off, under the lock.
        if let Some(first) = unsafe { first.as_ref() } {
            first.previous.store(entry, Ordering::Release);
        }
        DESCRIPTOR.first.store(entry, Ordering::Release);
        tell_debugger(REGISTER, entry);
        Ok(DebuggerEntry { entry, image })
    }
}

impl Drop for DebuggerEntry {
    fn drop(&mut self) {
        let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: from `new`; freed below and nowhere else.
        let entry = unsafe { &*self.entry };
        let (next, previous) = (entry.next.load(Ordering::Relaxed), entry.previous.load(Ordering::Relaxed));
        // SAFETY: the neighbours are on the list, under the lock.
        let (after, before) = unsafe { (next.as_ref(), previous.as_ref()) };
        if let Some(after) = after {
            after.previous.store(previous, Ordering::Release);
        }
        before.map_or(&DESCRIPTOR.first, |before| &before.next).store(next, Ordering::Release);
        tell_debugger(UNREGISTER, self.entry);
        // SAFETY: made by `Box::into_raw`, and off the list now.
        drop(unsafe { Box::from_raw(self.entry) });
    }
}

// SAFETY: the entry is touched under the lock of the list only.
unsafe impl Send for DebuggerEntry {}
// SAFETY: as above; a shared one shows nothing but its length.
unsafe impl Sync for DebuggerEntry {}

impl fmt::Debug for DebuggerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DebuggerEntry({} bytes of ELF)", self.image.len())
    }
}

/// An executable that has been loaded: its sections are where they say. `lines` are further ones, which are not in memory.
fn image(
    functions: &[NamedCode],
    eh_frame: &[u8],
    lines: &[(&'static str, Vec<u8>)],
) -> object::build::Result<Vec<u8>> {
    let start = functions.iter().map(|function| function.code.start).min().unwrap_or(0);
    let end = functions.iter().map(|function| function.code.end).max().unwrap_or(0);
    let mut elf = Builder::new(ENDIANNESS, true);
    elf.header.e_type = elf::ET_EXEC;
    elf.header.e_machine = MACHINE;
    let text = elf.sections.add();
    text.name = b".text"[..].into();
    text.sh_type = elf::SHT_NOBITS;
    text.sh_flags = elf::SHF_ALLOC | elf::SHF_EXECINSTR;
    (text.sh_addr, text.sh_offset, text.sh_addralign) = (start as u64, HEADER_BYTES, 1);
    text.data = SectionData::UninitializedData((end - start) as u64);
    let text = text.id();
    let frames = elf.sections.add();
    frames.name = b".eh_frame"[..].into();
    frames.sh_type = elf::SHT_PROGBITS;
    frames.sh_flags = elf::SHF_ALLOC;
    (frames.sh_addr, frames.sh_offset, frames.sh_addralign) = (eh_frame.as_ptr() as u64, HEADER_BYTES, 8);
    frames.data = SectionData::Data(eh_frame.into());
    for (name, data) in lines {
        let section = elf.sections.add();
        (section.name, section.sh_type, section.sh_addralign) =
            (name.as_bytes().into(), elf::SHT_PROGBITS, 1);
        section.data = SectionData::Data(data.as_slice().into());
    }
    for (name, sh_type, data) in [
        (&b".symtab"[..], elf::SHT_SYMTAB, SectionData::Symbol),
        (b".strtab", elf::SHT_STRTAB, SectionData::String),
        (b".shstrtab", elf::SHT_STRTAB, SectionData::SectionString),
    ] {
        let section = elf.sections.add();
        (section.name, section.sh_type, section.data, section.sh_addralign) = (name.into(), sh_type, data, 8);
    }
    for function in functions {
        let symbol = elf.symbols.add();
        symbol.name = function.name.as_bytes().into();
        symbol.section = Some(text);
        symbol.set_st_info(elf::STB_GLOBAL, elf::STT_FUNC);
        symbol.st_value = function.code.start as u64;
        symbol.st_size = function.code.len() as u64;
    }
    let mut bytes = Vec::new();
    elf.write(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use object::read::elf::ElfFile64;
    use object::{Object, ObjectSection, ObjectSymbol};

    use super::*;

    fn functions(start: usize) -> [NamedCode; 2] {
        [("list->vector", 0x40), ("f", 0)].map(|(name, at)| NamedCode {
            name: Rc::from(name),
            code: start + at..start + at + 0x30,
            source: None,
        })
    }

    /// What a debugger finds: the images on the list, each entry's neighbours checked.
    fn listed() -> Vec<*const u8> {
        let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut previous, mut at) = (null_mut(), DESCRIPTOR.first.load(Ordering::Acquire));
        let mut found = Vec::new();
        // SAFETY: on the list, under the lock.
        while let Some(entry) = unsafe { at.as_ref() } {
            assert_eq!(entry.previous.load(Ordering::Acquire), previous);
            found.push(entry.image);
            (previous, at) = (at, entry.next.load(Ordering::Acquire));
        }
        found
    }

    #[test]
    fn entries_come_and_go_in_any_order() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut entries = [1, 2, 3].map(|i| DebuggerEntry::new(&functions(i << 12), &[0; 4]).ok());
            let images = entries.each_ref().map(|entry| entry.as_ref().expect("an image").image.as_ptr());
            for (gone, index) in order.into_iter().enumerate() {
                let there = listed();
                assert_eq!(images.iter().filter(|image| there.contains(image)).count(), 3 - gone);
                entries[index] = None;
                assert!(!listed().contains(&images[index]));
            }
        }
    }

    #[test]
    fn the_image_says_where_functions_are_and_how_to_unwind_them() {
        let frames = [7; 24];
        let bytes = image(&functions(0x7000), &frames, &[]).expect("an image");
        let file: ElfFile64<'_, Endianness> = ElfFile64::parse(&*bytes).expect("an ELF file");
        let symbols = file.symbols().map(|s| (s.name().expect("a name"), s.address(), s.size()));
        assert_eq!(symbols.collect::<Vec<_>>(), [("list->vector", 0x7040, 0x30), ("f", 0x7000, 0x30)]);
        let text = file.section_by_name(".text").expect("a section");
        assert_eq!((text.address(), text.size()), (0x7000, 0x70));
        let section = file.section_by_name(".eh_frame").expect("a section");
        assert_eq!((section.address(), section.data()), (frames.as_ptr() as u64, Ok(&frames[..])));
    }
}
