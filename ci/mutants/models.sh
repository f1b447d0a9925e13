# shellcheck shell=bash
# What only another thread, or another processor's view of memory, can notice: orderings, and the order of two steps. The models are to see it.
mechanism=barrier-arch/src/patch.rs
list=barrier-arch/src/stkbar.rs
state=sched/src/task/state.rs

mutant stub-stored-relaxed $mechanism barrier-arch loom/models a_reader_beside_installs <<'END'
    word.store(patched as Slot, Ordering::Release);
====
    word.store(patched as Slot, Ordering::Relaxed);
END

mutant length-published-relaxed $list barrier-arch loom/models a_reader_beside <<'END'
        self.half_words(below_top::STATE).store(state_word(bytes(position), bytes(len)), Ordering::Release);
====
        self.half_words(below_top::STATE).store(state_word(bytes(position), bytes(len)), Ordering::Relaxed);
END

mutant records-stored-relaxed $list barrier-arch loom/models a_reader_does_not_mix <<'END'
        self.word(at - SLOT_BYTES).store(record.saved_lr_val as Slot, Ordering::Release);
====
        self.word(at - SLOT_BYTES).store(record.saved_lr_val as Slot, Ordering::Relaxed);
END

mutant slot-read-once $mechanism barrier-arch loom/models a_reader <<'END'
        if word.load(Ordering::Acquire) == pc {
====
        if true {
END

mutant retired-before-restored $mechanism barrier-arch loom/models a_reader_beside_a_removal <<'END'
    let mut removed = Removed { hit: position.min(len), ..Removed::default() };
====
    let mut removed = Removed { hit: position.min(len), ..Removed::default() };
    bars.set_state(0, 0);
END

mutant state-word-relaxed $state sched loom/lib models::claim <<'END'
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(next(word))) {
====
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| Some(next(word))) {
END

mutant permit-forgotten $state sched loom/lib an_unpark_is_never_lost <<'END'
            _ => word | PERMIT,
====
            _ => word,
END

mutant wanted-forgotten $state sched loom/lib a_worker_and_the_collector <<'END'
        self.update(|word| word & !(CLAIMED | WANTED)) & WANTED != 0
====
        self.update(|word| word & !(CLAIMED | WANTED)) & WANTED == u32::MAX
END

mutant dirty-listed-twice gc-mark/src/receipt.rs gc-mark loom/lib one_of_two_makes_it_dirty <<'END'
            CLEAN if self.exchange(word, cycle, DIRTY) => Ran::BecameDirty,
====
            CLEAN if self.exchange(word, cycle, DIRTY) || word != 0 => Ran::BecameDirty,
END

mutant loser-ends-the-winners-claim gc-mark/src/receipt.rs gc-mark loom/lib one_of_two_scans_first <<'END'
        self.exchange(word, cycle, state).then(|| Claim { receipt: self, cycle, state })
====
        self.exchange(word, cycle, state).then_some(Claim { receipt: self, cycle, state })
END

mutant claim-ends-relaxed gc-mark/src/receipt.rs gc-mark loom/lib a_re_scan_sees <<'END'
        self.receipt.word.store(self.cycle.number() << STATE_BITS | state, Ordering::Release);
====
        self.receipt.word.store(self.cycle.number() << STATE_BITS | state, Ordering::Relaxed);
END

mutant limit-checked-then-taken stack-alloc/src/memory.rs stack-alloc loom/lib the_limit_holds <<'END'
        match self.mapped.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
====
        let now = self.mapped.load(Ordering::Relaxed);
        let taken = within(now).map(|_| self.mapped.fetch_add(bytes, Ordering::Relaxed)).ok_or(now);
        match taken {
END

mutant active-after-the-first-object gc-mark/src/grey.rs gc-mark shuttle/lib whoever_says_empty <<'END'
        self.grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        let mut left = quantum;
        while left > 0
            && let Some(object) = self.take()
        {
====
        let mut left = quantum;
        let mut first = self.take();
        self.grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        while left > 0
            && let Some(object) = first.take().or_else(|| self.take())
        {
END

mutant activity-looked-at-once gc-mark/src/grey.rs gc-mark shuttle/lib an_object_that_is_stolen <<'END'
        before & ACTIVE == 0 && self.looks_empty() && self.active.load(Ordering::SeqCst) == before
====
        before & ACTIVE == 0 && self.looks_empty()
END

mutant gate-looked-at-before-it-is-passed sched/src/gate.rs sched shuttle/lib nobody_runs_behind <<'END'
            self.running.fetch_add(1, Ordering::SeqCst);
            if !self.closed.load(Ordering::SeqCst) {
====
            let open = !self.closed.load(Ordering::SeqCst);
            self.running.fetch_add(1, Ordering::SeqCst);
            if open {
END

mutant idle-after-the-last-look sched/src/worker.rs sched shuttle/lib nobody_sleeps <<'END'
            queue.going_idle(self.index);
            self.shared.gate.leave();
            let found = queue.pop(self.index, &self.deque);
====
            self.shared.gate.leave();
            let found = queue.pop(self.index, &self.deque);
            queue.going_idle(self.index);
END

mutant leaves-with-an-object-in-hand gc-mark/src/grey.rs gc-mark shuttle/lib what_a_worker_leaves <<'END'
        self.grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        while let Some(object) = self.own.pop() {
            self.grey.push(object);
        }
        self.grey.active.fetch_sub(1, Ordering::SeqCst);
====
        while let Some(object) = self.own.pop() {
            self.grey.push(object);
        }
END

mutant trimmed-mapping-forgotten stack-alloc/src/memory.rs stack-alloc faults all_calls_fail <<'END'
            if let Some(left) = refused.left {
====
            if let Some(left) = refused.left.filter(|left| left.len() == 0) {
END
