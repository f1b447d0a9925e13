# shellcheck shell=bash
# I8, I11, I12, I14 where stacks and tasks live.

mutant no-purge-on-task-exit stack-alloc/src/shared.rs stack-alloc go_reuse the_next_owner <<'END'
        unsafe { patch::purge(&stkbars) };
====
        let _ = patch::purge;
END

mutant array-of-a-new-stack-not-emptied barrier-arch/src/stkbar.rs stack-alloc go_reuse poison <<'END'
        bars.set_state(0, 0);
====
END

mutant pointers-into-a-moved-stack-not-shifted stack-alloc/src/relocate.rs stack-alloc relocate growing_and_shrinking <<'END'
        if used.contains(&word) {
====
        if used.contains(&word) && shift == 0 {
END

mutant old-stack-not-freed-of-its-cookie stack-alloc/src/shared.rs stack-alloc sizes a_freed_stack <<'END'
        stkbars.retire();
====
        drop(stkbars);
END

mutant barriers-stay-after-the-cycle sched/src/collector/cycle.rs integration-tests go_reuse no_parked_stack <<'END'
        stats.removed = self.remove_barriers(&tasks);
====
        let _ = (&tasks, Self::remove_barriers);
END

mutant task-that-ran-not-listed sched/src/collector/errand.rs integration-tests go_dirty tasks_that_ran <<'END'
        Ran::BecameDirty => shared.dirty.lock().push(Arc::clone(task)),
        Ran::AlreadyDirty | Ran::NotScanned => {}
====
        Ran::BecameDirty | Ran::AlreadyDirty | Ran::NotScanned => {}
END

mutant new-task-not-listed sched/src/shared.rs integration-tests go_dirty tasks_made <<'END'
            if this.phases.now() != Phase::Off {
====
            if this.phases.now() == Phase::MarkTermination {
END

mutant claimed-task-started sched/src/task/state.rs integration-tests go_freed freed_when <<'END'
        let before =
            self.update(|word| if word & CLAIMED != 0 { word | WANTED } else { word & !PLACE | RUNNING });
        if before & CLAIMED != 0 { Start::Claimed } else { Start::Started }
====
        self.update(|word| word & !PLACE | RUNNING);
        if WANTED == 0 { Start::Claimed } else { Start::Started }
END
