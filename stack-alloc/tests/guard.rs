//! Guard pages fault, and do not use up the process's mappings.

mod common;

use common::{assert_done, assert_faulted, emulated, in_child, maps, peek, poke};
use stack_alloc::{Config, GuardPages, StackError, StackPool};

fn overflow(guard: GuardPages, size: usize) {
    let pool = StackPool::new(Config { guard, ..Config::default() });
    let (stack, _stkbars) = pool.alloc(size).unwrap();
    poke(stack.limit(), 1);
    println!("at the limit");
    poke(stack.limit() - 8, 1);
    println!("below the limit");
}

#[test]
fn an_overflow_of_a_small_stack_faults() {
    let child = in_child("an_overflow_of_a_small_stack_faults", || overflow(GuardPages::Cheapest, 16 << 10));
    assert_faulted(&child, "at the limit");
}

#[test]
fn an_overflow_of_a_large_stack_faults() {
    let child = in_child("an_overflow_of_a_large_stack_faults", || overflow(GuardPages::Cheapest, 1 << 30));
    assert_faulted(&child, "at the limit");
}

#[test]
fn an_overflow_faults_with_mprotect() {
    let child = in_child("an_overflow_faults_with_mprotect", || overflow(GuardPages::Mprotect, 16 << 10));
    assert_faulted(&child, "at the limit");
}

/// What is given back while a stack is cached must not take the guard along.
#[test]
fn a_reused_stack_is_still_guarded() {
    let child = in_child("a_reused_stack_is_still_guarded", || {
        let pool = StackPool::default();
        let (stack, stkbars) = pool.alloc(1 << 20).unwrap();
        let base = stack.base();
        // SAFETY: nothing runs on it.
        unsafe { pool.free(stack, stkbars) };
        let (stack, _stkbars) = pool.alloc(1 << 20).unwrap();
        assert_eq!(stack.base(), base);
        println!("reused");
        peek(base);
    });
    assert_faulted(&child, "reused");
}

#[test]
fn stacks_without_a_guard_may_be_used_to_the_last_word() {
    for (guard, size) in [(GuardPages::Off, 1 << 20), (GuardPages::Cheapest, 8192)] {
        let pool = StackPool::new(Config { guard, ..Config::default() });
        let (stack, stkbars) = pool.alloc(size).unwrap();
        assert!(!stack.is_guarded());
        assert_eq!(stack.limit(), stack.base());
        poke(stack.base(), 1);
        // SAFETY: nothing runs on it.
        unsafe { pool.free(stack, stkbars) };
    }
}

/// Maps of the process that `count` stacks of `size` cost.
fn maps_of(guard: GuardPages, size: usize, count: usize) -> usize {
    let pool = StackPool::new(Config { guard, cached_per_class: 0, ..Config::default() });
    let before = maps();
    let stacks: Vec<_> = (0..count).map(|_| pool.alloc(size).unwrap()).collect();
    assert!(stacks.iter().all(|(stack, _)| stack.is_guarded()));
    let cost = maps().saturating_sub(before);
    for (stack, stkbars) in stacks {
        // SAFETY: nothing runs on it.
        unsafe { pool.free(stack, stkbars) };
    }
    cost
}

/// `MADV_GUARD_INSTALL`.
const MARK: u32 = 102;

/// Does a process die of a page that is marked as a guard? Not on kernels before 6.13, nor in QEMU's user mode, which makes no marks and says
/// that it did.
fn marks_kill() -> bool {
    // SAFETY: the child touches a page of its own and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let (prot, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let page = libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0);
            libc::madvise(page, 4096, MARK as i32);
            libc::_exit(page.cast::<u8>().read_volatile().into());
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        libc::WIFSIGNALED(status)
    }
}

#[test]
fn thousands_of_guarded_stacks_cost_few_maps() {
    let child = in_child("thousands_of_guarded_stacks_cost_few_maps", || {
        for size in [16 << 10, 64 << 10] {
            let (cheap, dear) =
                (maps_of(GuardPages::Cheapest, size, 4000), maps_of(GuardPages::Mprotect, size, 4000));
            assert!(dear > 7000, "{dear} maps for 4000 stacks of {size} with mprotect");
            if marks_kill() {
                assert!(cheap < 50, "{cheap} maps for 4000 stacks of {size}");
            }
        }
    });
    assert_done(&child);
}

/// Has the kernel refuse `MADV_GUARD_INSTALL` to this thread, as one before 6.13 does; where it cannot be told to (QEMU's user mode), there
/// must be no marks anyway.
fn forget_marks() {
    let [load, jump_equal, result] = [
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET,
    ];
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // Of `struct seccomp_data`: the system call's number, and the low half of its third argument.
    let (number, advice) = (0, 16 + 2 * 8 + if cfg!(target_endian = "big") { 4 } else { 0 });
    let mut filter = [
        step(load, 0, 0, number),
        step(jump_equal, 0, 3, libc::SYS_madvise as u32),
        step(load, 0, 0, advice),
        step(jump_equal, 0, 1, MARK),
        step(result, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        step(result, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter is live during the call, which copies it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0 || !marks_kill());
    }
}

#[test]
fn an_overflow_faults_on_an_older_kernel() {
    let child = in_child("an_overflow_faults_on_an_older_kernel", || {
        forget_marks();
        let before = maps();
        let pool = StackPool::default();
        let _held: Vec<_> = (0..100).map(|_| pool.alloc(64 << 10).unwrap()).collect();
        assert!(maps() - before >= 199, "the guards are made by mprotect");
        overflow(GuardPages::Cheapest, 64 << 10);
    });
    assert_faulted(&child, "at the limit");
}

/// A map was left, or could not be given back, where Linux would have behaved otherwise. QEMU's user mode keeps maps of its own, and makes and
/// unmakes them when it likes.
fn only_emulated() {
    assert!(emulated(), "this process can have more than 140,000 maps");
}

/// Maps every other page differently, until the process can have no more maps. There is an end to them on Linux, but not in QEMU's user mode.
fn use_up_maps() -> Option<(usize, usize)> {
    let bytes = 4096 * 140_000;
    // SAFETY: a new mapping.
    let start = unsafe {
        let (prot, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        libc::mmap(std::ptr::null_mut(), bytes, prot, flags, -1, 0)
    };
    assert_ne!(start, libc::MAP_FAILED);
    for page in (0..bytes).step_by(2 * 4096) {
        // SAFETY: a page of the new mapping.
        if unsafe { libc::mprotect(start.byte_add(page), 4096, libc::PROT_NONE) } != 0 {
            return Some((start as usize, bytes));
        }
    }
    // SAFETY: mapped above.
    unsafe { libc::munmap(start, bytes) };
    None
}

#[test]
fn a_process_out_of_maps_gets_errors_and_loses_nothing() {
    const ROW: usize = 8;
    let child = in_child("a_process_out_of_maps_gets_errors_and_loses_nothing", || {
        let config = Config { guard: GuardPages::Mprotect, cached_per_class: 0, ..Config::default() };
        let pool = StackPool::new(config);
        // No guards: neighbours are one map, and one of them cannot be unmapped without a new map. Where addresses are scarce, not all are neighbours.
        let plain = StackPool::new(Config { guard: GuardPages::Off, ..config });
        let mut row: Vec<_> = (0..ROW).map(|_| plain.alloc(64 << 10).unwrap()).collect();
        row.sort_by_key(|(stack, _)| stack.base());
        let touch = |i: usize| row[i].0.base() + (64 << 10) == row[i + 1].0.base();
        let middle = (1..ROW - 1).find(|&i| touch(i - 1) && touch(i)).unwrap_or(ROW / 2);
        let Some((start, bytes)) = use_up_maps() else { return only_emulated() };

        let Err(error) = pool.alloc(1 << 20) else { return only_emulated() };
        assert!(matches!(error, StackError::Guard { .. } | StackError::Map { .. }), "{error}");
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        let in_the_middle = row.remove(middle);
        // SAFETY: nothing runs on it.
        unsafe { plain.free(in_the_middle.0, in_the_middle.1) };
        let stranded = plain.stats();
        if stranded.stranded_bytes == 0 {
            return only_emulated();
        }
        assert_eq!((stranded.stranded_bytes, stranded.mapped_bytes), (64 << 10, ROW * (64 << 10)));

        // SAFETY: of `use_up_maps`.
        if unsafe { libc::munmap(start as *mut _, bytes) } != 0 {
            return only_emulated(); // QEMU's `munmap` maps, and cannot
        }
        assert!(plain.trim());
        assert_eq!((plain.stats().stranded_bytes, plain.stats().mapped_bytes), (0, (ROW - 1) * (64 << 10)));
        pool.trim();
        assert_eq!(pool.stats().mapped_bytes, 0);
        assert!(pool.alloc(1 << 20).unwrap().0.is_guarded());
    });
    assert_done(&child);
}
