# shellcheck shell=bash
# Who watches: the checker of barriers and the oracle of write barriers must not be blind.

mutant checker-misses-a-stub-without-record barrier-arch/src/checker.rs barrier-arch checker "" <<'END'
            Some(_) => Err(Violation::Unrecorded { slot, stub: word }),
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
