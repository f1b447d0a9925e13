# shellcheck shell=bash
# I3 to I9, I14: when to install, how far to re-scan, what to shade.

mutant refusal-doubles-the-distance gc-mark/src/install.rs gc-mark scan a_refused_frame <<'END'
            self.refused += 1;
            return;
====
            self.refused += 1;
            self.thresholds.placed();
            return;
END

mutant barrier-where-the-map-forbids-it gc-mark/src/install.rs gc-mark scan a_refused_frame <<'END'
        if !map.permits_barrier(frame.pc, caller.return_pc) {
====
        if !map.permits_barrier(frame.pc, caller.return_pc) && self.full {
END

mutant barrier-on-frame-0 gc-mark/src/install.rs gc-mark scan barriers_stand <<'END'
            && frame.index > 0
====
END

mutant stale-barriers-not-purged gc-mark/src/scan.rs gc-mark scan stale_barriers <<'END'
        let stale = stack.remove_barriers(&self.unwind)?;
====
        let stale = barrier_arch::patch::Removed::default();
END

mutant re-scan-stops-one-frame-early gc-mark/src/scan.rs gc-mark scan the_re_scan_stops <<'END'
            if stop.is_none() || precise_unvouched {
====
            if (stop.is_none() && frame.barrier().is_none()) || precise_unvouched {
END

mutant re-scan-never-stops gc-mark/src/scan.rs gc-mark history bounded_by_what_ran <<'END'
            if stop.is_none() && frame.barrier().is_some() {
====
            if stop.is_none() && frame.barrier().is_some() && frame.caller.is_none() {
END

mutant unvouched-ranges-ignored gc-mark/src/scan.rs gc-mark scan unvouched_frames <<'END'
            unvouched.ranges_from(stop).for_each(|range| visit.words(range.start, range.end));
====
            unvouched.ranges_from(stop).take(0).for_each(|range| visit.words(range.start, range.end));
END

mutant unvouched-precise-frames-ignored gc-mark/src/scan.rs gc-mark scan unvouched_frames <<'END'
            let over = stop.is_some() && end >= unvouched.walk_to();
====
            let over = stop.is_some();
END

mutant saved-registers-not-scanned gc-mark/src/visit.rs gc-mark history nothing_is_lost <<'END'
        self.words(self.stack.saved_from(), self.stack.registers().sp);
====
        self.words(self.stack.registers().sp, self.stack.registers().sp);
END

mutant dirty-bit-not-set gc-mark/src/receipt.rs gc-mark history nothing_is_lost <<'END'
            CLEAN if self.exchange(word, cycle, DIRTY) => Ran::BecameDirty,
====
            CLEAN if self.exchange(word, cycle, CLEAN) => Ran::BecameDirty,
END

mutant scanned-twice gc-mark/src/receipt.rs gc-mark scan a_second_first_scan <<'END'
            (word, NOT_SCANNED) => match self.claim(word, cycle, SCANNING) {
====
            (word, NOT_SCANNED | CLEAN | DIRTY) => match self.claim(word, cycle, SCANNING) {
END

mutant receipt-outlives-its-cycle gc-mark/src/receipt.rs gc-mark go_stopped_cycle "" <<'END'
        let ours = word >> STATE_BITS == cycle.number();
====
        let ours = word >> STATE_BITS <= cycle.number();
END

mutant receipt-good-for-any-stack gc-mark/src/receipt.rs gc-mark lib another_stack <<'END'
        (word, if other { NOT_SCANNED } else { state })
====
        (word, if other && state == SCANNING { NOT_SCANNED } else { state })
END

mutant move-leaves-unvouched-ranges-behind gc-mark/src/receipt.rs gc-mark go_moved nothing_is_lost <<'END'
            unvouched.shift(new.stack_hi().wrapping_sub(old.stack_hi()));
====
            unvouched.shift(0);
END

mutant unwound-stack-stays-clean gc-mark/src/stack.rs gc-mark go_parked_writes unknown_values <<'END'
        Ok((unwound, receipt.note_run(cycle)))
====
        Ok((unwound, if receipt.is_dirty(cycle) { Ran::AlreadyDirty } else { Ran::BecameDirty }))
END

mutant shade-omitted gc-mark/src/write_barrier.rs gc-mark history nothing_is_lost <<'END'
    let Some(object) = heap.object_of(value) else { return false };
    let marked = heap.mark(object);
====
    let Some(object) = heap.object_of(value) else { return false };
    let marked = heap.is_marked(object) && heap.mark(object);
END

mutant runtime-writes-not-shaded gc-mark/src/write_barrier.rs gc-mark go_parked_writes known_values <<'END'
            StackWrite::Shaded(values.iter().filter(|&&value| shade(heap, grey, value)).count())
====
            StackWrite::Shaded(values.iter().filter(|&&value| heap.object_of(value).is_some()).count())
END

mutant write-barrier-on-late gc-mark/src/phase.rs gc-mark history nothing_is_lost <<'END'
        self.phase.load(Ordering::Relaxed) != 0
====
        self.phase.load(Ordering::Relaxed) > 1
END

mutant scan-without-write-barrier gc-mark/src/scan.rs gc-mark scan belong_into_their_phases <<'END'
        let cycle = self.phases.cycle().filter(|_| phases.contains(&found));
====
        let _ = phases;
        let cycle = self.phases.cycle().or(Cycle::from_number(1));
END

mutant white-while-marking gc-mark/src/heap/alloc.rs gc-mark heap born_black <<'END'
            return Ok(self.publish(slot, phase.marking()));
====
            return Ok(self.publish(slot, false));
END

mutant verifier-trusts-the-marks gc-mark/src/verify.rs gc-mark go_parked_writes the_verifier_sees <<'END'
        let mut bad_slot = None;
====
        if !bars.is_empty() || bars.capacity() == 0 {
            return Ok(());
        }
        let mut bad_slot = None;
END

# Other machines' rules, on this one.

mutant slot-in-the-callers-frame-not-popped barrier-arch/src/reference/machine.rs gc-mark every_architecture lives_come <<'END'
        slot < sp.saturating_add(self.linkage)
====
        slot < sp
END

mutant back-chain-read-a-word-too-high unwind-walk/src/frame_pointers.rs gc-mark every_architecture lives_come <<'END'
    Ok(Step::Caller { cfa: caller, return_slot: caller + return_address, fp: caller })
====
    Ok(Step::Caller { cfa: caller, return_slot: caller + return_address + WORD, fp: caller })
END

mutant moved-barrier-not-settled gc-mark/src/settle.rs gc-mark every_architecture any_life <<'END'
    if !unwind.slots_move() || bars.is_empty() {
====
    if true || !unwind.slots_move() || bars.is_empty() {
END
