//! A stack is freed with barriers on it and handed out again (Go's issue11256: the next owner's frames got the last one's return
//! addresses).

mod common;

use barrier_arch::{Spacing, is_barrier, patch};
use common::{SPACINGS, peek, poke};
use stack_alloc::{Config, StackPool};

#[test]
fn the_next_owner_gets_an_empty_array_and_nothing_was_restored() {
    for (spacing, size) in
        SPACINGS.into_iter().flat_map(|spacing| [8192, 1 << 20].map(|size| (spacing, size)))
    {
        let pool = StackPool::new(Config { spacing, ..Config::default() });
        for round in 0..200 {
            let (stack, bars) = pool.alloc(size).unwrap();
            assert_eq!((bars.state(), pool.stats().in_use()), ((0, 0), 1), "round {round}");
            let slots: Vec<usize> = (1..=4).map(|i| bars.stack_hi() - 512 + 64 * i).collect();
            for &slot in &slots {
                poke(slot, 0x1000);
                // SAFETY: nothing runs on the stack.
                let installed = unsafe { patch::install(&bars, slot) }.is_ok();
                assert_eq!(installed, spacing != Spacing::Off);
            }
            let words: Vec<usize> = slots.iter().map(|&slot| peek(slot)).collect();
            assert!(words.iter().all(|&word| is_barrier(word) == (spacing != Spacing::Off)));
            // SAFETY: only looked at, while the pool keeps the memory.
            let after = unsafe { bars.alias() };
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, bars) };
            assert_eq!(after.state(), (0, 0), "a task that ends leaves an empty array (I12)");
            // Unchanged, or given back to the system.
            let left = slots.iter().zip(&words).all(|(&slot, &word)| peek(slot) == word || peek(slot) == 0);
            assert!(left, "dead frames were written to");
        }
        assert_eq!(pool.stats().class(barrier_arch::SizeClass::of(size).unwrap()).in_use, 0);
    }
}

/// With poison over what the last owner left, the header included.
#[test]
fn poison_does_not_pass_for_barriers() {
    for (spacing, size) in
        SPACINGS.into_iter().flat_map(|spacing| [8192, 1 << 20].map(|size| (spacing, size)))
    {
        let pool = StackPool::new(Config { spacing, poison: true, ..Config::default() });
        for _ in 0..20 {
            let (stack, bars) = pool.alloc(size).unwrap();
            assert_eq!((bars.state(), bars.capacity()), ((0, 0), spacing.capacity(stack.class())));
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, bars) };
        }
    }
}
