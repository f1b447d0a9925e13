//! Unwind tables for compiled code: panics and backtraces cross its frames.
//!
//! Cranelift knows where each function keeps what; this writes it down as an `.eh_frame` section, once all addresses are known, and hands that
//! to the process's unwinder. (libgcc wants a whole section that ends with a zero word. LLVM's unwinder wants its entries one by one: with that
//! one, compiled code stays opaque.)

use std::fmt;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::gimli::write::{
    Address, CallFrameInstruction, EhFrame, EndianVec, FrameDescriptionEntry, FrameTable,
};
use cranelift_codegen::gimli::{NativeEndian, SectionId};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use cranelift_module::FuncId;

use super::error::CompileError;
use super::frame_pointer;

/// What is known of functions whose addresses are not.
#[derive(Debug, Default)]
pub struct PendingUnwindInfo(Vec<(FuncId, Rules)>);

/// How to unwind a function.
#[derive(Debug)]
enum Rules {
    /// As Cranelift says.
    Cranelift(UnwindInfo),
    /// With the ABI's frame pointer, in a function of so many bytes.
    Abi(Vec<(u32, CallFrameInstruction)>, u32),
}

impl PendingUnwindInfo {
    /// Takes down how to unwind `function`.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if Cranelift does not know.
    pub fn note(
        &mut self,
        function: FuncId,
        code: &CompiledCode,
        isa: &dyn TargetIsa,
    ) -> Result<(), CompileError> {
        let rules = match frame_pointer::DIFFERS {
            true => {
                Some(Rules::Abi(frame_pointer::unwind_rules(code, isa)?, code.code_buffer().len() as u32))
            }
            false => code.create_unwind_info(isa).map_err(CompileError::backend)?.map(Rules::Cranelift),
        };
        self.0.extend(rules.map(|rules| (function, rules)));
        Ok(())
    }

    /// Makes it known to the process's unwinder, `address` being where each function lies for good.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if this machine has no such tables.
    pub fn register(
        self,
        isa: &dyn TargetIsa,
        address: impl Fn(FuncId) -> usize,
    ) -> Result<UnwindTable, CompileError> {
        let cie = isa.create_systemv_cie().ok_or_else(|| CompileError::backend("no unwind tables"))?;
        let mut table = FrameTable::default();
        let cie = table.add_cie(cie);
        for (function, rules) in &self.0 {
            let entry = rules.entry(Address::Constant(address(*function) as u64));
            entry.into_iter().for_each(|entry| table.add_fde(cie, entry));
        }
        let mut section = EhFrame(EndianVec::new(NativeEndian));
        table.write_eh_frame(&mut section).map_err(CompileError::backend)?;
        let mut bytes = section.0.into_vec();
        bytes.extend([0; 4]);
        Ok(UnwindTable::new(bytes.into()))
    }
}

impl Rules {
    /// The table's entry for a function at `address`.
    fn entry(&self, address: Address) -> Option<FrameDescriptionEntry> {
        match self {
            Rules::Cranelift(UnwindInfo::SystemV(info)) => Some(info.to_fde(address)),
            Rules::Cranelift(_) => None,
            Rules::Abi(rules, length) => {
                let mut entry = FrameDescriptionEntry::new(address, *length);
                rules.iter().for_each(|(offset, rule)| entry.add_instruction(*offset, rule.clone()));
                Some(entry)
            }
        }
    }
}

unsafe extern "C" {
    fn __register_frame(section: *const u8);
    fn __deregister_frame(section: *const u8);
}

/// A table that the process's unwinder knows, until it is dropped.
pub struct UnwindTable(Box<[u8]>);

impl UnwindTable {
    fn new(section: Box<[u8]>) -> UnwindTable {
        // SAFETY: a section that ends with a zero word and stays where it is until `drop`.
        unsafe { __register_frame(section.as_ptr()) };
        UnwindTable(section)
    }

    /// The `.eh_frame` section, for other readers.
    pub fn section(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for UnwindTable {
    fn drop(&mut self) {
        // SAFETY: registered by `new`, once.
        unsafe { __deregister_frame(self.0.as_ptr()) };
    }
}

impl fmt::Debug for UnwindTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnwindTable({} bytes of {})", self.0.len(), SectionId::EhFrame.name())
    }
}
