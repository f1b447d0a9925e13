//! Where a fault happened: the stack, by names and places.

use std::ops::ControlFlow;

use unwind_walk::{FramePointers, LiveStack, Registers, Walk};

use crate::scheme::concurrency::tasks::TaskObject;
use crate::scheme::continuation::copied::Copied;
use crate::scheme::core::Span;
use crate::scheme::fault::{Failure, Fault, TraceLine};
use crate::scheme::frame_table::{FrameTable, FunctionRecord};
use crate::scheme::machine::Machine;

/// Lines at the inner end of a backtrace.
const INNERMOST: usize = 10;
/// Lines at its outer end.
const OUTERMOST: usize = 2;

/// The place of a call: the return address of a frame that has a source.
#[derive(Clone, Copy, Debug, Default)]
struct Place(usize);

/// What is kept of a walk, whatever its length.
#[derive(Debug, Default)]
struct Trace {
    inner: Vec<Place>,
    outer: [Place; OUTERMOST],
    /// The innermost place in the program itself.
    user: Option<Place>,
    count: usize,
}

/// Procedures of the prelude through which things are raised: no news at the inner end of a backtrace, no more than those that only the prelude
/// calls.
const RAISING: [&str; 3] = ["raise", "raise-continuable", "error"];

impl Trace {
    /// Adds the frame that goes on at `pc`, if it is of interest.
    fn consider(&mut self, frames: &FrameTable, pc: usize, lookup_pc: usize) {
        let is_news = |f: &&FunctionRecord| {
            let is_inside = f.is_prelude && (f.name.starts_with('%') || RAISING.contains(&&*f.name));
            f.file.is_some() && !(self.count == 0 && is_inside)
        };
        if let Some(function) = frames.function_at(lookup_pc).filter(is_news) {
            self.add(Place(pc), function.is_prelude);
        }
    }

    fn add(&mut self, place: Place, is_prelude: bool) {
        if self.inner.len() < INNERMOST {
            self.inner.push(place);
        }
        if self.user.is_none() && !is_prelude {
            self.user = Some(place);
        }
        self.outer.rotate_left(1);
        self.outer[OUTERMOST - 1] = place;
        self.count += 1;
    }

    /// The outermost places that are not among the innermost, and how many lie between.
    fn rest(&self) -> (usize, &[Place]) {
        let beyond = self.count - self.inner.len();
        let shown = beyond.min(OUTERMOST);
        (beyond - shown, &self.outer[OUTERMOST - shown..])
    }
}

/// A fault with the place where it happened.
pub fn describe(machine: &Machine<'_>, fault: Fault) -> Failure {
    let frames = &machine.scheme().frames;
    let trace = walk(machine, frames);
    let line = |place: &Place| line_at(frames, *place);
    let (omitted, outermost) = trace.rest();
    let mut inner: Vec<TraceLine> = trace.inner.iter().filter_map(line).collect();
    if trace.user.is_none() {
        // Everything was tail calls.
        inner.extend(beginning(machine));
    }
    let innermost = trace.user.and_then(|place| line(&place)).or_else(|| inner.last().cloned());
    let place = innermost.map(|line| (line.file, line.span));
    let outermost = outermost.iter().filter_map(line).collect();
    Failure { fault, place, trace: inner, omitted, outermost }
}

/// What a spawned task has begun with.
fn beginning(machine: &Machine<'_>) -> Option<TraceLine> {
    let task = TaskObject::of(machine.state().own())?;
    let function = machine.scheme().frames.function_at(task.code())?;
    let file = function.file.as_deref()?.to_owned();
    Some(TraceLine { procedure: function.name.to_string(), file, span: function.span })
}

fn walk(machine: &Machine<'_>, frames: &FrameTable) -> Trace {
    let registers = machine.current().waits_at().unwrap_or_else(registers);
    let bounds = machine.current().stack_bounds();
    // SAFETY: the caller runs on this stack; what lies above the stack pointer stays as it is meanwhile.
    let memory = unsafe { LiveStack::new(registers.sp, bounds.end) };
    let mut trace = Trace::default();
    machine.current().bars(|bars| {
        Walk::new(&FramePointers, &memory).barriers(bars).diagnose(registers, |frame| {
            trace.consider(frames, frame.pc, frame.lookup_pc());
            ControlFlow::Continue(())
        })
    });
    // What a continuation has captured goes on where the stack ends.
    let mut rest = machine.state().continuation.rest();
    while let Some(copied) = Copied::of(rest.frames) {
        copied.frames_from(rest.at, |frame| trace.consider(frames, frame.pc, frame.pc - 1));
        rest = copied.rest();
    }
    trace
}

fn line_at(frames: &FrameTable, place: Place) -> Option<TraceLine> {
    let function = frames.function_at(place.0 - 1)?;
    let file = function.file.as_deref()?.to_owned();
    let span = frames.span_at(place.0).filter(|span| *span != Span::default()).unwrap_or(function.span);
    Some(TraceLine { procedure: function.name.to_string(), file, span })
}

/// The registers of this very frame; any place in it will do as its pc.
#[inline(always)]
fn registers() -> Registers {
    let (sp, fp) = barrier_arch::arch::own_frame();
    Registers { pc: describe as *const () as usize, sp, fp }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest_of(count: usize) -> (usize, usize, Vec<usize>) {
        let mut trace = Trace::default();
        (1..=count).for_each(|i| trace.add(Place(i), false));
        let (omitted, outer) = trace.rest();
        (trace.inner.len(), omitted, outer.iter().map(|place| place.0).collect())
    }

    #[test]
    fn both_ends_are_kept_and_nothing_twice() {
        assert_eq!(rest_of(0), (0, 0, vec![]));
        assert_eq!(rest_of(10), (10, 0, vec![]));
        assert_eq!(rest_of(11), (10, 0, vec![11]));
        assert_eq!(rest_of(12), (10, 0, vec![11, 12]));
        assert_eq!(rest_of(1000), (10, 988, vec![999, 1000]));
    }

    #[test]
    fn the_place_is_the_innermost_outside_of_the_prelude() {
        let mut trace = Trace::default();
        [(1, true), (2, false), (3, false)].iter().for_each(|(pc, prelude)| trace.add(Place(*pc), *prelude));
        assert_eq!(trace.user.map(|place| place.0), Some(2));
    }
}
