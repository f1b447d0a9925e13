//! Processor time of this thread: what others do on the machine meanwhile does not count.

use std::time::Duration;

/// Time that `iterations` calls of `work` take.
pub(crate) fn time(iterations: u64, mut work: impl FnMut()) -> Duration {
    let start = now();
    for _ in 0..iterations {
        work();
    }
    now().saturating_sub(start)
}

fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux, and `time` is writable.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
