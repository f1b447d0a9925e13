//! The assembly against `reference::hit`: every stub of every size class, from every position, with every
//! register watched.

mod support;

use std::arch::naked_asm;
use std::sync::Mutex;

use barrier_arch::reference::{self, Memory};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
use support::TestStack;

/// All that a return could carry or must keep.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Registers {
    /// rax rbx rcx rdx rsi rdi rbp rsp r8 … r15
    general: [u64; 16],
    xmm: [[u64; 2]; 16],
}

impl Registers {
    fn recognisable(sp: usize) -> Registers {
        let mut registers = Registers::default();
        for (i, r) in registers.general.iter_mut().enumerate() {
            *r = 0x1111_2222_3333_0000 + i as u64;
        }
        for (i, r) in registers.xmm.iter_mut().enumerate() {
            *r = [0xaaaa_0000 + i as u64, 0xbbbb_0000 + i as u64];
        }
        registers.general[RSP] = sp as u64;
        registers
    }
}

const RSP: usize = 7;

/// One at a time: the harness keeps its own stack pointer and what it saw here.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static mut SEEN: Registers = Registers { general: [0; 16], xmm: [[0; 2]; 16] };
static mut OWN_STACK: u64 = 0;

/// Loads every register from `*registers`, then `ret`s with rsp = their rsp; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "mov [rip + {own}], rsp",
        "mov rax, rdi",
        "movdqu xmm0, [rax + 128]", "movdqu xmm1, [rax + 144]", "movdqu xmm2, [rax + 160]",
        "movdqu xmm3, [rax + 176]", "movdqu xmm4, [rax + 192]", "movdqu xmm5, [rax + 208]",
        "movdqu xmm6, [rax + 224]", "movdqu xmm7, [rax + 240]", "movdqu xmm8, [rax + 256]",
        "movdqu xmm9, [rax + 272]", "movdqu xmm10, [rax + 288]", "movdqu xmm11, [rax + 304]",
        "movdqu xmm12, [rax + 320]", "movdqu xmm13, [rax + 336]", "movdqu xmm14, [rax + 352]",
        "movdqu xmm15, [rax + 368]",
        "mov rbx, [rax + 8]", "mov rcx, [rax + 16]", "mov rdx, [rax + 24]", "mov rsi, [rax + 32]",
        "mov rdi, [rax + 40]", "mov rbp, [rax + 48]", "mov rsp, [rax + 56]", "mov r8, [rax + 64]",
        "mov r9, [rax + 72]", "mov r10, [rax + 80]", "mov r11, [rax + 88]", "mov r12, [rax + 96]",
        "mov r13, [rax + 104]", "mov r14, [rax + 112]", "mov r15, [rax + 120]",
        "mov rax, [rax]",
        "ret",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
unsafe extern "C" fn landed() {
    naked_asm!(
        "mov [rip + {seen}], rax",
        "lea rax, [rip + {seen}]",
        "mov [rax + 8], rbx", "mov [rax + 16], rcx", "mov [rax + 24], rdx", "mov [rax + 32], rsi",
        "mov [rax + 40], rdi", "mov [rax + 48], rbp", "mov [rax + 56], rsp", "mov [rax + 64], r8",
        "mov [rax + 72], r9", "mov [rax + 80], r10", "mov [rax + 88], r11", "mov [rax + 96], r12",
        "mov [rax + 104], r13", "mov [rax + 112], r14", "mov [rax + 120], r15",
        "movdqu [rax + 128], xmm0", "movdqu [rax + 144], xmm1", "movdqu [rax + 160], xmm2",
        "movdqu [rax + 176], xmm3", "movdqu [rax + 192], xmm4", "movdqu [rax + 208], xmm5",
        "movdqu [rax + 224], xmm6", "movdqu [rax + 240], xmm7", "movdqu [rax + 256], xmm8",
        "movdqu [rax + 272], xmm9", "movdqu [rax + 288], xmm10", "movdqu [rax + 304], xmm11",
        "movdqu [rax + 320], xmm12", "movdqu [rax + 336], xmm13", "movdqu [rax + 352], xmm14",
        "movdqu [rax + 368], xmm15",
        "mov rsp, [rip + {own}]",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        seen = sym SEEN,
        own = sym OWN_STACK,
    )
}

/// The live stack as the reference's memory.
struct Live;

impl Memory for Live {
    fn load(&self, address: usize) -> usize {
        // SAFETY: the reference reads the test stack's array and slot.
        unsafe { (address as *const usize).read() }
    }
    fn store(&mut self, address: usize, word: usize) {
        // SAFETY: as above.
        unsafe { (address as *mut usize).write(word) }
    }
}

/// A stack with as many barriers as it takes (at most 40), 48 bytes apart; all but `target` lead to a trap.
struct Scene {
    stack: TestStack,
    slots: Vec<usize>,
}

impl Scene {
    fn new(class: SizeClass, spacing: Spacing) -> Scene {
        let stack = TestStack::new(class.bytes(), spacing);
        // The frames need a slot each, and a red zone below the youngest.
        let room = (stack.bars.stack_hi() - stack.bars.base() - 256) / 48;
        let count = stack.bars.capacity().min(40).min(room);
        let lowest = stack.bars.stack_hi() - 48 * count;
        Scene { stack, slots: (0..count).map(|i| lowest + 48 * i).collect() }
    }

    /// All barriers installed, the position moved past the first `skipped`, `target` leading to [`landed`].
    fn set(&self, target: usize, skipped: usize) {
        let bars = &self.stack.bars;
        for (i, &slot) in self.slots.iter().enumerate() {
            Live.store(slot, if i == target { landed as *const () as usize } else { 0xdead });
        }
        // SAFETY: nobody runs on the stack.
        unsafe {
            patch::purge(bars);
            for &slot in &self.slots {
                patch::install(bars, slot).unwrap();
            }
            let next = self.slots.get(skipped).copied().unwrap_or(usize::MAX);
            assert_eq!(patch::skip(bars, next), skipped);
        }
    }

    fn snapshot(&self, target: usize) -> Vec<usize> {
        // The header and 48 records, or as many as there are: with a barrier at every frame the array is longer.
        let bars: &StkbarSlice = &self.stack.bars;
        (bars.stack_hi().max(bars.top() - 800)..bars.top())
            .step_by(8)
            .chain([self.slots[target]])
            .map(|a| Live.load(a))
            .collect()
    }

    /// One hit of barrier `target`, by the reference and by the assembly.
    fn compare(&self, target: usize, skipped: usize) {
        self.set(target, skipped);
        let sp = self.slots[target] + 8;
        let stub = barrier_arch::Stub::at(Live.load(self.slots[target])).unwrap();
        let pc = reference::hit(stub, sp, &mut Live).unwrap();
        let expected = self.snapshot(target);
        assert_eq!(pc, landed as *const () as usize);

        self.set(target, skipped);
        let before = Registers::recognisable(self.slots[target]);
        // SAFETY: the slot leads through the trampoline to `landed`, which comes back here.
        let after = unsafe {
            return_with(&before);
            (&raw const SEEN).read()
        };
        assert_eq!(after, Registers::recognisable(sp), "registers, barrier {target}");
        assert_eq!(self.snapshot(target), expected, "array and slot, barrier {target}, {skipped} skipped");
        assert_eq!(self.stack.bars.state(), (target + 1, self.slots.len()));
    }
}

#[test]
fn every_indexed_stub() {
    let _alone = ONE_AT_A_TIME.lock();
    let mut tried = 0;
    for class in SizeClass::all() {
        let scene = Scene::new(class, Spacing::default());
        for target in 0..scene.slots.len() {
            for skipped in 0..=target {
                scene.compare(target, skipped);
                tried += 1;
            }
        }
    }
    assert!(tried > 5000, "{tried}");
}

#[test]
fn every_searching_stub() {
    let _alone = ONE_AT_A_TIME.lock();
    for class in SizeClass::all() {
        let scene = Scene::new(class, Spacing::EveryFrame);
        assert!(scene.slots.len() >= 15);
        for target in 0..scene.slots.len() {
            for skipped in 0..=target {
                scene.compare(target, skipped);
            }
        }
    }
}

#[test]
fn the_reference_notices_a_missing_record() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in [Spacing::default(), Spacing::EveryFrame] {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(0, 0);
        let stub = barrier_arch::Stub::at(Live.load(scene.slots[0])).unwrap();
        for sp in [scene.slots[0] + 16, scene.slots[0] - 48, scene.stack.bars.stack_hi()] {
            assert_eq!(reference::hit(stub, sp, &mut Live), Err(reference::Lost { sp }));
        }
    }
}

/// The trampoline must stop the process, with a dump, and not jump to an unknown address.
#[test]
fn the_assembly_stops_at_a_missing_record() {
    for spacing in [Spacing::default(), Spacing::EveryFrame] {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(0, 0);
        let stub_pc = Live.load(scene.slots[0]);
        let wrong = scene.slots[1] - 24; // no record has this slot
        Live.store(wrong, stub_pc);
        // SAFETY: the child only writes to a pipe, sets a handler and dies.
        unsafe {
            let mut pipe = [0; 2];
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let child = libc::fork();
            if child == 0 {
                libc::dup2(pipe[1], 2);
                barrier_arch::fatal::set_lost_handler(|sp, bars| {
                    let text = format!("stack barrier lost at {sp:#x}: {}", bars.unwrap());
                    libc::write(2, text.as_ptr().cast(), text.len());
                });
                return_with(&Registers::recognisable(wrong));
                libc::_exit(0);
            }
            libc::close(pipe[1]);
            let mut status = 0;
            libc::waitpid(child, &mut status, 0);
            let mut text = [0_u8; 4096];
            let n = libc::read(pipe[0], text.as_mut_ptr().cast(), text.len());
            let text = String::from_utf8_lossy(&text[..n.max(0) as usize]);
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGILL, "{status:#x}");
            assert!(
                text.contains(&format!("lost at {:#x}: [", wrong + 8)) && text.contains("@@@ *"),
                "{text}"
            );
        }
    }
}
