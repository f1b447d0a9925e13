# shellcheck shell=bash
# The Scheme's tasks: the write barrier of channels, and the roots of tasks.

mutant value-put-into-a-channel-unseen sched/examples/scheme/concurrency/channel.rs sched example/scheme while_marking_is_marked <<'END'
        machine.store(ring, 1 + (self.index(OLDEST) + count) % length, value);
====
        let word = ring.word(1 + (self.index(OLDEST) + count) % length);
        word.store(value.0, std::sync::atomic::Ordering::Relaxed);
END

mutant task-that-has-not-begun-is-no-root sched/examples/scheme/language.rs sched example/scheme programs_with_tasks <<'END'
        self.nursery.visit(visit);
====
        let _ = Nursery::visit;
END

mutant task-does-not-keep-its-object sched/examples/scheme/runtime/state.rs sched example/scheme keeps_its_own_object <<'END'
        visit(self.own().0 as usize);
====
        let _ = TaskState::own;
END

mutant port-used-by-two-tasks-at-once sched/examples/scheme/ports/held.rs sched example/scheme programs_with_tasks <<'END'
            .is_err()
====
            .is_err_and(|_| false)
END

mutant panic-below-compiled-frames-not-caught sched/src/managed/arch/personality.rs sched example/scheme a_panic_is_the_tasks_own <<'END'
        return URC_HANDLER_FOUND;
====
        return 8;
END
