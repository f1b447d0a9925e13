//! `--profile HZ`: a timer for each worker interrupts it so many times a second, and the stack that it runs is walked from there, barriers resolved.
//!
//! What it finds is counted, no more: it is there to walk stacks at all moments (`ci/soak.sh`). The handler is on the threads' alternate stacks,
//! since a small stack of compiled code has no room for a signal's frame.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use sched::{Builder, PooledStacks};
use stack_alloc::GuardPages;
use unwind_walk::{End, FramePointers, LiveStack, Registers, Walk};

use crate::profiler::{Registered, StackRegistry};
use crate::scheme::Scheme;
use crate::scheme::cli::Stacks;
use crate::scheme::stacks::WithRedZone;

/// As many stacks as are looked at.
static REGISTRY: StackRegistry<256> = StackRegistry::new();

/// Below the stack pointer, what the interrupted code may still use.
const RED_ZONE: usize = 128;

static WHOLE: AtomicUsize = AtomicUsize::new(0);
static CUT_SHORT: AtomicUsize = AtomicUsize::new(0);
static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

/// How many samples there were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples {
    /// From the interrupted instruction to the outermost frame.
    pub(crate) whole: usize,
    /// Of code that had no frame record then: in a prologue, or in the C library.
    pub(crate) cut_short: usize,
    /// Not on a task's own stack.
    pub(crate) elsewhere: usize,
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Samples { whole, cut_short, elsewhere } = self;
        write!(f, "{whole} samples to the outermost frame, {cut_short} cut short, {elsewhere} elsewhere")
    }
}

/// The runtime's stacks, as they would be without a profiler, but registered.
pub(crate) fn registered(
    builder: Builder<Scheme>,
    mode: Stacks,
    spacing: Spacing,
    usable: usize,
) -> Builder<Scheme> {
    let source = PooledStacks::new(spacing, GuardPages::Off);
    match mode {
        Stacks::Reserve => builder.stacks(Registered(WithRedZone::new(source, usable), &REGISTRY)),
        Stacks::Copy => builder.stacks(Registered(source, &REGISTRY)),
    }
}

/// Interrupts each of the runtime's `count` workers `hz` times a second, from now on.
///
/// # Errors
///
/// What the system said.
pub(crate) fn start(hz: u32, count: usize) -> std::io::Result<()> {
    // SAFETY: a handler that allocates and locks nothing; a valid structure.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_timer as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        done(libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut()))?;
    }
    loop {
        // A thread gives itself its name.
        let workers = workers()?;
        if workers.len() >= count {
            return workers.into_iter().try_for_each(|thread| start_timer(thread, hz));
        }
        std::thread::yield_now();
    }
}

/// Threads of this process that run tasks.
fn workers() -> std::io::Result<Vec<libc::pid_t>> {
    let mut workers = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        if std::fs::read_to_string(path.join("comm"))?.starts_with("worker-") {
            workers.extend(path.file_name().and_then(|name| name.to_str()?.parse::<libc::pid_t>().ok()));
        }
    }
    Ok(workers)
}

fn start_timer(thread: libc::pid_t, hz: u32) -> std::io::Result<()> {
    let every = libc::timespec { tv_sec: 0, tv_nsec: 999_999_999 / libc::c_long::from(hz.max(1)) };
    let times = libc::itimerspec { it_interval: every, it_value: every };
    // SAFETY: valid structures; zero is a valid value of them.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_THREAD_ID, libc::SIGPROF);
        event.sigev_notify_thread_id = thread;
        let mut timer: libc::timer_t = std::ptr::null_mut();
        done(libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer))?;
        done(libc::timer_settime(timer, 0, &times, std::ptr::null_mut()))
    }
}

fn done(result: libc::c_int) -> std::io::Result<()> {
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// What there was so far.
pub(crate) fn samples() -> Samples {
    let [whole, cut_short, elsewhere] =
        [&WHOLE, &CUT_SHORT, &ELSEWHERE].map(|count| count.load(Ordering::Relaxed));
    Samples { whole, cut_short, elsewhere }
}

cfg_select! {
    target_arch = "x86_64" => {
        fn interrupted(context: &libc::mcontext_t) -> Registers {
            let of = |register: libc::c_int| context.gregs[register as usize] as usize;
            Registers { pc: of(libc::REG_RIP), sp: of(libc::REG_RSP), fp: of(libc::REG_RBP) }
        }
    }
    target_arch = "riscv64" => {
        fn interrupted(context: &libc::mcontext_t) -> Registers {
            let of = |register: usize| context.__gregs[register] as usize;
            Registers { pc: of(libc::REG_PC), sp: of(libc::REG_SP), fp: of(libc::REG_S0) }
        }
    }
    target_arch = "s390x" => {
        fn interrupted(context: &libc::mcontext_t) -> Registers {
            let sp = context.gregs[15] as usize;
            Registers { pc: context.psw.addr as usize, sp, fp: sp }
        }
    }
    target_arch = "aarch64" => {
        fn interrupted(context: &libc::mcontext_t) -> Registers {
            Registers { pc: context.pc as usize, sp: context.sp as usize, fp: context.regs[29] as usize }
        }
    }
}

extern "C" fn on_timer(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's context of this signal.
    let at = interrupted(unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext });
    // SAFETY: this thread runs on whatever stack `sp` lies on.
    let Some((_, bars)) = (unsafe { REGISTRY.find(at.sp) }) else {
        ELSEWHERE.fetch_add(1, Ordering::Relaxed);
        return;
    };
    // SAFETY: the part of the stack that is in use, at rest while we are here.
    let live = unsafe { LiveStack::new(at.sp.saturating_sub(RED_ZONE).max(bars.base()), bars.top()) };
    let walk = Walk::new(&FramePointers, &live).barriers(&bars);
    let walked = walk.diagnose(at, |_| ControlFlow::Continue(()));
    let count = if walked.end == End::Outermost { &WHOLE } else { &CUT_SHORT };
    count.fetch_add(1, Ordering::Relaxed);
}
