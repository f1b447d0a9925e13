//! Unwind tables for compiled code: panics and backtraces cross its frames.
//!
//! Cranelift knows where each function keeps what; this writes it down as an `.eh_frame` section, once all addresses are known, and hands that
//! to the process's unwinder. (libgcc wants a whole section that ends with a zero word. LLVM's unwinder wants its entries one by one: with that
//! one, compiled code stays opaque.)

use std::fmt;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::gimli::write::{Address, EhFrame, EndianVec, FrameTable};
use cranelift_codegen::gimli::{LittleEndian, SectionId};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use cranelift_module::FuncId;

use super::error::CompileError;

/// What is known of functions whose addresses are not.
#[derive(Debug, Default)]
pub struct PendingUnwindInfo(Vec<(FuncId, UnwindInfo)>);

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
        let info = code.create_unwind_info(isa).map_err(CompileError::backend)?;
        self.0.extend(info.map(|info| (function, info)));
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
        for (function, info) in &self.0 {
            let UnwindInfo::SystemV(info) = info else { continue };
            table.add_fde(cie, info.to_fde(Address::Constant(address(*function) as u64)));
        }
        let mut section = EhFrame(EndianVec::new(LittleEndian));
        table.write_eh_frame(&mut section).map_err(CompileError::backend)?;
        let mut bytes = section.0.into_vec();
        bytes.extend([0; 4]);
        Ok(UnwindTable::new(bytes.into()))
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
