//! framehop: over the bare stack, over a view without barriers, and as the stepper of our walk.

use std::arch::asm;
use std::ffi::c_int;
use std::ops::{ControlFlow, Range};
use std::slice;

use barrier_arch::Spacing;
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, MustNotAllocateDuringUnwind, Unwinder};
use integration_tests::foreign::BOTH;
use integration_tests::ground::{By, Ground, tables};
use unwind_walk::{ByFramehop, LiveStack, ReadWord, Registers, Unbarred, Unwind, Walk};

use crate::{NONE, ONE_EACH, Trace, look, same_frames};

type Framehop = UnwinderX86_64<&'static [u8], MustNotAllocateDuringUnwind>;

/// An unwinder that knows every object of this process.
fn framehop() -> Framehop {
    unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _: usize, into: *mut libc::c_void) -> c_int {
        // SAFETY: the loader's structure; the unwinder is passed below.
        let (info, unwinder) = unsafe { (&*info, &mut *into.cast::<Framehop>()) };
        // SAFETY: so many headers of an object that stays.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        unwinder.add_module(module(info.dlpi_addr, headers));
        0
    }
    let mut unwinder = Framehop::new();
    // SAFETY: `add` is called before this returns.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut unwinder).cast()) };
    unwinder
}

fn module(base: u64, headers: &[libc::Elf64_Phdr]) -> Module<&'static [u8]> {
    let of = |kind: u32| headers.iter().filter(move |header| header.p_type == kind);
    let range = |header: &libc::Elf64_Phdr| header.p_vaddr..header.p_vaddr + header.p_memsz;
    let bytes = |range: &Range<u64>| {
        // SAFETY: a mapped part of an object that stays.
        unsafe {
            slice::from_raw_parts((base + range.start) as *const u8, (range.end - range.start) as usize)
        }
    };
    let hdr = of(libc::PT_GNU_EH_FRAME).next().map(range);
    // The header's second word says where the table begins, relative to itself: what all linkers write.
    let eh_frame = hdr.as_ref().map(|hdr| {
        let offset = i32::from_ne_bytes(bytes(hdr)[4..8].try_into().unwrap());
        let start = (hdr.start + 4).wrapping_add_signed(offset.into());
        start..of(libc::PT_LOAD).map(range).find(|segment| segment.contains(&start)).unwrap().end
    });
    let text = of(libc::PT_LOAD).find(|header| header.p_flags & libc::PF_X != 0).map(range);
    let all = of(libc::PT_LOAD).map(range).fold(0..0, |all, r| 0..r.end.max(all.end));
    let sections = ExplicitModuleSectionInfo {
        text: text.as_ref().map(bytes),
        text_svma: text,
        eh_frame: eh_frame.as_ref().map(bytes),
        eh_frame_svma: eh_frame,
        eh_frame_hdr: hdr.as_ref().map(bytes),
        eh_frame_hdr_svma: hdr,
        ..Default::default()
    };
    Module::new(String::new(), base..base + all.end, base, sections)
}

#[inline(always)]
fn here() -> Registers {
    let (pc, sp, fp): (usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp, options(nomem, nostack));
    }
    Registers { pc, sp, fp }
}

/// framehop's own loop, from here to the end of this stack.
fn loop_of_framehop(unwinder: &Framehop, from: Registers, memory: &impl ReadWord) -> Trace {
    let mut cache = CacheX86_64::<MustNotAllocateDuringUnwind>::new_in();
    let mut read = |address: u64| memory.read_word(address as usize).map(|word| word as u64).ok_or(());
    let registers = UnwindRegsX86_64::new(from.pc as u64, from.sp as u64, from.fp as u64);
    let mut frames = unwinder.iter_frames(from.pc as u64, registers, &mut cache, &mut read);
    let mut seen = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        seen.push(frame.address() as usize);
    }
    seen.remove(0); // where we are
    seen
}

fn live(ground: &Ground, from: Registers) -> LiveStack {
    // SAFETY: the stack that we run on.
    unsafe { LiveStack::new(from.sp, ground.bars().top()) }
}

#[test]
fn over_a_view_without_barriers() {
    let unwinder = framehop();
    same_frames("framehop, Unbarred", NONE, &mut |ground| {
        let from = here();
        let live = live(ground, from);
        loop_of_framehop(&unwinder, from, &Unbarred::new(&live, ground.bars()))
    });
}

/// It follows the expression of the indexed stubs itself. (That of the searching stubs, in every-frame mode only, it does not evaluate.)
#[test]
fn over_the_bare_stack() {
    let unwinder = framehop();
    let mut consumer = |ground: &Ground| {
        let from = here();
        loop_of_framehop(&unwinder, from, &live(ground, from))
    };
    for foreign in &BOTH {
        let (plain, _) = look(foreign, Spacing::Off, By::UnwindTables, &mut consumer);
        let (seen, barriers) = look(foreign, Spacing::default(), By::UnwindTables, &mut consumer);
        let (ours, others): (Trace, Trace) =
            seen.iter().partition(|&&pc| barrier_arch::arch::is_trampoline(pc));
        assert!(barriers > 1 && ours.len() <= ONE_EACH(barriers) && !ours.is_empty());
        assert_eq!(others, plain);
    }
}

/// Our walk by `unwind`.
fn walk(ground: &Ground, from: Registers, unwind: &impl Unwind) -> Trace {
    let (live, mut seen) = (live(ground, from), Vec::new());
    let walked = Walk::new(unwind, &live).barriers(ground.bars()).strict(
        ground.bars().stack_hi() - 16,
        from,
        |frame| {
            seen.extend(frame.caller.map(|caller| caller.return_pc));
            ControlFlow::Continue(())
        },
    );
    walked.unwrap_or_else(|error| panic!("{error}"));
    seen
}

#[test]
fn framehop_drives_our_walk() {
    let unwinder = framehop();
    same_frames("walk by framehop", NONE, &mut |ground| {
        let cache = CacheX86_64::<MustNotAllocateDuringUnwind>::new_in();
        let from = here();
        let by_framehop = walk(ground, from, &ByFramehop::new(&unwinder, cache));
        assert_eq!(by_framehop, walk(ground, from, tables()), "two readers of the same tables");
        by_framehop
    });
}
