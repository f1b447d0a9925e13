//! Steps through the trampoline without a processor's help: each of its instructions is replaced by one that traps.
//!
//! ```text
//!   trap at a:  put the instruction of a back, look, go on                  … a runs …
//!   trap at b:  make a trap again; put the instruction of b back, look, go on
//! ```
//!
//! For machines, and emulators of them, that have no trap flag. One thread at a time may run through the trampoline.

use std::sync::atomic::{AtomicBool, Ordering};

use barrier_arch::arch;

use crate::target::{TRAP, flush, length_at, resume_at, sp_of};

/// What looks: the instruction that is about to run, and the stack pointer.
pub(crate) type Look = fn(pc: usize, sp: usize);

struct Stepper {
    /// The trampoline's bytes as they were.
    original: Vec<u8>,
    /// Whose trap is not set just now.
    running: Option<usize>,
    look: Look,
}

static mut STEPPER: Option<Stepper> = None;
static BUSY: AtomicBool = AtomicBool::new(false);

/// From its making until it is dropped, every instruction of the trampoline is looked at.
pub(crate) struct Stepping(());

impl Stepping {
    /// Sets all traps.
    ///
    /// # Panics
    ///
    /// If somebody else steps.
    pub(crate) fn start(look: Look) -> Stepping {
        assert!(!BUSY.swap(true, Ordering::AcqRel), "one at a time");
        let (from, to) = bounds();
        // SAFETY: code of this process.
        let original = unsafe { std::slice::from_raw_parts(from as *const u8, to - from).to_vec() };
        make_writable(from, to);
        handle_traps();
        // SAFETY: nobody runs in the trampoline; alone, by the flag.
        unsafe {
            STEPPER = Some(Stepper { original, running: None, look });
            let mut at = from;
            while at < to {
                let length = length_at(at);
                write(at, TRAP);
                at += length;
            }
        }
        Stepping(())
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        // SAFETY: nobody runs in the trampoline; alone, by the flag.
        unsafe {
            let stepper = (&raw mut STEPPER).replace(None).expect("started");
            write(bounds().0, &stepper.original);
        }
        BUSY.store(false, Ordering::Release);
    }
}

/// First byte of the trampoline and one past its last.
fn bounds() -> (usize, usize) {
    let from = arch::stub_table();
    let to = (from..).step_by(TRAP.len()).find(|&at| !arch::is_trampoline(at)).expect("it ends");
    (from, to)
}

fn make_writable(from: usize, to: usize) {
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let start = from / page * page;
    let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    // SAFETY: pages of this program's code, which stay readable and executable.
    assert_eq!(unsafe { libc::mprotect(start as *mut libc::c_void, to - start, all) }, 0);
}

/// # Safety
///
/// `at` is in the trampoline's pages, which were made writable, and nobody runs there.
unsafe fn write(at: usize, bytes: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
    (at..at + bytes.len()).step_by(TRAP.len()).for_each(flush);
}

fn handle_traps() {
    // SAFETY: a handler that changes code of ours that does not run just now.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
    }
}

extern "C" fn on_trap(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's, and the thread that steps is stopped here.
    unsafe {
        let (pc, sp) = ((*info).si_addr() as usize, sp_of(context));
        let (from, to) = bounds();
        let stepper = &mut *(&raw mut STEPPER);
        let Some(stepper) = stepper.as_mut().filter(|_| (from..to).contains(&pc)) else {
            libc::abort() // somebody else's trap
        };
        if let Some(before) = stepper.running.replace(pc) {
            write(before, TRAP);
        }
        let bytes = &stepper.original[pc - from..];
        write(pc, &bytes[..TRAP.len()]);
        (stepper.look)(pc, sp);
        resume_at(context, pc);
    }
}
