//! Each system call of the pool fails in turn, alone and with all that follow: a clear error or none, nothing lost, and all well afterwards.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod common;
#[path = "common/refusing.rs"]
mod refusing;

use common::{SPACINGS, assert_done, assert_tagged, in_child, tag};
use refusing::{Order, anonymous_bytes, install, refusing};
use stack_alloc::{Config, GuardPages, StackError, StackPool};

/// Small ones twice, so that a span is mapped for the cache and for the pool; large ones of two sizes.
const SIZES: [usize; 6] = [4096, 32 << 10, 64 << 10, 1 << 20, 32 << 10, 64 << 10];

/// Takes stacks of all sizes from pool and cache, uses them, and gives them back; says how many were refused.
fn exercise(pool: &StackPool) -> usize {
    let (mut cache, mut refused, mut out) = (pool.cache(), 0, Vec::new());
    for (i, &bytes) in SIZES.iter().enumerate() {
        match if i % 2 == 0 { pool.alloc(bytes) } else { cache.alloc(bytes) } {
            Ok((stack, bars)) => {
                tag(&stack, &bars);
                out.push((stack, bars));
            }
            Err(error) => {
                let named = match &error {
                    StackError::Map { bytes: asked, .. } => *asked >= bytes,
                    StackError::Guard { bytes: of, .. } => *of == bytes,
                    _ => false,
                };
                assert!(named && error.to_string().contains("os error"), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(pool.stats().in_use(), out.len());
    for (i, (stack, bars)) in out.into_iter().enumerate() {
        assert_tagged(&stack, &bars);
        // SAFETY: nothing runs on it.
        unsafe { if i % 2 == 0 { cache.free(stack, bars) } else { pool.free(stack, bars) } }
    }
    assert_eq!(pool.stats().in_use(), 0);
    drop(cache);
    pool.trim();
    refused
}

/// Refuses under `order`; says whether there was anything left to refuse.
fn try_order(config: &Config, order: Order) -> bool {
    let before = anonymous_bytes();
    let pool = StackPool::new(*config);
    let (errors, refused) = refusing(order, || exercise(&pool));
    assert!(errors <= refused, "{errors} errors for {refused} refusals: {config:?} {order:?}");
    assert_eq!(exercise(&pool), 0, "all is well again: {config:?} {order:?}");
    pool.trim();
    let stats = pool.stats();
    assert_eq!((stats.mapped_bytes, stats.mappings, stats.stranded_bytes), (0, 0, 0), "{config:?} {order:?}");
    drop(pool);
    assert_eq!(anonymous_bytes(), before, "leaked: {config:?} {order:?}");
    refused > 0
}

fn configs() -> Vec<Config> {
    let guards = [GuardPages::Off, GuardPages::Cheapest, GuardPages::Mprotect];
    let plain = guards.map(|guard| Config { guard, ..Config::default() });
    let fenced = Config { electric_fence: true, ..Config::default() };
    let with_modes = |config: Config| SPACINGS.map(|spacing| Config { spacing, ..config });
    plain.into_iter().chain([fenced]).flat_map(with_modes).collect()
}

fn all_in_turn(count: usize) {
    install(&[libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_madvise]);
    for config in configs() {
        for errno in [libc::ENOMEM, libc::EINVAL] {
            let tried = (1..).take_while(|&first| try_order(&config, Order { first, count, errno })).count();
            assert!(tried > 6, "{tried} calls to refuse: {config:?}");
        }
    }
}

#[test]
fn each_call_fails_once() {
    assert_done(&in_child("each_call_fails_once", || all_in_turn(1)));
}

#[test]
fn all_calls_fail_from_one_on() {
    assert_done(&in_child("all_calls_fail_from_one_on", || all_in_turn(usize::MAX)));
}
