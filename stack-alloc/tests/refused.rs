//! The system or the pool's limit refuses memory: a clear error, nothing lost, and all well afterwards.

mod common;

use barrier_arch::SizeClass;
use common::{address_space, assert_done, emulated, in_child};
use stack_alloc::{Config, StackError, StackPool};

/// Limits the process's address space, and says whether there is a limit now: QEMU's user mode keeps none, and then there is nothing to see.
#[must_use]
fn limit_address_space(bytes: libc::rlim_t) -> bool {
    // SAFETY: zero is a valid rlimit.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: plain system calls on a live struct.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &mut limit), 0);
        limit.rlim_cur = bytes.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &limit), 0);
    }
    if bytes == libc::RLIM_INFINITY {
        return false;
    }
    let more = limit.rlim_cur.min(1 << (usize::BITS - 2)) as usize;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping, and its end.
    let kept = unsafe {
        let map = libc::mmap(std::ptr::null_mut(), more, libc::PROT_NONE, flags, -1, 0);
        map == libc::MAP_FAILED || libc::munmap(map, more) != 0
    };
    assert!(kept || emulated(), "Linux keeps its limits");
    kept
}

#[test]
fn mmap_refused() {
    let child = in_child("mmap_refused", || {
        let pool = StackPool::default();
        let mut cache = pool.cache();
        if !limit_address_space(address_space().saturating_add(64 << 20)) {
            return;
        }
        let before = pool.stats();
        for size in [1 << 30, SizeClass::MAX.bytes()] {
            for refusal in [pool.alloc(size), cache.alloc(size)] {
                let error = refusal.expect_err("over the limit");
                assert!(matches!(error, StackError::Map { bytes, .. } if bytes == size), "{error}");
                assert!(error.to_string().contains("ulimit -v"), "{error}");
            }
        }
        assert_eq!(pool.stats().mapped_bytes, before.mapped_bytes);
        // What fits still works.
        for size in [2048, 32 << 10, 1 << 20] {
            let (stack, stkbars) = pool.alloc(size).unwrap();
            common::tag(&stack, &stkbars);
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
        }
        let _none = limit_address_space(libc::RLIM_INFINITY);
        let (stack, stkbars) = pool.alloc(1 << 30).expect("the limit is gone");
        common::tag(&stack, &stkbars);
        assert_eq!(pool.stats().in_use_bytes(), 1 << 30);
    });
    assert_done(&child);
}

#[test]
fn what_is_cached_is_given_back_before_mmap_is_refused() {
    let child = in_child("what_is_cached_is_given_back_before_mmap_is_refused", || {
        let pool = StackPool::default();
        // As large as is cached.
        let large = (SizeClass::MAX.bytes() / 16).min(1 << 30);
        let (stack, stkbars) = pool.alloc(large).unwrap();
        // SAFETY: nothing runs on it.
        unsafe { pool.free(stack, stkbars) };
        assert_eq!(pool.stats().cached(), 1);
        // A quarter takes half for a moment: more than is left, unless the cached stack goes.
        if !limit_address_space(address_space().saturating_add(large as libc::rlim_t / 16)) {
            return;
        }
        let (stack, stkbars) = pool.alloc(large / 4).expect("the cached stack was given back");
        assert_eq!(pool.stats().cached(), 0);
        common::tag(&stack, &stkbars);
    });
    assert_done(&child);
}

#[test]
fn the_pools_own_limit() {
    let pool = StackPool::new(Config { limit: Some(1 << 20), ..Config::default() });
    let (half, half_bars) = pool.alloc(512 << 10).unwrap();
    let error = pool.alloc(1 << 20).unwrap_err();
    assert!(
        matches!(error, StackError::Limit { limit: 0x10_0000, mapped: 0x8_0000, asked: 0x10_0000 }),
        "{error}"
    );
    assert!(error.to_string().contains("Config::limit"), "{error}");
    // Small ones are mapped by the span, and count as such.
    let (small, small_bars) = pool.alloc(2048).unwrap();
    assert_eq!(pool.stats().mapped_bytes, (512 << 10) + (256 << 10));
    assert!(matches!(pool.alloc(512 << 10), Err(StackError::Limit { .. })));
    // SAFETY: nothing runs on either.
    unsafe {
        pool.free(half, half_bars);
        pool.free(small, small_bars);
    }
    // Both are cached now, and have to go.
    let (all, all_bars) = pool.alloc(1 << 20).expect("what was cached is given back first");
    assert_eq!((pool.stats().mapped_bytes, pool.stats().cached()), (1 << 20, 0));
    // SAFETY: nothing runs on it.
    unsafe { pool.free(all, all_bars) };
}
