//! The code that is returned to, and the switch between stacks: one file per architecture, with the same
//! items in the same order.
//!
//! | item | what |
//! |---|---|
//! | [`stub_table`] | address of the first stub; the layout of `stub.rs` starts here |
//! | [`is_trampoline`] | is this pc anywhere in stubs, tails or landing pad? |
//! | [`interrupted_return`] | where the trampoline will go on, seen from any of its instructions |
//! | [`Context`] | a stack that does not run: its stack pointer, all else lies on the stack |
//! | [`switch`] | from one stack to another |
//! | [`prepare`] | the first entry of a new stack |
//! | [`set_parent`] | where a debugger goes on from a stack's outermost frame |
//! | [`protect`], [`recover`] | drop the frames below a point: for a recover in the middle of a stack |
//! | [`trap`] | stop the process, nothing unwound |
//!
//! Descriptions of *all* architectures, as plain data, are in [`crate::description`], on every host.

cfg_if::cfg_if! {
    if #[cfg(target_arch = "x86_64")] {
        mod x86_64;
        pub use x86_64::*;
    } else {
        compile_error!("barrier-arch has no trampoline for this architecture; supported: x86_64 (Linux)");
    }
}

/// Registers of a stack that does not run, as far as a walk needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedRegisters {
    /// Where it will go on.
    pub pc: usize,
    /// Its stack pointer there.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// Lowest address of the saved registers, which lie right below `sp`.
    pub saved_from: usize,
}

/// A stack that was made ready to run for the first time.
#[derive(Debug)]
pub struct Prepared {
    /// What to [`switch`] to.
    pub context: Context,
    /// Stack pointer of the outermost frame: a walk that ends anywhere else was cut short (I10).
    pub outermost_sp: usize,
}

/// Where [`recover`] goes on.
///
/// Filled in by [`protect`]; meaningful until that call of `protect` returns.
#[repr(C)]
#[derive(Debug, Default)]
pub struct RecoverPoint {
    sp: usize,
    pc: usize,
}

impl RecoverPoint {
    /// The stack pointer there: every frame below it is gone after a [`recover`]. To be given to
    /// [`crate::patch::skip`] first.
    pub fn sp(&self) -> usize {
        self.sp
    }
}
