//! A mapping of 256 KiB, carved into small stacks of one size.
//!
//! ```text
//!   base, 256 KiB-aligned                                                  base + 256 KiB
//!   | stack 0 | stack 1 | stack 2 | …                                      |
//!   free:  bit i is set while stack i is in the pool
//! ```
//!
//! The span of a stack is found by masking its address.

use std::ptr::NonNull;

use barrier_arch::SizeClass;

use crate::error::StackError;
use crate::mapping::{Mapping, Placement};
use crate::memory::Memory;
use crate::stack::Stack;

/// Bytes of a span.
pub(crate) const SPAN_BYTES: usize = 256 << 10;
/// Classes that are carved out of spans: 2 KiB to 32 KiB.
pub(crate) const SMALL_CLASSES: usize = 5;

const _: () = assert!(SPAN_BYTES / SizeClass::MIN.bytes() <= u128::BITS as usize, "one bit per stack");

/// Is `class` carved out of spans?
pub(crate) fn is_small(class: SizeClass) -> bool {
    class.index() < SMALL_CLASSES
}

/// Small stacks side by side, and which of them are free.
#[derive(Debug)]
pub(crate) struct Span {
    mapping: Mapping,
    class: SizeClass,
    guard_bytes: usize,
    free: u128,
}

impl Span {
    /// Maps a span of free stacks, their guard pages installed once and for all.
    pub(crate) fn map(memory: &Memory, class: SizeClass) -> Result<Span, StackError> {
        let mapping = memory.map(Placement::of_size(SPAN_BYTES))?;
        let span = Span { mapping, class, guard_bytes: memory.guards.bytes(class), free: all_of(class) };
        for index in 0..per_span(class) {
            // SAFETY: a stack of the new span, which nobody uses yet.
            if let Err(error) = unsafe { memory.guard(span.stack_base(index), class) } {
                memory.unmap(span.into_mapping());
                return Err(error);
            }
        }
        Ok(span)
    }

    /// Base address of the span that a small stack at `base` lies in.
    pub(crate) fn base_of(base: usize) -> usize {
        base & !(SPAN_BYTES - 1)
    }

    /// Its own base address.
    pub(crate) fn base(&self) -> usize {
        self.mapping.start().addr().get()
    }

    /// Takes the lowest free stack.
    pub(crate) fn take(&mut self) -> Option<Stack> {
        if self.is_used_up() {
            return None;
        }
        let index = self.free.trailing_zeros() as usize;
        self.free &= self.free - 1;
        // SAFETY: it was free, so it is nobody's; its guard was installed when the span was mapped.
        Some(unsafe { Stack::new(self.stack_base(index), self.class, self.guard_bytes) })
    }

    /// Puts a stack of this span back.
    pub(crate) fn put(&mut self, stack: Stack) {
        let bit = 1 << ((stack.base() - self.base()) / self.class.bytes());
        debug_assert!(self.free & bit == 0, "{stack:?} freed twice");
        self.free |= bit;
    }

    /// Is none of its stacks free?
    pub(crate) fn is_used_up(&self) -> bool {
        self.free == 0
    }

    /// Are all of its stacks free?
    pub(crate) fn is_unused(&self) -> bool {
        self.free == all_of(self.class)
    }

    /// The memory, to be unmapped.
    pub(crate) fn into_mapping(self) -> Mapping {
        self.mapping
    }

    fn stack_base(&self, index: usize) -> NonNull<u8> {
        debug_assert!(index < per_span(self.class));
        // SAFETY: within the span.
        unsafe { self.mapping.start().add(index * self.class.bytes()) }
    }
}

/// Stacks of `class` in one span.
pub(crate) fn per_span(class: SizeClass) -> usize {
    SPAN_BYTES / class.bytes()
}

fn all_of(class: SizeClass) -> u128 {
    u128::MAX >> (u128::BITS as usize - per_span(class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_span_gives_each_of_its_stacks_once() {
        let memory = Memory::new(&Config::default());
        for class in SizeClass::all().filter(|&class| is_small(class)) {
            let mut span = Span::map(&memory, class).unwrap();
            assert!(span.is_unused());
            let mut stacks: Vec<_> = std::iter::from_fn(|| span.take()).collect();
            assert!(span.is_used_up());
            let bases = (0..per_span(class)).map(|i| span.base() + i * class.bytes());
            assert!(stacks.iter().map(Stack::base).eq(bases), "{class:?}");
            assert!(stacks.iter().all(|s| Span::base_of(s.top() - 1) == span.base()));
            stacks.drain(..).for_each(|stack| span.put(stack));
            assert!(span.is_unused());
        }
    }
}
