# shellcheck shell=bash
# Who watches: the checker of barriers and the oracle of write barriers must not be blind.

mutant checker-misses-a-stub-without-record barrier-arch/src/checker.rs barrier-arch checker "" <<'END'
            Some(stub) => Err(Violation::Unrecorded { slot, stub: stub.pc() }),
====
            Some(_) => Ok(()),
END

mutant checker-misses-two-records-for-one-slot barrier-arch/src/checker.rs barrier-arch go_double_scan "" <<'END'
    if index > 0 && slot <= before {
====
    if index > 0 && slot < before {
END

mutant checker-misses-dead-records barrier-arch/src/checker.rs barrier-arch go_double_scan "" <<'END'
    pub fn finish(mut self) -> Census {
        while self.next < self.len {
====
    pub fn finish(mut self) -> Census {
        while self.next + 1 < self.len {
END

mutant oracle-skips-what-was-skipped gc-mark/src/oracle.rs gc-mark oracle an_up_pointer_write <<'END'
            skipped |= frame.barrier().is_some();
====
            skipped |= frame.barrier().is_some() && frame.caller.is_none();
END

mutant oracle-compares-with-itself gc-mark/src/oracle.rs gc-mark oracle an_up_pointer_write <<'END'
            let Some(new) = memory.read_word(slot).filter(|&new| new != old) else { continue };
====
            let Some(new) = memory.read_word(slot).filter(|&new| new != old && new == 0) else { continue };
END

after=barrier-arch/src/aftermath.rs

mutant operations-are-not-checked $after barrier-arch operations_checked "" <<'END'
        if cfg!(debug_assertions)
            && let Err(violation) = check(&self)
====
        if cfg!(debug_assertions)
            && self.len > self.bars.capacity()
            && let Err(violation) = check(&self)
END

mutant broken-barriers-do-not-stop-the-process $after barrier-arch operations_checked past_the_length <<'END'
        let (position, len, searched) =
            seen.unwrap_or_else(|violation| fatal::broken(&violation, &bars.dump(None)));
====
        let (position, len, searched) = seen.unwrap_or((0, 0, false));
END

mutant check-misses-an-unpatched-slot $after barrier-arch lib an_installation <<'END'
        if self.stands(self.len) { Ok(()) } else { Err(Violation::Dead { index: self.len, slot }) }
====
        Ok(())
END

mutant check-misses-a-slot-not-restored $after barrier-arch lib aftermath <<'END'
        let standing = { below }.find(|&index| self.stands(index));
====
        let standing = { below }.find(|&index| index > self.len && self.stands(index));
END

mutant check-misses-a-wrong-position $after barrier-arch lib a_skip <<'END'
        if (found, found_len) == (position, len) {
====
        if found_len == len {
END

mutant check-of-a-move-looks-at-records-only $after barrier-arch lib a_move <<'END'
            Some(word) if standing && word != due => Err(Violation::WrongCopy { index, slot, word, due }),
====
            Some(word) if standing && word == 0 => Err(Violation::WrongCopy { index, slot, word, due }),
END

mutant check-takes-dead-memory-for-slots $after barrier-arch lib stubs_that_mean_nothing <<'END'
            !arch::is_popped(slot, self.sp) && stack.contains(&slot) && slot.is_multiple_of(SLOT_BYTES);
====
            stack.contains(&slot) && slot.is_multiple_of(SLOT_BYTES);
END
