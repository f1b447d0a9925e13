//! Can return addresses be patched on this machine at all?
//!
//! With a user shadow stack (Intel CET, AMD the same) the processor keeps a second copy of every return
//! address and faults on the first return through a barrier. The library says so at start; a collector then
//! falls back to the full re-scan (I15).

use core::fmt;

/// Why return addresses cannot be patched here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// This thread runs on a user shadow stack.
    #[error(
        "return barriers cannot be used: a user shadow stack is enabled ({0}), and every patched return \
         address would fault. Run with GLIBC_TUNABLES=glibc.cpu.hwcaps=-SHSTK, or do without barriers: the \
         re-scan is then a full one"
    )]
    ShadowStack(Evidence),
}

/// How a shadow stack was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The shadow stack pointer of this thread, read with `rdssp`.
    Pointer(usize),
    /// The feature bits of `arch_prctl(ARCH_SHSTK_STATUS)`.
    Status(u64),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Pointer(ssp) => write!(f, "shadow stack pointer {ssp:#x}"),
            Evidence::Status(bits) => write!(f, "arch_prctl(ARCH_SHSTK_STATUS) = {bits:#x}"),
        }
    }
}

/// What the machine answers when asked about shadow stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Probe {
    /// `rdssp` into a zeroed register: unchanged where shadow stacks are off.
    pub shadow_stack_pointer: usize,
    /// Feature bits, if the kernel knows the question.
    pub status: Option<u64>,
}

/// Whether return addresses can be patched on this thread, asking the machine.
///
/// # Errors
///
/// [`Unsupported`] says why not.
pub fn support() -> Result<(), Unsupported> {
    judge(probe())
}

/// What follows from a [`Probe`]'s answers: [`support`] without the machine, for tests.
///
/// # Errors
///
/// [`Unsupported`] says why patching is impossible.
pub fn judge(probe: Probe) -> Result<(), Unsupported> {
    const SHSTK: u64 = 1;
    match probe {
        Probe { shadow_stack_pointer: 0, status } => match status {
            Some(bits) if bits & SHSTK != 0 => Err(Unsupported::ShadowStack(Evidence::Status(bits))),
            _ => Ok(()),
        },
        Probe { shadow_stack_pointer, .. } => {
            Err(Unsupported::ShadowStack(Evidence::Pointer(shadow_stack_pointer)))
        }
    }
}

/// Asks the processor and the kernel.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn probe() -> Probe {
    use core::arch::asm;
    const ARCH_PRCTL: u64 = 158;
    const ARCH_SHSTK_STATUS: u64 = 0x5005;
    let mut shadow_stack_pointer = 0_u64;
    let mut bits = 0_u64;
    let mut result = ARCH_PRCTL;
    // SAFETY: a no-op where there are no shadow stacks, else reads a register.
    unsafe { asm!("rdsspq {}", inout(reg) shadow_stack_pointer, options(nomem, nostack, preserves_flags)) };
    // SAFETY: the kernel writes one word to `bits`, or returns an error.
    unsafe {
        asm!("syscall", inout("rax") result, in("rdi") ARCH_SHSTK_STATUS, in("rsi") (&raw mut bits) as u64,
             out("rcx") _, out("r11") _, options(nostack));
    }
    let shadow_stack_pointer = shadow_stack_pointer as usize;
    Probe { shadow_stack_pointer, status: (result == 0).then_some(bits) }
}

/// Nothing to ask: no shadow stacks are known here.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub fn probe() -> Probe {
    Probe::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn this_machine_gives_an_answer() {
        assert_eq!(support(), judge(probe()));
    }

    #[test]
    fn kernels_without_the_question_are_fine() {
        assert_eq!(judge(Probe { shadow_stack_pointer: 0, status: None }), Ok(()));
        assert_eq!(judge(Probe { shadow_stack_pointer: 0, status: Some(0) }), Ok(()));
    }

    #[test]
    fn a_shadow_stack_is_refused_with_a_way_out() {
        let by_register = judge(Probe { shadow_stack_pointer: 0x7f00, status: None }).unwrap_err();
        assert_eq!(by_register, Unsupported::ShadowStack(Evidence::Pointer(0x7f00)));
        let by_kernel = judge(Probe { shadow_stack_pointer: 0, status: Some(1) }).unwrap_err();
        assert!(by_kernel.to_string().contains("GLIBC_TUNABLES"), "{by_kernel}");
    }
}
