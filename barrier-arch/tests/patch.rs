//! Install, remove, skip, unwind, move: each on plain memory where every word can be watched, then on a
//! real stack.

mod support;

use std::hint::black_box;

use barrier_arch::arch::{SLOT_BYTES, sp_after};
use barrier_arch::patch::{self, Refused, Removed};
use barrier_arch::reference::{self, Memory, live_sp};
use barrier_arch::{Key, SizeClass, Spacing, StkbarSlice, Stub, is_barrier};
use support::plain::PlainStack;
use support::{MODES, TestStack, install_here, return_slots};

const BYTES: usize = 1 << 14;

/// How many of `count` barriers there are: with none wanted, every operation finds nothing to do, and every answer is that of a plain stack.
fn of(spacing: Spacing, count: usize) -> usize {
    if spacing == Spacing::Off { 0 } else { count }
}

/// A stack with barriers (unless they are off) over 0x1000, 0x1001, … in the `count` slots 64 bytes apart from the middle up.
fn with_barriers(spacing: Spacing, count: usize) -> (PlainStack, Vec<usize>) {
    let mut stack = PlainStack::new(BYTES, spacing);
    let first = stack.bars.base() + 1024;
    let slots: Vec<usize> = (0..count).map(|i| first + 64 * i).collect();
    for (i, &slot) in slots.iter().enumerate() {
        assert_eq!(stack.install_over(slot, 0x1000 + i), installs(spacing));
    }
    (stack, slots)
}

/// What an installation answers where nothing is wrong.
fn installs(spacing: Spacing) -> Result<(), Refused> {
    if spacing == Spacing::Off { Err(Refused::Full(0)) } else { Ok(()) }
}

/// A return through `slot`: where it leads.
fn hit(stack: &mut PlainStack, slot: usize) -> usize {
    let word = stack.load(slot);
    assert_eq!(is_barrier(word), stack.bars.capacity() > 0);
    Stub::at(word).map_or(word, |stub| reference::hit(stub, sp_after(slot), stack).unwrap())
}

fn words(stack: &PlainStack, slots: &[usize]) -> Vec<usize> {
    slots.iter().map(|&slot| stack.load(slot)).collect()
}

#[track_caller]
fn refuses(stack: &PlainStack, slot: usize, why: Refused) {
    let before = stack.snapshot();
    // SAFETY: nothing runs on the stack.
    assert_eq!(unsafe { patch::install(&stack.bars, slot) }, Err(why));
    assert!(stack.snapshot() == before, "a refusal changes nothing: {why}");
    assert!(why.to_string().contains("barrier") || why.to_string().contains("return slot"), "{why}");
}

#[test]
fn every_refusal_says_why_and_changes_nothing() {
    for spacing in MODES {
        let (mut stack, slots) = with_barriers(spacing, 3);
        let last = slots[2];
        if spacing == Spacing::Off {
            [0, slots[0], last + SLOT_BYTES].iter().for_each(|&slot| refuses(&stack, slot, Refused::Full(0)));
            continue;
        }
        for outside in [
            0,
            stack.bars.base() - SLOT_BYTES,
            stack.bars.stack_hi(),
            stack.bars.top(),
            last + SLOT_BYTES / 2,
        ] {
            refuses(&stack, outside, Refused::OutsideStack(outside));
        }
        for taken in [slots[0], slots[1], last, last - SLOT_BYTES] {
            refuses(&stack, taken, Refused::OutOfOrder(taken));
        }
        refuses(&stack, last + SLOT_BYTES, Refused::NoReturnAddress(last + SLOT_BYTES));
        let patched = stack.load(slots[0]);
        stack.store(last + SLOT_BYTES, patched);
        refuses(&stack, last + SLOT_BYTES, Refused::AlreadyInstalled(last + SLOT_BYTES));
        assert_eq!(stack.install_over(last + SLOT_BYTES, 0x2000), Ok(()), "the next frame is taken");
    }
}

#[test]
fn a_full_array_refuses() {
    for spacing in MODES {
        let mut stack = PlainStack::new(BYTES, spacing);
        let capacity = stack.bars.capacity();
        let first = stack.bars.base() + SLOT_BYTES;
        for i in 0..capacity {
            assert_eq!(stack.install_over(first + SLOT_BYTES * i, 0x1000), Ok(()));
        }
        let next = first + SLOT_BYTES * capacity;
        stack.store(next, 0x1000);
        refuses(&stack, next, Refused::Full(capacity));
    }
}

#[test]
fn removal_after_some_hits_restores_the_rest() {
    for spacing in MODES {
        for hits in 0..=4 {
            let (mut stack, slots) = with_barriers(spacing, 4);
            for (i, &slot) in slots[..hits].iter().enumerate() {
                assert_eq!(hit(&mut stack, slot), 0x1000 + i);
                assert_eq!(stack.bars.state(), (of(spacing, i + 1), of(spacing, 4)));
            }
            let sp = if hits == 0 { live_sp(slots[0]) } else { sp_after(slots[hits - 1]) };
            // SAFETY: nothing runs on the stack.
            let removed = unsafe { patch::remove(&stack.bars, sp) };
            assert_eq!(removed, Removed { restored: of(spacing, 4 - hits), hit: of(spacing, hits), dead: 0 });
            let originals: Vec<usize> = (hits..4).map(|i| 0x1000 + i).collect();
            assert_eq!(words(&stack, &slots[hits..]), originals);
            assert_eq!(stack.bars.state(), (0, 0));
            // SAFETY: as above.
            assert_eq!(unsafe { patch::remove(&stack.bars, sp) }, Removed::default(), "nothing is left");
        }
    }
}

#[test]
fn dead_records_are_dropped_and_their_slots_left_alone() {
    for spacing in MODES {
        let (mut stack, slots) = with_barriers(spacing, 5);
        let patched = words(&stack, &slots);
        stack.store(slots[2], 0xfeed); // above sp, but somebody else's by now
        // SAFETY: nothing runs on the stack.
        let removed = unsafe { patch::remove(&stack.bars, sp_after(slots[1])) };
        assert_eq!(removed, Removed { restored: of(spacing, 2), hit: 0, dead: of(spacing, 3) });
        assert_eq!(words(&stack, &slots), [patched[0], patched[1], 0xfeed, 0x1003, 0x1004]);
        assert!(stack.bars.is_empty());
    }
}

#[test]
fn skipping_writes_to_no_slot() {
    for spacing in MODES {
        for skipped in 0..=4 {
            let (mut stack, slots) = with_barriers(spacing, 4);
            let patched = words(&stack, &slots);
            let sp = live_sp(slots.get(skipped).copied().unwrap_or(slots[3] + 8));
            // SAFETY: nothing runs on the stack.
            assert_eq!(unsafe { patch::skip(&stack.bars, sp) }, of(spacing, skipped));
            assert_eq!(words(&stack, &slots), patched);
            assert_eq!(stack.bars.state(), (of(spacing, skipped), of(spacing, 4)));
            for (i, &slot) in slots.iter().enumerate().skip(skipped) {
                assert_eq!(hit(&mut stack, slot), 0x1000 + i, "those above are still hit");
            }
            assert_eq!(stack.bars.state(), (of(spacing, 4), of(spacing, 4)));
            // SAFETY: as above.
            assert_eq!(unsafe { patch::skip(&stack.bars, usize::MAX) }, 0, "a position never goes back");
        }
    }
}

#[test]
fn unwinding_restores_and_marks_hit() {
    for spacing in MODES {
        for (unwound, byte) in (0..=4).flat_map(|unwound| (0..SLOT_BYTES).map(move |byte| (unwound, byte))) {
            let (stack, slots) = with_barriers(spacing, 4);
            let dst = live_sp(slots.get(unwound).copied().unwrap_or(slots[3] + 8)) + byte;
            // SAFETY: nothing runs on the stack.
            let taken = unsafe { patch::unwind(&stack.bars, live_sp(slots[0]), dst) };
            assert_eq!(taken, of(spacing, unwound));
            let barriers = slots.iter().filter(|&&slot| is_barrier(stack.load(slot)));
            assert_eq!(barriers.count(), of(spacing, 4 - unwound));
            assert!((0..unwound).all(|i| stack.load(slots[i]) == 0x1000 + i));
            assert_eq!(stack.bars.state(), (of(spacing, unwound), of(spacing, 4)));
        }
    }
}

/// Where an ABI has a caller keep its callees' return addresses, what lies above a stack pointer belongs to two frames: of a write into the last
/// word of a frame the bytes do not count, but the word.
#[test]
fn unwinding_to_any_byte_of_a_frame_leaves_the_frames_own_barrier() {
    const LOCALS: [usize; 5] = [3, 1, 2, 1, 4];
    for (spacing, depth) in MODES.into_iter().flat_map(|spacing| (0..LOCALS.len()).map(move |i| (spacing, i)))
    {
        for byte in 0..LOCALS[depth] * SLOT_BYTES {
            let mut stack = PlainStack::new(BYTES, spacing);
            let mut frames = vec![reference::outermost(stack.bars.stack_hi(), LOCALS[0], &mut stack)];
            for (i, &locals) in LOCALS.iter().enumerate().skip(1) {
                frames.push(reference::call(&frames[i - 1], locals, 0x1000 + i, &mut stack));
            }
            let barriers = LOCALS.len() - 2;
            for frame in frames[1..=barriers].iter().rev() {
                // SAFETY: nothing runs on the stack.
                assert_eq!(unsafe { patch::install(&stack.bars, frame.slot) }, installs(spacing));
            }
            // SAFETY: as above.
            let taken = unsafe {
                patch::unwind(&stack.bars, frames[LOCALS.len() - 1].sp, frames[depth].locals + byte)
            };
            let younger = barriers.saturating_sub(depth);
            assert_eq!(taken, of(spacing, younger), "{spacing:?}: byte {byte} of frame {depth}");
        }
    }
}

#[test]
fn unwinding_leaves_dead_slots_alone() {
    for spacing in MODES {
        let (stack, slots) = with_barriers(spacing, 4);
        let dead = stack.load(slots[0]);
        // SAFETY: nothing runs on the stack.
        let taken = unsafe { patch::unwind(&stack.bars, live_sp(slots[1]), live_sp(slots[3])) };
        assert_eq!(taken, of(spacing, 3));
        assert_eq!(words(&stack, &slots[..3]), [dead, 0x1001, 0x1002]);
        assert_eq!(stack.bars.state(), (of(spacing, 3), of(spacing, 4)));
    }
}

#[test]
fn purging_empties_the_array_and_writes_to_no_slot() {
    for spacing in MODES {
        let (stack, slots) = with_barriers(spacing, 4);
        let patched = words(&stack, &slots);
        // SAFETY: nothing runs on the stack.
        unsafe { patch::purge(&stack.bars) };
        assert_eq!((stack.bars.state(), words(&stack, &slots)), ((0, 0), patched));
    }
}

#[test]
fn barriers_move_with_their_stack() {
    let [off, few, all] = MODES;
    for (from, to) in [(off, off), (off, all), (few, few), (few, all), (all, all)] {
        for bytes in [BYTES / 2, BYTES, 4 * BYTES] {
            for hits in 0..=4 {
                let (mut old, slots) = with_barriers(from, 4);
                let mut new = PlainStack::new(bytes, to);
                for (i, &slot) in slots[..hits].iter().enumerate() {
                    assert_eq!(hit(&mut old, slot), 0x1000 + i);
                }
                let delta = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
                // Frames near the top, so that they fit into the smaller stack.
                let sp = live_sp(slots[0]).max(old.bars.stack_hi() - (new.bars.stack_hi() - new.bars.base()));
                (sp..old.bars.stack_hi())
                    .step_by(size_of::<usize>())
                    .for_each(|a| new.store(a.wrapping_add(delta), old.load(a)));
                // SAFETY: nothing runs on either; the part from `sp` was copied.
                assert!(unsafe { patch::carry_over(&old.bars, &new.bars, sp) });
                assert_eq!(new.bars.state(), (of(from, hits), of(from, 4)), "same indices");
                let copied = slots.iter().enumerate().filter(|&(_, &slot)| live_sp(slot) >= sp);
                for (i, &slot) in copied.skip_while(|&(i, _)| i < hits) {
                    let slot = slot.wrapping_add(delta);
                    let word = if from == off { 0x1000 + i } else { new.bars.stub(i).pc() };
                    assert_eq!(new.load(slot), word, "the new class's stub");
                    assert!(from == off || hit(&mut new, slot) == 0x1000 + i);
                }
            }
        }
    }
}

/// Where the lowest barrier that was not hit stands now may lie below the slots of those that were: their frames are gone.
#[test]
fn a_barrier_that_moved_below_dead_ones_keeps_the_list_in_order() {
    for spacing in MODES {
        for hits in 0..4 {
            // Above its old slot, at it, between and at the slots of the dead, and below all of them.
            for moved in (-64 * hits - 64..=32).step_by(16) {
                let (mut stack, slots) = with_barriers(spacing, 4);
                let hits = hits as usize;
                slots[..hits].iter().for_each(|&slot| _ = hit(&mut stack, slot));
                let slot = slots[hits].wrapping_add_signed(moved);
                let word = stack.load(slots[hits]);
                stack.store(slots[hits], 0xfeed);
                stack.store(slot, word);
                // SAFETY: nothing runs on the stack; the frame is the test's fiction.
                let settled = unsafe { patch::settle(&stack.bars, hits, slot, sp_after(slot)) };
                assert_eq!(settled, spacing != Spacing::Off);
                assert_eq!(stack.bars.state(), (of(spacing, hits), of(spacing, 4)));
                let listed: Vec<usize> =
                    (0..4).filter_map(|i| stack.bars.get(i)).map(|record| record.saved_lr_ptr).collect();
                assert!(
                    listed.is_sorted_by(|below, above| below < above),
                    "I2: {listed:x?}, moved by {moved}"
                );
                assert_eq!(hit(&mut stack, slot), 0x1000 + hits);
            }
        }
    }
}

#[test]
fn a_move_without_room_for_the_records_changes_nothing() {
    let (old, slots) = with_barriers(Spacing::EveryFrame, 60);
    let new = PlainStack::new(BYTES, Spacing::default());
    let before = (old.snapshot(), new.snapshot());
    // SAFETY: nothing runs on either.
    assert!(!unsafe { patch::carry_over(&old.bars, &new.bars, live_sp(slots[0])) });
    assert!((old.snapshot(), new.snapshot()) == before);
}

#[test]
fn caller_pcs_are_the_saved_ones() {
    for spacing in MODES {
        let (mut stack, slots) = with_barriers(spacing, 3);
        let plain = slots[2] + 64;
        stack.store(plain, 0x5000);
        // SAFETY: words of the plain stack.
        let pc = |slot: usize| unsafe { patch::caller_pc(slot as *const usize) };
        assert_eq!([pc(slots[0]), pc(slots[2]), pc(plain)], [0x1000, 0x1002, 0x5000]);
        let patched = stack.load(slots[1]);
        // SAFETY: as above.
        unsafe {
            patch::set_caller_pc(slots[1] as *mut usize, 0x6001);
            patch::set_caller_pc(plain as *mut usize, 0x6002);
        }
        assert_eq!([pc(slots[1]), pc(plain)], [0x6001, 0x6002]);
        let word = if spacing == Spacing::Off { 0x6001 } else { patched };
        assert_eq!(words(&stack, &[slots[1], plain]), [word, 0x6002], "the barrier stands");
        assert_eq!(hit(&mut stack, slots[1]), 0x6001, "and is hit on the way");
    }
}

/// A wrong slot was given (Go's #15145), in which a stub lies by chance: it is a word like any other, and nobody's record is touched.
#[test]
fn a_stub_that_is_not_its_slots_own_is_no_barrier() {
    for spacing in MODES {
        let (mut stack, slots) = with_barriers(spacing, 3);
        let wrong = slots[2] + 64;
        // Of another slot; of a size of which there is no stack.
        let smaller = Stub::new(SizeClass::of(BYTES / 2).unwrap(), Key::Index(1));
        for stub in [Stub::new(stack.bars.class(), Key::Index(1)), stack.bars.stub(1), smaller] {
            stack.store(wrong, stub.pc());
            let before = stack.snapshot();
            // SAFETY: words of the plain stack.
            assert_eq!(unsafe { patch::caller_pc(wrong as *const usize) }, stub.pc());
            // SAFETY: as above.
            unsafe { patch::set_caller_pc(wrong as *mut usize, 0x7000) };
            assert_eq!(stack.load(wrong), 0x7000);
            stack.store(wrong, stub.pc());
            assert!(stack.snapshot() == before, "{spacing:?} {stub:?}: another word was changed");
        }
    }
}

/// Where the frame that called `f` would be returned to is changed while a barrier stands over it.
#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
#[test]
fn a_real_return_goes_where_set_caller_pc_says() {
    #[inline(never)]
    extern "C" fn callee(bars: &StkbarSlice, barrier: bool, target: usize) -> usize {
        let own_slot = return_slots(bars)[1];
        if barrier {
            // SAFETY: this frame's own slot, and it is live.
            unsafe { patch::install(bars, own_slot) }.unwrap();
        }
        // SAFETY: the target pops nothing and returns what it was returned, see below.
        unsafe {
            let original = patch::caller_pc(own_slot as *const usize);
            RETURN_TO.store(original, std::sync::atomic::Ordering::Relaxed);
            patch::set_caller_pc(own_slot as *mut usize, target);
            assert_eq!(patch::caller_pc(own_slot as *const usize), target);
        }
        black_box(1000)
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 16, spacing);
        stack.run(|bars| {
            let barrier = spacing != Spacing::Off;
            let result = black_box(callee)(bars, barrier, detour as *const () as usize);
            assert_eq!(result, 1001, "went through the detour");
            assert_eq!(bars.state(), (usize::from(barrier), usize::from(barrier)), "the barrier was hit");
        });
    }
}

#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
static RETURN_TO: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// Returned to, not called: adds one to the result and goes on to `RETURN_TO`.
#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
#[unsafe(naked)]
unsafe extern "C" fn detour() {
    #[cfg(target_arch = "x86_64")]
    std::arch::naked_asm!("inc rax", "mov rcx, [rip + {to}]", "jmp rcx", to = sym RETURN_TO);
    #[cfg(target_arch = "x86")]
    std::arch::naked_asm!(
        "inc eax",
        "call 4f",
        "4: pop ecx",
        ".byte 0xff, 0xa1", // jmp [ecx + distance]
        ".long {to} - 4b",
        to = sym RETURN_TO
    );
    #[cfg(target_arch = "arm")]
    std::arch::naked_asm!(
        "add r0, r0, #1",
        "ldr r12, 5f",
        "4: add r12, pc, r12",
        "ldr pc, [r12]",
        "5: .word {to} - 4b - 8",
        to = sym RETURN_TO
    );
    #[cfg(target_arch = "aarch64")]
    std::arch::naked_asm!(
        "add x0, x0, #1",
        "adrp x16, {to}",
        "ldr x16, [x16, :lo12:{to}]",
        "ret x16",
        to = sym RETURN_TO
    );
    #[cfg(target_arch = "loongarch64")]
    std::arch::naked_asm!(
        "addi.d $a0, $a0, 1",
        "la.pcrel $t0, {to}",
        "ld.d $t0, $t0, 0",
        "jr $t0",
        to = sym RETURN_TO
    );
    #[cfg(target_arch = "riscv64")]
    std::arch::naked_asm!("addi a0, a0, 1", "lla t1, {to}", "ld t1, 0(t1)", "jr t1", to = sym RETURN_TO);
}

#[test]
fn a_real_stack_with_barriers_unwound_removed_and_installed_again() {
    #[inline(never)]
    fn deep(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> u64 {
        if depth > 0 {
            return deep(black_box(depth - 1), bars, spacing) + 1;
        }
        let patched = |bars: &StkbarSlice| {
            // SAFETY: live slots of this very stack.
            let words = return_slots(bars).into_iter().map(|slot| unsafe { *(slot as *const usize) });
            words.filter(|&word| is_barrier(word)).count()
        };
        let originals = pcs(bars);
        let installed = install_here(bars, spacing);
        assert_eq!((patched(bars), pcs(bars)), (installed, originals.clone()));
        let slots = return_slots(bars);
        let middle = slots[slots.len() / 2];
        // SAFETY: this thread is on the stack, and all slots from this frame up are live.
        unsafe {
            let unwound = patch::unwind(bars, sp_after(slots[0]), middle);
            assert_eq!(patched(bars), installed - unwound);
            let removed = patch::remove(bars, sp_after(slots[0]));
            assert_eq!(removed, Removed { restored: installed - unwound, hit: unwound, dead: 0 });
        }
        assert_eq!((patched(bars), pcs(bars)), (0, originals));
        assert_eq!(install_here(bars, spacing), installed);
        black_box(0)
    }
    /// Return addresses of all frames but this and the closures' own.
    #[inline(never)]
    fn pcs(bars: &StkbarSlice) -> Vec<usize> {
        // SAFETY: live slots.
        return_slots(bars)[2..]
            .iter()
            .map(|&slot| unsafe { patch::caller_pc(slot as *const usize) })
            .collect()
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 20, spacing);
        for depth in [0, 1, 10, 100, 1000] {
            assert_eq!(stack.run(|bars| deep(depth, bars, spacing)), depth);
        }
    }
}
