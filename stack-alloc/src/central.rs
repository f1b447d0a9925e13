//! The free small stacks of one size, of all workers.
//!
//! The lowest span with a free stack is used first, so that the others become empty. Some empty spans are
//! kept as spares, so that a load that comes and goes does not map and unmap each time; of more than that the
//! highest is given up.

use std::collections::{BTreeMap, BTreeSet};

use barrier_arch::SizeClass;

use crate::mapping::Mapping;
use crate::span::{Span, per_span};
use crate::stack::Stack;

/// Empty spans that are kept: 1 MiB of stacks.
const MAX_SPARES: usize = 4;

/// The spans of one class, by base address.
#[derive(Debug)]
pub(crate) struct Central {
    class: SizeClass,
    spans: BTreeMap<usize, Span>,
    /// Those that have a free stack.
    open: BTreeSet<usize>,
    /// Those that have nothing but free stacks.
    spares: BTreeSet<usize>,
}

impl Central {
    pub(crate) fn new(class: SizeClass) -> Central {
        Central { class, spans: BTreeMap::new(), open: BTreeSet::new(), spares: BTreeSet::new() }
    }

    /// Takes a free stack, if there is one.
    pub(crate) fn take(&mut self) -> Option<Stack> {
        let base = *self.open.first()?;
        let span = self.spans.get_mut(&base)?;
        if span.is_unused() {
            self.spares.remove(&base);
        }
        let stack = span.take()?;
        if span.is_used_up() {
            self.open.remove(&base);
        }
        Some(stack)
    }

    /// Puts a stack back. Returns the memory of its span if that is to be unmapped.
    #[must_use]
    pub(crate) fn put(&mut self, stack: Stack) -> Option<Mapping> {
        let base = Span::base_of(stack.base());
        let Some(span) = self.spans.get_mut(&base) else {
            debug_assert!(false, "{stack:?} is not of this pool");
            return None;
        };
        if span.is_used_up() {
            self.open.insert(base);
        }
        span.put(stack);
        if span.is_unused() {
            self.spares.insert(base);
        }
        if self.spares.len() > MAX_SPARES { self.give_up_spare() } else { None }
    }

    /// Adds a span that has been taken from already.
    pub(crate) fn adopt(&mut self, span: Span) {
        debug_assert!(!span.is_unused() && !span.is_used_up());
        self.open.insert(span.base());
        self.spans.insert(span.base(), span);
    }

    /// Gives up the highest spare span, if there is one.
    #[must_use]
    pub(crate) fn give_up_spare(&mut self) -> Option<Mapping> {
        let base = self.spares.pop_last()?;
        self.open.remove(&base);
        self.spans.remove(&base).map(Span::into_mapping)
    }

    /// Stacks in all spans, free or not.
    pub(crate) fn stacks(&self) -> usize {
        self.spans.len() * per_span(self.class)
    }
}

impl Drop for Central {
    /// Stacks that are still out outlive their pool: the memory of their spans stays.
    fn drop(&mut self) {
        for (_, span) in std::mem::take(&mut self.spans) {
            if !span.is_unused() {
                span.into_mapping().leak();
            }
        }
    }
}
