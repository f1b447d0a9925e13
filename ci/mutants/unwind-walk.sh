# shellcheck shell=bash
# I10: a strict walk proves its end; barriers are matched by slot.

mutant short-walk-not-noticed unwind-walk/src/walk.rs unwind-walk broken_lists ends_early <<'END'
        if sp != outermost_sp {
====
        if sp > outermost_sp {
END

mutant leftover-not-noticed unwind-walk/src/barriers.rs unwind-walk broken_lists not_met <<'END'
        self.leftover = self.leftover.or_else(|| (self.next..to).find_map(alive));
====
        self.leftover = self.leftover.or_else(|| (to..to).find_map(alive));
END

mutant dead-record-is-leftover unwind-walk/src/barriers.rs unwind-walk broken_lists dead_record <<'END'
            let holds = !popped && memory.read_word(slot).map(arch::strip) == Some(bars.stub(index).pc());
====
            let holds = !popped;
END

mutant barriers-matched-by-order unwind-walk/src/barriers.rs unwind-walk broken_lists "" <<'END'
        Some(record) if record.saved_lr_ptr == slot && bars.stub(hint) == stub => Some((hint, record)),
====
        Some(record) => Some((hint, record)),
END

mutant walk-may-go-down unwind-walk/src/walk.rs unwind-walk corrupt does_not_lead_up <<'END'
        if cfa <= frame.sp {
====
        if cfa < frame.sp {
END

mutant start-in-the-trampoline-not-seen unwind-walk/src/walk.rs unwind-walk trampoline frame_zero <<'END'
        if !arch::is_trampoline(registers.pc) {
====
        if registers.pc != 0 {
END

mutant barrier-known-by-its-slot-alone unwind-walk/src/barriers.rs gc-mark every_architecture any_life <<'END'
        let moved_below = if self.met { None } else { reach() };
====
        let moved_below = reach().filter(|_| false);
END
