//! Scanning a stack: once while the program runs, and once more, as far as it ran, while the world is stopped.
//!
//! ```text
//!                  first scan              … the task runs …         re-scan
//!   outermost   ┌─────────────┐           ┌─────────────┐        ┌─────────────┐
//!               │ roots       │           │             │        │ not visited │
//!               ├─ barrier 2 ─┤           ├─ barrier 2 ─┤        │             │
//!               │ roots       │           │             │        │             │
//!               │             │           │             │        │             │
//!               ├─ barrier 1 ─┤           ├─ barrier 1 ─┤ lowest ├─────────────┤ stop
//!               │ roots       │           │  has run    │ not    │ roots       │
//!               ├─ barrier 0 ─┤           ├─ hit ───────┤ hit    │             │
//!               │ roots       │           │  has run    │        │             │
//!   sp          └─────────────┘           └─────────────┘        └─────────────┘
//! ```
//!
//! # Rules
//!
//! 1. The first scan starts from an empty array: what is left from an earlier cycle is removed (I8). It needs the write barrier on (I3).
//! 2. Both walks are strict: a stack that cannot be walked to its outermost frame is an error, with nothing guessed
//!    (I10). The re-scan checks as far as it goes.
//! 3. The re-scan stops after the first frame *whose return slot holds* a barrier. The array's position is not trusted; it is a
//!    figure for the report.
//! 4. The frame with that barrier has run, perhaps; its caller has not. Above it only what nobody vouches for is
//!    visited: ranges word by word, precise frames by walking on to the highest of them ([`Unvouched`]).
//! 5. Saved registers below the stack pointer are scanned word by word, both times.
//! 6. A first scan that installed barriers ends with a walk of the part that a re-scan would visit. It proves at once that the
//!    lowest barrier is found, and it leaves that part, and the code for it, in the caches: the young end was read first, and after a deep
//!    stack it is long gone from them. The pause is some microseconds, which is a hundred cache misses.
//! 7. Barriers are left in place by the re-scan; the list learns where the lowest one is, should a tail call have moved it. Removing them is no work for a pause:
//!    [`Stopped::remove_barriers`], or the next first scan.
//! 8. In builds with debug assertions every scan looks at all barriers from outside, too ([`checker`]).

use core::ops::ControlFlow;

use barrier_arch::{Spacing, StkbarSlice};
use unwind_walk::{Frame, Unwind, Walk};

use crate::checker;
use crate::error::ScanError;
use crate::frame_map::{CacheStats, FrameCache, FrameMap, FrameRoots};
use crate::heap::{Heap, Object};
use crate::install::Installer;
use crate::phase::{Cycle, Phase, Phases};
use crate::receipt::{FirstScanClaim, ReScanClaim, Receipt};
use crate::report::{Scan, ScanReport};
use crate::roots;
use crate::stack::Stopped;
use crate::unvouched::Unvouched;
use crate::visit::Visit;

/// Scans stacks. One per thread that does; it keeps its cache of frame maps from stack to stack and from cycle to cycle.
#[derive(Debug)]
pub struct Scanner<'g, H, M, U> {
    heap: &'g H,
    phases: &'g Phases,
    unwind: U,
    cache: FrameCache<'g, M>,
}

impl<'g, H: Heap, M: FrameMap, U: Unwind> Scanner<'g, H, M, U> {
    /// A scanner with an empty cache.
    ///
    /// # Safety
    ///
    /// Return addresses are overwritten where these two say, so they must be right about the code on the stacks that will
    /// be scanned: every return slot that `unwind` gives is one, and where `map` permits a barrier, the word in the slot is used
    /// for nothing but returning. (A map that is wrong about *roots* loses objects, like any other wrong map.)
    pub unsafe fn new(heap: &'g H, phases: &'g Phases, map: &'g M, unwind: U) -> Self {
        Scanner { heap, phases, unwind, cache: FrameCache::new(map) }
    }

    /// How often the cache of frame maps knew the answer.
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// The first scan of `stack` in this cycle: shows every object it refers to that was white to `grey`, and installs
    /// barriers where `spacing` wants them.
    ///
    /// `receipt` is the stack's own, for as long as the stack lives.
    ///
    /// # Errors
    ///
    /// [`ScanError`]; the stack counts as not scanned then.
    pub fn first_scan<'s>(
        &mut self,
        stack: &Stopped<'s>,
        receipt: &Receipt,
        spacing: Spacing,
        mut grey: impl FnMut(Object),
    ) -> Result<Scan, ScanError<'s>> {
        let cycle = self.cycle_in(&[Phase::Scan, Phase::Mark], "first scan", "scan or mark")?;
        match receipt.claim_first_scan(cycle, stack.bars().top()) {
            FirstScanClaim::AlreadyScanned => Ok(Scan::AlreadyScanned),
            FirstScanClaim::Busy => Err(ScanError::Busy),
            FirstScanClaim::Claimed(mut claim) => {
                let report = self.walk_and_install(stack, spacing, claim.unvouched(), &mut grey)?;
                if cfg!(debug_assertions) {
                    checker::check_all_stand(&self.unwind, stack)?;
                }
                if report.installed > 0 {
                    self.walk_to_the_barrier(
                        &mut Visit::new(self.heap, stack, &mut grey),
                        claim.unvouched(),
                    )?;
                }
                claim.done();
                Ok(Scan::Done(report))
            }
        }
    }

    /// The second scan of `stack`, for mark termination: up to the lowest barrier that was not hit, and what nobody vouches for
    /// above. The whole stack if it had no first scan in this cycle, or got no barriers.
    ///
    /// The stack must not run between this and the end of the cycle. It may be scanned in phase Mark already, while others still
    /// run on their way to a safepoint: what they store into the heap, they shade.
    ///
    /// # Errors
    ///
    /// [`ScanError`]; the stack counts as not scanned then, and another try would scan all of it.
    pub fn re_scan<'s>(
        &mut self,
        stack: &Stopped<'s>,
        receipt: &Receipt,
        mut grey: impl FnMut(Object),
    ) -> Result<Scan, ScanError<'s>> {
        let cycle =
            self.cycle_in(&[Phase::Mark, Phase::MarkTermination], "re-scan", "mark or mark termination")?;
        let (mut claim, bounded) = match receipt.claim_re_scan(cycle, stack.bars().top()) {
            ReScanClaim::Clean => return Ok(Scan::Clean),
            ReScanClaim::AlreadyScanned => return Ok(Scan::AlreadyScanned),
            ReScanClaim::Busy => return Err(ScanError::Busy),
            ReScanClaim::Bounded(claim) => (claim, true),
            ReScanClaim::Full(claim) => (claim, false),
        };
        stack.settle(&self.unwind)?;
        let mut visit = Visit::new(self.heap, stack, &mut grey);
        if bounded {
            visit.report.hit = stack.bars().position();
            self.walk_to_the_barrier(&mut visit, claim.unvouched())?;
        } else {
            self.walk_all(&mut visit)?;
        }
        if cfg!(debug_assertions) {
            checker::check(&self.unwind, stack)?;
        }
        claim.done();
        Ok(Scan::Done(visit.report))
    }

    /// The cycle, if the phase is one of `wanted`.
    fn cycle_in<'s>(
        &self,
        phases: &[Phase],
        scan: &'static str,
        wanted: &'static str,
    ) -> Result<Cycle, ScanError<'s>> {
        let found = self.phases.now();
        let cycle = self.phases.cycle().filter(|_| phases.contains(&found));
        cycle.ok_or(ScanError::WrongPhase { scan, found, wanted })
    }

    fn walk_and_install<'s>(
        &mut self,
        stack: &Stopped<'s>,
        spacing: Spacing,
        unvouched: &mut Unvouched,
        grey: impl FnMut(Object),
    ) -> Result<ScanReport, ScanError<'s>> {
        let stale = stack.remove_barriers(&self.unwind)?;
        if cfg!(debug_assertions) {
            checker::check_empty(&self.unwind, stack)?;
        }
        let mut installer = Installer::new(stack.bars(), spacing, stack.registers().sp);
        let mut visit = Visit::new(self.heap, stack, grey);
        let map = self.cache.map();
        visit.saved_registers();
        // No list for the walk: the array was empty when it started, and what is installed behind it, it has passed.
        self.walk(None, &mut visit, |visit, cache, unwind, frame| {
            let found = cache.roots_at(frame.pc);
            visit.frame(frame, found)?;
            remember(frame.sp, roots::end_of(frame, visit.stack.bars()), found, unvouched);
            // SAFETY: a frame of the stopped stack, from the walk; `new` promises the rest.
            unsafe { installer.offer(frame, map, unwind) };
            Ok(ControlFlow::Continue(()))
        })?;
        let Installer { installed, refused, .. } = installer;
        let (stale, unvouched_bytes) = (stale.restored + stale.dead, unvouched.bytes());
        Ok(ScanReport { installed, refused, stale, unvouched_bytes, ..visit.report })
    }

    fn walk_all<'s, G: FnMut(Object)>(
        &mut self,
        visit: &mut Visit<'s, 'g, H, G>,
    ) -> Result<(), ScanError<'s>> {
        visit.saved_registers();
        self.walk(Some(visit.stack.bars()), visit, |visit, cache, _, frame| {
            visit.frame(frame, cache.roots_at(frame.pc))?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Visits what has run, and what nobody vouches for above. Never inlined, so that the end of the first scan and the re-scan
    /// are the same code (rule 6).
    #[inline(never)]
    fn walk_to_the_barrier<'s, G: FnMut(Object)>(
        &mut self,
        visit: &mut Visit<'s, 'g, H, G>,
        unvouched: &Unvouched,
    ) -> Result<(), ScanError<'s>> {
        visit.saved_registers();
        let mut stop = None;
        self.walk(Some(visit.stack.bars()), visit, |visit, cache, _, frame| {
            let found = cache.roots_at(frame.pc);
            let precise_unvouched = found.is_precise() && !found.is_vouched();
            let end = roots::end_of(frame, visit.stack.bars());
            if stop.is_none() || precise_unvouched {
                visit.frame(frame, found)?;
            }
            if stop.is_none() && frame.barrier().is_some() {
                stop = Some(end);
            }
            let over = stop.is_some() && end >= unvouched.walk_to();
            Ok(if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if let Some(stop) = stop {
            unvouched.ranges_from(stop).for_each(|range| visit.words(range.start, range.end));
        }
        Ok(())
    }

    /// A strict walk that a callback may also end with an error. It resolves the barriers of `bars`, if given.
    fn walk<'s, G: FnMut(Object)>(
        &mut self,
        bars: Option<&'s StkbarSlice>,
        visit: &mut Visit<'s, 'g, H, G>,
        mut each: impl FnMut(
            &mut Visit<'s, 'g, H, G>,
            &mut FrameCache<'g, M>,
            &U,
            &Frame,
        ) -> Result<ControlFlow<()>, ScanError<'s>>,
    ) -> Result<(), ScanError<'s>> {
        let stack = visit.stack;
        let (memory, mut failed) = (visit.memory, None);
        let walk = Walk::new(&self.unwind, &memory).dropped_frames(self.cache.map().may_drop_frames());
        let walk = match bars {
            Some(bars) => walk.barriers(bars),
            None => walk,
        };
        self.cache.refresh();
        let (cache, unwind) = (&mut self.cache, &self.unwind);
        let walked = walk.strict(stack.outermost_sp(), stack.registers(), |frame| {
            visit.report.frames += 1;
            each(visit, cache, unwind, frame).unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        });
        match (failed, walked) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(ScanError::walk(&error, stack.bars())),
            (None, Ok(_)) => Ok(()),
        }
    }
}

/// Notes a frame that nobody vouches for.
fn remember(sp: usize, end: usize, found: FrameRoots<'_>, unvouched: &mut Unvouched) {
    match found {
        _ if found.is_vouched() => {}
        FrameRoots::Conservative { .. } => unvouched.add_range(sp, end),
        FrameRoots::Precise { .. } | FrameRoots::PreciseBelowCfa { .. } => unvouched.add_precise(end),
    }
}
