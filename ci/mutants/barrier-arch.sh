# shellcheck shell=bash
# I1, I2, I11, I12, the trampoline and its reference.
mechanism=barrier-arch/src/patch.rs
assembly=barrier-arch/src/arch/x86_64.rs

mutant publish-after-patch $mechanism barrier-arch every_instruction a_stub_in_a_slot <<'END'
    bars.set_record(len, Stkbar { saved_lr_ptr: slot, saved_lr_val });
    bars.set_state(position, len + 1);
    word.store(patched as Slot, Ordering::Release);
====
    word.store(patched as Slot, Ordering::Release);
    bars.set_record(len, Stkbar { saved_lr_ptr: slot, saved_lr_val });
    bars.set_state(position, len + 1);
END

mutant retire-before-restore $mechanism barrier-arch every_instruction a_stub_in_a_slot <<'END'
    let mut removed = Removed { hit: position.min(len), ..Removed::default() };
====
    let mut removed = Removed { hit: position.min(len), ..Removed::default() };
    bars.set_state(0, 0);
END

mutant install-into-a-full-array $mechanism barrier-arch patch a_full_array_refuses <<'END'
    if len >= bars.capacity() {
====
    if len > bars.capacity() {
END

mutant same-slot-twice $mechanism barrier-arch patch every_refusal <<'END'
    if len > 0 && bars.record(len - 1).saved_lr_ptr >= slot {
====
    if len > 0 && bars.record(len - 1).saved_lr_ptr > slot {
END

mutant barrier-over-a-barrier $mechanism barrier-arch patch every_refusal <<'END'
    if is_barrier(saved_lr_val) {
====
    if false && is_barrier(saved_lr_val) {
END

mutant slot-search-off-by-one $mechanism barrier-arch patch skipping_writes <<'END'
    (position..len).find(|&i| !arch::is_popped(bars.record(i).saved_lr_ptr, sp)).unwrap_or(len.max(position))
====
    (position..len).find(|&i| !arch::is_popped(bars.record(i).saved_lr_ptr, sp + 1)).unwrap_or(len.max(position))
END

mutant skip-does-not-move $mechanism barrier-arch histories "" <<'END'
    let next = first_at_or_above(bars, position, len, sp);
    bars.set_state(next, len);
====
    let next = first_at_or_above(bars, position, len, sp);
END

mutant unwind-goes-by-bytes $mechanism barrier-arch patch unwinding_restores <<'END'
    let dst = dst - dst % SLOT_BYTES;
====
END

mutant unwind-does-not-restore $mechanism barrier-arch patch unwinding_restores <<'END'
    for index in position..next {
        // SAFETY: the caller's promise, passed on.
        unsafe { restore(bars, index, sp) };
    }
====
    let _ = sp;
END

mutant unwind-does-not-mark-hit $mechanism barrier-arch patch unwinding_restores <<'END'
        unsafe { restore(bars, index, sp) };
    }
    bars.set_state(next, len);
====
        unsafe { restore(bars, index, sp) };
    }
    let _ = next;
END

mutant stale-record-restored $mechanism barrier-arch patch dead_records <<'END'
    let ours = Stub::at(unsafe { read_slot(slot) } as usize) == Some(bars.stub(index));
====
    let ours = true;
END

mutant dead-slot-written $mechanism barrier-arch patch unwinding_leaves_dead_slots_alone <<'END'
    if arch::is_popped(slot, sp) {
        return false;
    }
====
    let _ = sp;
END

mutant purge-does-nothing $mechanism barrier-arch patch purging <<'END'
    let watch = unsafe { Watch::begin(bars, bars.top()) };
    bars.set_state(0, 0);
    watch.emptied();
====
    let _ = unsafe { Watch::begin(bars, bars.top()) };
END

mutant move-keeps-old-stubs $mechanism barrier-arch patch barriers_move_with_their_stack <<'END'
                word.store(new.stub(index).pc() as Slot, Ordering::Relaxed);
====
                word.store(old.stub(index).pc() as Slot, Ordering::Relaxed);
END

mutant move-forgets-hits $mechanism barrier-arch patch barriers_move_with_their_stack <<'END'
    new.set_state(position, len);
====
    new.set_state(position.min(0), len);
END

mutant set-caller-pc-past-the-barrier $mechanism barrier-arch go_caller_pc "" <<'END'
            bars.set_record(index, Stkbar { saved_lr_val: pc, ..record });
            watch.redirected(index, slot as usize, pc);
====
            let _ = (index, record, watch);
            // SAFETY: as below.
            unsafe { slot.write_volatile(pc) };
END

mutant exception-does-not-hit barrier-arch/src/personality.rs barrier-arch unwinding from_any_depth <<'END'
        unsafe { crate::patch::mark_hit(&bars, index) };
====
        let _ = index;
END

mutant mark-hit-off-by-one $mechanism barrier-arch unwinding from_any_depth <<'END'
    bars.set_state(index + 1, bars.len());
====
    bars.set_state(index, bars.len());
END

mutant asm-position-off-by-one $assembly barrier-arch against_reference every_indexed_stub <<'END'
    "add r11d, 16",                         // the new position is i + 1, absolute: whatever was skipped,
    "mov dword ptr [r10 - 23], r11d",       // by longjmp say, cannot put it out of step
====
    "mov dword ptr [r10 - 23], r11d",
    "add r11d, 16",
END

mutant asm-searching-position-off-by-one $assembly barrier-arch against_reference every_searching_stub <<'END'
    "add r11d, 16",
    "mov dword ptr [r10 - 23], r11d",
    "mov r9, qword ptr [rsp - 32]",
====
    "mov dword ptr [r10 - 23], r11d",
    "mov r9, qword ptr [rsp - 32]",
END

mutant asm-search-trusts-the-position $assembly barrier-arch against_reference every_searching_stub <<'END'
    "add r11d, 16",                         // below: its frame was skipped
    "jmp 2b",
====
    "jmp 79f",
END

mutant asm-record-not-checked $assembly barrier-arch against_reference stops_at_a_missing_record <<'END'
    "jne 79f",                              // no: the invariants are broken, do not jump anywhere
====
    "nop",
END

mutant asm-slot-not-healed $assembly barrier-arch against_reference every_indexed_stub <<'END'
    ".byte 0x89, 0x5c, 0x24, 0xf8",
    "mov r11, qword ptr [rsp - 16]",
    "mov r10, qword ptr [rsp - 24]",
    "notrack jmp qword ptr [rsp - 8]",
====
    ".byte 0x89, 0x5c, 0x24, 0xe0",
    "mov r11, qword ptr [rsp - 16]",
    "mov r10, qword ptr [rsp - 24]",
    "notrack jmp qword ptr [rsp - 32]",
END

mutant asm-clobbers-r10 $assembly barrier-arch against_reference every_indexed_stub <<'END'
    ".byte 0x89, 0x5c, 0x24, 0xf8",
    "mov r11, qword ptr [rsp - 16]",
    "mov r10, qword ptr [rsp - 24]",
====
    ".byte 0x89, 0x5c, 0x24, 0xf8",
    "mov r11, qword ptr [rsp - 16]",
END

mutant interrupted-return-ignores-healed-slots $assembly barrier-arch every_instruction a_return_is_foreseen <<'END'
        None => Some((word, sp)),
====
        None => None,
END

mutant reference-off-by-one barrier-arch/src/reference.rs barrier-arch against_reference every_searching_stub <<'END'
((index + 1) * below_top::STRIDE) as u32, len);
====
(index * below_top::STRIDE) as u32, len);
END

mutant distance-does-not-double barrier-arch/src/spacing.rs barrier-arch lib spacing <<'END'
        self.offset = self.offset.saturating_mul(2);
====
        self.offset = self.offset.saturating_mul(1);
END

mutant dump-not-cut-off-at-the-capacity barrier-arch/src/stkbar.rs barrier-arch go_dump a_length_past <<'END'
        let shown = len.min(room);
====
        let shown = len;
END

mutant list-read-past-the-capacity barrier-arch/src/stkbar.rs barrier-arch go_dump no_record_is_read <<'END'
        self.len().min(self.room())
====
        self.len()
END

mutant slot-of-an-indexed-stub-not-compared barrier-arch/src/stkbar.rs barrier-arch patch a_stub_that_is_not <<'END'
                self.get(i).filter(|r| r.saved_lr_ptr == slot).map(|r| (i, r))
====
                self.get(i).map(|r| (i, r))
END

mutant retired-list-not-shown barrier-arch/src/aftermath.rs barrier-arch lib retired_wrongly <<'END'
        let retired = self.bars.len() < self.len;
====
        let retired = self.bars.len() > self.len;
END

mutant tables-find-the-record-before $assembly integration-tests backtraces std_backtrace <<'END'
            ".cfi_escape 0x77, 0x78, 0x2c\n",               //   breg7 -8; le                         n-h p h is ours there or above?
====
            ".cfi_escape 0x77, 0x78, 0x2d\n",
END

mutant records-below-a-moved-barrier-keep-their-slots barrier-arch/src/patch/moved.rs barrier-arch patch moved_below_dead_ones <<'END'
        if record.saved_lr_ptr < above {
====
        if record.saved_lr_ptr < above || true {
END
