//! System calls that the kernel refuses on demand: the n-th of them, or all from the n-th on.
//!
//! Nothing of what is tested is changed, nor how it is linked. A filter (seccomp) sends each call for memory to a signal handler, which makes it
//! itself, from the one place that the filter lets pass, or has it fail:
//!
//! ```text
//!   mmap ──▶ kernel: filter ──▶ SIGSYS ──▶ handler ──┬── its turn to fail: -errno
//!                      ▲                             └── gate: the same call ──▶ kernel
//!                      └──────────── let pass ────────────────┘
//! ```
//!
//! Of the calls for memory, the C library's own for its heap are left alone: if malloc is refused, Rust gives up. A filter is for good, and new
//! threads inherit it: use it in a child process. x86-64's Linux.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::ffi::{c_int, c_long, c_void};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::{mem, ptr};

/// Calls seen since the last order.
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// Refused since then.
static REFUSED: AtomicUsize = AtomicUsize::new(0);
/// Number of the first to be refused; and how many.
static FIRST: AtomicUsize = AtomicUsize::new(usize::MAX);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static ERRNO: AtomicI32 = AtomicI32::new(0);

/// Which calls are to be refused, counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub first: usize,
    pub count: usize,
    pub errno: c_int,
}

/// Runs `f` under an order; says how many calls were refused.
pub fn refusing<R>(order: Order, f: impl FnOnce() -> R) -> (R, usize) {
    REFUSED.store(0, Ordering::SeqCst);
    SEEN.store(0, Ordering::SeqCst);
    ERRNO.store(order.errno, Ordering::SeqCst);
    COUNT.store(order.count, Ordering::SeqCst);
    FIRST.store(order.first, Ordering::SeqCst);
    let result = f();
    FIRST.store(usize::MAX, Ordering::SeqCst);
    (result, REFUSED.load(Ordering::SeqCst))
}

core::arch::global_asm!(
    "refusing_gate:",
    "mov rax, rdi",
    "mov r11, rsi",
    "mov rdi, [r11]",
    "mov rsi, [r11 + 8]",
    "mov rdx, [r11 + 16]",
    "mov r10, [r11 + 24]",
    "mov r8, [r11 + 32]",
    "mov r9, [r11 + 40]",
    "syscall",
    "refusing_gate_passed:",
    "ret",
);

unsafe extern "C" {
    /// Makes system call `number`.
    fn refusing_gate(number: c_long, arguments: *const [usize; 6]) -> isize;
    /// What the kernel sees as the place of that call.
    static refusing_gate_passed: u8;
}

/// Sends system calls `numbers` of this thread, and of those that it starts, to the handler, for good.
pub fn install(numbers: &[c_long]) {
    // SAFETY: zero is a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_call as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: a handler of that kind, on a live struct.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()) }, 0);
    let mut filter = filter(numbers);
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a live program; both calls affect this process only, which is the child that was made for it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0);
        assert_eq!(set, 0, "these tests need seccomp: {}", std::io::Error::last_os_error());
    }
}

/// Offsets in the kernel's `struct seccomp_data`.
const NUMBER: u32 = 0;
const PLACE: u32 = 8;

/// "If the call is one of `numbers` and does not come from the gate, trap."
fn filter(numbers: &[c_long]) -> Vec<libc::sock_filter> {
    let gate = (&raw const refusing_gate_passed) as u64;
    // SAFETY: plain constructors.
    let load =
        |offset| unsafe { libc::BPF_STMT((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, offset) };
    // SAFETY: as above.
    let answer = |with| unsafe { libc::BPF_STMT((libc::BPF_RET | libc::BPF_K) as u16, with) };
    let equal = |to, then, otherwise| {
        // SAFETY: as above.
        unsafe { libc::BPF_JUMP((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, to, then, otherwise) }
    };
    let mut filter = vec![load(NUMBER)];
    for (i, &number) in numbers.iter().enumerate() {
        // Over the rest of the numbers and one answer.
        filter.push(equal(number as u32, (numbers.len() - i) as u8, 0));
    }
    filter.push(answer(libc::SECCOMP_RET_ALLOW));
    filter.extend([load(PLACE), equal(gate as u32, 0, 2), load(PLACE + 4), equal((gate >> 32) as u32, 1, 0)]);
    filter.extend([answer(libc::SECCOMP_RET_TRAP), answer(libc::SECCOMP_RET_ALLOW)]);
    filter
}

/// Makes the call that the interrupted code wanted, or has it fail.
extern "C" fn on_call(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's own context of this signal.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let of = |register: c_int| registers[register as usize] as usize;
    let arguments =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9].map(of);
    let number = of(libc::REG_RAX) as c_long;
    let result = if is_for_stacks(number, &arguments) && is_its_turn() {
        REFUSED.fetch_add(1, Ordering::SeqCst);
        -(ERRNO.load(Ordering::SeqCst) as isize)
    } else {
        // SAFETY: what the interrupted code was about to do anyway.
        unsafe { refusing_gate(number, &arguments) }
    };
    registers[libc::REG_RAX as usize] = result as i64;
}

fn is_its_turn() -> bool {
    let number = SEEN.fetch_add(1, Ordering::SeqCst) + 1;
    let first = FIRST.load(Ordering::SeqCst);
    number >= first && number - first < COUNT.load(Ordering::SeqCst)
}

/// Not malloc's, that is: its arenas are mapped inaccessible and opened bit by bit. Nor the few pages on which a new thread of std's handles
/// signals: without them std gives up.
fn is_for_stacks(number: c_long, arguments: &[usize; 6]) -> bool {
    let [_, bytes, protection, flags, ..] = *arguments;
    let writable = protection & libc::PROT_WRITE as usize != 0;
    let has = |flag: c_int| flags & flag as usize != 0;
    match number {
        libc::SYS_mmap if bytes < 64 << 10 => false,
        libc::SYS_mmap => has(libc::MAP_STACK) || (writable && has(libc::MAP_NORESERVE)),
        libc::SYS_mprotect => protection == libc::PROT_NONE as usize,
        _ => true,
    }
}

/// Bytes of this process's anonymous mappings: what leaks shows here.
pub fn anonymous_bytes() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let bytes = |line: &str| {
        let mut words = line.split_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let unnamed = words.nth(3)? == "0" && words.next().is_none();
        let parse = |address| usize::from_str_radix(address, 16).ok();
        unnamed.then_some(parse(to)? - parse(from)?)
    };
    maps.lines().filter_map(bytes).sum()
}
