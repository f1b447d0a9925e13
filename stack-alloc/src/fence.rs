//! Electric fence: a use of what is no stack, or no longer one, faults at once.
//!
//! ```text
//!   | inaccessible page | stack, up to whole pages | inaccessible page |
//! ```
//!
//! A freed stack is made inaccessible as a whole and stays so in *quarantine*, until so many more have been
//! freed after it that it is unmapped. Every one of them costs the process a mapping or two, hence the bound.
//!
//! The stack lies at the low end: an overflow is caught on the first byte also of a stack smaller than a
//! page.

use std::collections::VecDeque;
use std::ptr::NonNull;

use barrier_arch::SizeClass;

use crate::error::StackError;
use crate::mapping::{Mapping, Placement};
use crate::memory::Memory;
use crate::stack::Stack;

/// Most stacks in quarantine …
const MAX_STACKS: usize = 1024;
/// … and the most address space they take, unless it is a single one.
const MAX_BYTES: usize = SizeClass::MAX.bytes() / 16;

/// The stacks that nobody must touch any more, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    mappings: VecDeque<Mapping>,
    bytes: usize,
}

impl Quarantine {
    /// Takes in a freed stack; returns one that has been in for long enough, if there are too many.
    #[must_use]
    pub(crate) fn put(&mut self, mapping: Mapping) -> Option<Mapping> {
        self.bytes += mapping.len();
        self.mappings.push_back(mapping);
        let too_many = self.mappings.len() > MAX_STACKS || self.bytes > MAX_BYTES;
        if too_many && self.mappings.len() > 1 { self.release() } else { None }
    }

    /// Lets the oldest one go.
    #[must_use]
    pub(crate) fn release(&mut self) -> Option<Mapping> {
        let oldest = self.mappings.pop_front()?;
        self.bytes -= oldest.len();
        Some(oldest)
    }

    /// How many there are, and their bytes, fences included.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.mappings.len(), self.bytes)
    }
}

/// A stack of its own, between two fences.
pub(crate) fn map(memory: &Memory, class: SizeClass) -> Result<Stack, StackError> {
    let mapping = memory.map(placement(class, memory.guards.page_bytes()))?;
    let base = match enclose(&mapping, memory, class) {
        Ok(base) => base,
        Err(error) => {
            memory.unmap(mapping);
            return Err(error);
        }
    };
    mapping.leak();
    // SAFETY: the middle of a fresh mapping, placed for this class.
    Ok(unsafe { Stack::new(base, class, memory.guards.bytes(class)) })
}

/// Makes a freed stack inaccessible and gives its memory back.
pub(crate) fn close(memory: &Memory, stack: Stack) -> Mapping {
    let page = memory.guards.page_bytes();
    // SAFETY: `map` leaked a mapping that begins one page below the stack.
    let mut mapping =
        unsafe { Mapping::from_raw(stack.as_ptr().sub(page), placement(stack.class(), page).bytes) };
    // If either is refused, the stack is in quarantine all the same, and not reused.
    let _refused = mapping.forbid();
    mapping.discard();
    mapping
}

fn placement(class: SizeClass, page: usize) -> Placement {
    let stack = class.bytes().next_multiple_of(page);
    Placement { bytes: page + stack + page, align: stack, before: page }
}

/// Installs both fences, and the guard page that the stack has anyway; returns the stack's base.
fn enclose(mapping: &Mapping, memory: &Memory, class: SizeClass) -> Result<NonNull<u8>, StackError> {
    let page = memory.guards.page_bytes();
    let refused = |source| StackError::Guard { bytes: class.bytes(), source };
    for offset in [0, mapping.len() - page] {
        // SAFETY: within the mapping.
        let fence = unsafe { mapping.start().add(offset) };
        // SAFETY: a page outside the stack.
        unsafe { memory.guards.install(fence) }.map_err(refused)?;
    }
    // SAFETY: within the mapping.
    let base = unsafe { mapping.start().add(page) };
    // SAFETY: a fresh stack.
    unsafe { memory.guard(base, class) }?;
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quarantine_is_bounded_and_first_in_first_out() {
        let mut quarantine = Quarantine::default();
        let page = rustix::param::page_size();
        let page_mapping = || Mapping::new(Placement::of_size(page)).unwrap();
        let first = page_mapping();
        let first_start = first.start();
        assert!(quarantine.put(first).is_none());
        for _ in 1..MAX_STACKS {
            assert!(quarantine.put(page_mapping()).is_none());
        }
        let out = quarantine.put(page_mapping()).expect("one too many");
        assert_eq!(out.start(), first_start);
        assert_eq!(quarantine.size(), (MAX_STACKS, MAX_STACKS * page));
    }
}
