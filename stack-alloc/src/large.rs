//! Freed stacks above 32 KiB, kept by size.
//!
//! Each is a mapping of its own. What a cached one costs is address space and [`KEPT_BYTES`] of memory: the
//! rest was given back when it was freed. The bounds are on the number of each size and on the address space
//! of all.

use barrier_arch::SizeClass;

use crate::mapping::Mapping;
use crate::stack::Stack;
use crate::stats::Rate;

/// What a cached stack keeps of its memory, below its top: the first frames of the next task come here at
/// once.
pub(crate) const KEPT_BYTES: usize = 32 << 10;
/// Address space of all cached stacks of one pool.
const MAX_BYTES: usize = SizeClass::MAX.bytes() / 16;

/// Freed large stacks of one pool.
#[derive(Debug)]
pub(crate) struct Large {
    lists: [Vec<Stack>; SizeClass::COUNT],
    bytes: usize,
    per_class: usize,
    pub(crate) rate: Rate,
}

impl Large {
    pub(crate) fn new(per_class: usize) -> Large {
        Large { lists: [const { Vec::new() }; SizeClass::COUNT], bytes: 0, per_class, rate: Rate::default() }
    }

    /// Takes the stack that was freed last: its memory is the warmest.
    pub(crate) fn take(&mut self, class: SizeClass) -> Option<Stack> {
        let stack = self.lists[class.index()].pop();
        self.rate.count(stack.is_some());
        self.bytes -= stack.as_ref().map_or(0, Stack::size);
        stack
    }

    /// Keeps a stack, or hands it back if that would be one too many.
    pub(crate) fn put(&mut self, stack: Stack) -> Result<(), Stack> {
        let list = &mut self.lists[stack.class().index()];
        if list.len() >= self.per_class || stack.size() > MAX_BYTES - self.bytes {
            return Err(stack);
        }
        self.bytes += stack.size();
        list.push(stack);
        Ok(())
    }

    /// Takes everything.
    pub(crate) fn drain(&mut self) -> Vec<Stack> {
        self.bytes = 0;
        self.lists.iter_mut().flat_map(std::mem::take).collect()
    }

    /// Stacks of `class` that are kept.
    pub(crate) fn cached(&self, class: SizeClass) -> usize {
        self.lists[class.index()].len()
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.drain().into_iter().for_each(|stack| drop(into_mapping(stack)));
    }
}

/// The mapping that a large stack is.
pub(crate) fn into_mapping(stack: Stack) -> Mapping {
    // SAFETY: a large stack is the whole of a mapping, whose ownership went into it.
    unsafe { Mapping::from_raw(stack.as_ptr(), stack.size()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Placement;

    fn stack(log2: usize) -> Stack {
        let mapping = Mapping::new(Placement::of_size(1 << log2)).unwrap();
        // SAFETY: a fresh mapping of that size and alignment.
        unsafe { Stack::new(mapping.leak(), SizeClass::of(1 << log2).unwrap(), 0) }
    }

    #[test]
    fn both_bounds_hold() {
        let mut large = Large::new(2);
        large.put(stack(16)).unwrap();
        large.put(stack(16)).unwrap();
        drop(into_mapping(large.put(stack(16)).unwrap_err()));
        // As much as all may be, and there is something already.
        let most = SizeClass::MAX.log2() as usize - 4;
        drop(into_mapping(large.put(stack(most)).unwrap_err()));
        let class = SizeClass::of(1 << 16).unwrap();
        assert_eq!(large.cached(class), 2);
        drop(large.take(class).map(into_mapping));
        drop(large.take(class).map(into_mapping));
        assert!(large.take(class).is_none());
        large.put(stack(most)).unwrap();
        assert_eq!((large.rate.hits, large.rate.misses), (2, 1));
    }
}
