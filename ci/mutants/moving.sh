# shellcheck shell=bash
# I11 where stacks grow and shrink beside the collector.

mutant moved-barrier-keeps-its-old-stub barrier-arch/src/patch.rs integration-tests moving moves_under_its_barriers <<'END'
                word.store(new.stub(index).pc() as Slot, Ordering::Relaxed);
====
                word.store(old.stub(index).pc() as Slot, Ordering::Relaxed);
END

mutant slot-of-a-moved-barrier-not-shifted barrier-arch/src/patch.rs integration-tests moving moves_under_its_barriers <<'END'
        let slot = old_slot.wrapping_sub(old.stack_hi()).wrapping_add(new.stack_hi());
====
        let slot = old_slot;
END

mutant saved-frame-pointer-of-a-moved-stack-not-shifted sched/src/managed/moving.rs integration-tests moving deep_recursion <<'END'
        shift(copy);
====
        let _ = &shift;
END

mutant task-goes-on-on-its-old-stack sched/src/managed/moving.rs integration-tests moving deep_recursion <<'END'
    task.crossing.managed_sp.store(new_sp, Ordering::Release);
====
    let _ = new_sp;
END

mutant receipt-of-a-moved-stack-left-behind sched/src/managed/moving.rs integration-tests moving still_scanned_once <<'END'
    unsafe { task.receipt.carry_over(&old.bars, &new.bars) };
====
    let _ = |old: &TaskStack| unsafe { task.receipt.carry_over(&old.bars, &new.bars) };
END

mutant stack-in-use-shrinks sched/src/managed/moving.rs integration-tests moving little_used <<'END'
    if !always && used >= room(stack) / 4 {
====
    if !always && used >= room(stack) {
END

mutant limit-of-a-moved-stack-stays sched/src/managed/moving.rs integration-tests moving deep_recursion <<'END'
    task.set_real_limit(limit(task, &new, inner.most_bytes));
====
    let _ = Task::<L>::set_real_limit;
END

mutant scanned-stack-shrinks-at-a-second-request sched/src/managed/moving.rs integration-tests moving still_scanned_once <<'END'
    if shared.phases.cycle().is_none_or(|cycle| task.receipt.is_scanned(cycle)) {
====
    if shared.phases.cycle().is_none() {
END

mutant old-stack-reused-before-its-walkers-are-done sched/src/managed/moving.rs integration-tests single_step sched_moves <<'END'
    task.crossing.managed_sp.store(new_sp, Ordering::Release);
    task.shared.moves.all.fetch_add(1, Ordering::Relaxed);
    if let Some(old) = old {
        // SAFETY: the task goes on on the new one, and nobody walks the old one (rule 4).
        unsafe { task.shared.stacks.free(old) };
    }
====
    if let Some(old) = old {
        // SAFETY: none: the task still waits on it.
        unsafe { task.shared.stacks.free(old) };
    }
    task.crossing.managed_sp.store(new_sp, Ordering::Release);
    task.shared.moves.all.fetch_add(1, Ordering::Relaxed);
END

mutant move-comes-true-before-the-copy-is-whole sched/src/managed/moving.rs integration-tests single_step sched_moves <<'END'
    let mut pointers = |shift: Shift<'_>| shift_frame_pointers(old_sp, new_hi.wrapping_sub(old_hi), shift);
====
    task.crossing.managed_sp.store(old_sp.wrapping_add(new_hi).wrapping_sub(old_hi), Ordering::Release);
    let mut pointers = |shift: Shift<'_>| shift_frame_pointers(old_sp, new_hi.wrapping_sub(old_hi), shift);
END

mutant one-barrier-of-a-moved-stack-left-behind barrier-arch/src/patch.rs sched example/scheme moves_in_mid_cycle <<'END'
        if index >= position && !arch::is_popped(old_slot, sp) {
====
        if index > position && !arch::is_popped(old_slot, sp) {
END

mutant oracle-forgets-a-stack-that-moves sched/src/managed/moving.rs sched example/scheme moves_in_mid_cycle <<'END'
        task.snapshot.lock().carry_over(&old.bars, &new.bars);
====
        let _ = &task.snapshot;
END
