//! Single-stepping: an observer is shown the registers at every instruction of a piece of code.
//!
//! The processor's trap flag raises SIGTRAP after each instruction; the handler runs on an alternate stack, so the stack that is stepped on is
//! as the code left it. The observer must do what a signal handler may do: no allocation, no lock.

use std::arch::asm;
use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use unwind_walk::Registers;

/// Looks at a thread between two of its instructions.
pub trait Observer {
    /// The thread is about to execute the instruction at `at.pc`.
    fn look(&mut self, at: Registers);
}

/// The right to step: one at a time in the process, and on the thread that made it.
pub struct Stepper {
    /// Behind a pointer: the signal handler reads what the stepped thread wrote.
    target: Box<Target>,
    alternate: AlternateStack,
    _alone: MutexGuard<'static, ()>,
}

struct Target {
    observer: *mut dyn Observer,
}

static ALONE: Mutex<()> = Mutex::new(());
static TARGET: AtomicPtr<Target> = AtomicPtr::new(std::ptr::null_mut());
static STEPS: AtomicUsize = AtomicUsize::new(0);

/// An observer that is not asked.
struct Nobody;

impl Observer for Nobody {
    fn look(&mut self, _: Registers) {}
}

impl Stepper {
    /// For the calling thread. Waits until no other thread of the process has one.
    ///
    /// # Panics
    ///
    /// If the kernel refuses the signal handler or its stack.
    pub fn new() -> Stepper {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        install_handler();
        let observer: *mut dyn Observer = std::ptr::dangling_mut::<Nobody>();
        Stepper { target: Box::new(Target { observer }), alternate: AlternateStack::new(), _alone: alone }
    }

    /// From here to [`Stepper::stop`], `observer` is shown each instruction of the calling thread.
    ///
    /// # Safety
    ///
    /// The calling thread made the stepper. `observer` stays valid, and nobody else uses it, until the stop.
    #[inline(always)]
    pub unsafe fn start(&mut self, observer: *mut dyn Observer) {
        self.aim(observer);
        // SAFETY: sets the trap flag; the handler is in place.
        unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    }

    /// Ends the stepping.
    #[inline(always)]
    pub fn stop(&mut self) {
        // SAFETY: clears the trap flag.
        unsafe { asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq") };
    }

    /// How many instructions were stepped since the last start.
    pub fn steps(&self) -> usize {
        STEPS.load(Ordering::Relaxed)
    }

    #[inline(never)]
    fn aim(&mut self, observer: *mut dyn Observer) {
        self.target.observer = observer;
        STEPS.store(0, Ordering::Relaxed);
        TARGET.store(&raw mut *self.target, Ordering::Release);
    }
}

impl Default for Stepper {
    fn default() -> Stepper {
        Stepper::new()
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        TARGET.store(std::ptr::null_mut(), Ordering::Release);
        self.alternate.leave();
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stepper({} steps)", self.steps())
    }
}

extern "C" fn on_trap(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let target = TARGET.load(Ordering::Acquire);
    if target.is_null() {
        return;
    }
    STEPS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the kernel's context; while a thread is stepping, its stepper and its observer are alive.
    unsafe { (*(*target).observer).look(interrupted(context)) };
}

/// The registers with which a thread was interrupted.
///
/// # Safety
///
/// `context` is what the kernel passed to a signal handler that has not returned.
pub unsafe fn interrupted(context: *mut libc::c_void) -> Registers {
    // SAFETY: the kernel's own structure.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let register = |index: libc::c_int| registers[index as usize] as usize;
    Registers { pc: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP) }
}

fn install_handler() {
    static ONCE: Once = Once::new();
    // SAFETY: a handler that calls an observer, which keeps to what a handler may do.
    ONCE.call_once(|| unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()), 0);
    });
}

/// A stack for the calling thread's signal handlers, instead of the one it had.
struct AlternateStack {
    _memory: Vec<u8>,
    before: libc::stack_t,
}

const ALTERNATE_BYTES: usize = 256 << 10;

impl AlternateStack {
    fn new() -> AlternateStack {
        let mut memory = vec![0_u8; ALTERNATE_BYTES];
        let stack =
            libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: ALTERNATE_BYTES };
        let mut before = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: memory that lives until `leave`.
        assert_eq!(unsafe { libc::sigaltstack(&stack, &mut before) }, 0);
        AlternateStack { _memory: memory, before }
    }

    fn leave(&self) {
        // SAFETY: the stack that the thread had before.
        unsafe { libc::sigaltstack(&self.before, std::ptr::null_mut()) };
    }
}
