//! Every size there is, and those there are not.

mod common;

use barrier_arch::{BadSize, SizeClass, Spacing, StkbarSlice};
use common::{SPACINGS, assert_tagged, peek, tag};
use stack_alloc::{Config, GuardPages, StackError, StackPool};

#[test]
fn stacks_of_every_size_up_to_the_largest_work_at_both_ends() {
    let _alone = common::one_at_a_time();
    for spacing in SPACINGS {
        for guard in [GuardPages::Off, GuardPages::Cheapest, GuardPages::Mprotect] {
            let pool = StackPool::new(Config { spacing, guard, ..Config::default() });
            for class in SizeClass::all() {
                let (stack, stkbars) = pool.alloc(class.bytes()).unwrap_or_else(|e| panic!("{class:?}: {e}"));
                assert_eq!((stack.size(), stack.class()), (class.bytes(), class));
                assert_eq!(stack.base() % class.bytes(), 0);
                assert_eq!((stkbars.base(), stkbars.top()), (stack.base(), stack.top()));
                assert_eq!((stkbars.capacity(), stkbars.len()), (spacing.capacity(class), 0));
                tag(&stack, &stkbars);
                assert_tagged(&stack, &stkbars);
                assert_eq!(pool.stats().class(class).in_use, 1);
                // SAFETY: nothing ran on it.
                unsafe { pool.free(stack, stkbars) };
                assert_eq!(pool.stats().class(class).in_use, 0);
            }
        }
    }
}

#[test]
fn bad_sizes_are_refused_and_change_nothing() {
    let pool = StackPool::default();
    let mut cache = pool.cache();
    let before = pool.stats();
    let too_big = SizeClass::MAX.bytes() * 2;
    let bad = [
        (0, BadSize::NotPowerOfTwo(0)),
        (3000, BadSize::NotPowerOfTwo(3000)),
        (1024, BadSize::TooSmall(1024)),
        (too_big, BadSize::TooBig(too_big)),
        (usize::MAX, BadSize::NotPowerOfTwo(usize::MAX)),
    ];
    for (size, expected) in bad {
        for refusal in [pool.alloc(size), cache.alloc(size)] {
            let error = refusal.expect_err("no stack size");
            assert!(matches!(&error, StackError::BadSize(bad) if *bad == expected), "{error}");
            assert!(error.to_string().contains(&size.to_string()), "{error}");
        }
    }
    assert_eq!(pool.stats(), before);
}

/// An empty array at the very top would begin one past the stack's memory: the header keeps it inside.
#[test]
fn no_pointer_past_the_end_is_handed_out_even_without_barriers() {
    let _alone = common::one_at_a_time();
    for spacing in SPACINGS {
        let pool = StackPool::new(Config { spacing, ..Config::default() });
        for class in SizeClass::all() {
            let (stack, stkbars) = pool.alloc(class.bytes()).unwrap();
            assert!(stack.usable().contains(&stkbars.stack_hi()), "{class:?} {spacing:?}");
            let stolen = StkbarSlice::stolen_bytes(class, spacing);
            assert_eq!(stack.top() - stkbars.stack_hi(), stolen);
            assert!(stolen == 32 || spacing != Spacing::Off, "{stolen} bytes for nothing");
            assert!(
                stkbars.stack_hi() - stack.limit() >= class.bytes() / 5,
                "too little is left of {class:?}"
            );
            assert_eq!(stkbars.stack_hi() % 16, 0);
            // SAFETY: nothing ran on it.
            unsafe { pool.free(stack, stkbars) };
        }
    }
}

#[test]
fn large_memory_is_given_back_while_cached_and_the_top_is_kept() {
    let pool = StackPool::default();
    let (stack, stkbars) = pool.alloc(16 << 20).unwrap();
    let (base, near_top) = (stack.base(), stkbars.stack_hi() - 1024);
    tag(&stack, &stkbars);
    common::poke(near_top, 77);
    // SAFETY: nothing runs on it.
    unsafe { pool.free(stack, stkbars) };
    let stats = pool.stats();
    assert_eq!(stats.given_back_bytes, (16 << 20) - (32 << 10) - 4096);
    assert_eq!((stats.cached_bytes(), stats.mapped_bytes), (16 << 20, 16 << 20));

    let (stack, stkbars) = pool.alloc(16 << 20).unwrap();
    assert_eq!(stack.base(), base, "the cached one is used again");
    assert_eq!((peek(stack.limit()), peek(near_top)), (0, 77));
    assert_eq!((pool.stats().large_cache.hits, pool.stats().large_cache.misses), (1, 1));
    // SAFETY: nothing runs on it.
    unsafe { pool.free(stack, stkbars) };
}

#[test]
fn a_freed_stack_is_no_stack_any_more() {
    for (size, spacing) in SPACINGS.into_iter().flat_map(|s| [(8192, s), (1 << 20, s)]) {
        let pool = StackPool::new(Config { spacing, ..Config::default() });
        let (stack, stkbars) = pool.alloc(size).unwrap();
        let (inside, class) = (stkbars.stack_hi() - 64, stack.class());
        // SAFETY: a stack of that class is mapped there.
        assert!(unsafe { StkbarSlice::around(inside, class) }.is_some());
        // SAFETY: nothing runs on it.
        unsafe { pool.free(stack, stkbars) };
        // SAFETY: still mapped, cached in the pool.
        assert!(unsafe { StkbarSlice::around(inside, class) }.is_none());
    }
}

#[test]
fn a_stack_outlives_its_pool() {
    for size in [2048, 1 << 20] {
        let pool = StackPool::default();
        let (stack, stkbars) = pool.alloc(size).unwrap();
        drop(pool);
        tag(&stack, &stkbars);
        assert_tagged(&stack, &stkbars);
    }
}
