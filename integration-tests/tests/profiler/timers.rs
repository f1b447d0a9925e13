//! A timer for each thread that runs tasks, which sends it SIGPROF two thousand times per second, and the stack that its handler runs on.
//!
//! `setitimer` would count processor time in ticks of the kernel, 4 ms each.

use std::sync::{Mutex, PoisonError};

/// Threads that have a timer, and their timers' ids.
static TIMERS: Mutex<Vec<(libc::pid_t, usize)>> = Mutex::new(Vec::new());

const NANOSECONDS: libc::c_long = 500_000;

/// Bytes of a thread's stack for signal handlers.
const ALTERNATE_BYTES: usize = 64 << 10;

/// Gives the calling thread a timer, if it has none.
#[inline(never)]
pub(crate) fn profile_this_thread() {
    // SAFETY: no arguments.
    let thread = unsafe { libc::gettid() };
    let mut timers = TIMERS.lock().unwrap_or_else(PoisonError::into_inner);
    if timers.iter().all(|&(other, _)| other != thread) {
        make_alternate_stack();
        timers.push((thread, start(thread)));
    }
}

/// Gives the calling thread a larger stack for signal handlers than the one that std made for it. It stays mapped: a signal may still be on its way when
/// the thread ends.
fn make_alternate_stack() {
    let memory = Vec::leak(vec![0_u8; ALTERNATE_BYTES]);
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: ALTERNATE_BYTES };
    // SAFETY: memory that is never freed.
    assert_eq!(unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) }, 0);
}

fn start(thread: libc::pid_t) -> usize {
    // SAFETY: zero is a valid value of it.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_THREAD_ID, libc::SIGPROF);
    event.sigev_notify_thread_id = thread;
    let mut timer: libc::timer_t = std::ptr::null_mut();
    // SAFETY: valid structures.
    assert_eq!(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) }, 0);
    let every = libc::timespec { tv_sec: 0, tv_nsec: NANOSECONDS };
    let times = libc::itimerspec { it_interval: every, it_value: every };
    // SAFETY: the timer just made.
    assert_eq!(unsafe { libc::timer_settime(timer, 0, &times, std::ptr::null_mut()) }, 0);
    timer as usize
}

/// Before the threads end.
pub(crate) fn delete_all() {
    for (_, timer) in TIMERS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // SAFETY: made by `start`, deleted once.
        assert_eq!(unsafe { libc::timer_delete(timer as libc::timer_t) }, 0);
    }
}
