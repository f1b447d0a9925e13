//! Random histories against a model: exactly what is unreachable is freed, and the rest is intact.

use std::collections::HashSet;

use gc_mark::heap::{AllocCache, Heap, Object};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::cells::{CellHeap, Grey, NULL, Ref, addresses, allocated, collect, heap_of, make, reachable};

/// Something a mutator does.
#[derive(Clone, Debug)]
enum Step {
    /// An object of so many bytes with references to some of what can be reached; rooted or dropped at once.
    Make { bytes: usize, fields: Vec<Index>, root: bool },
    /// Overwrites field `field` of a root with another root.
    Store { object: Index, field: Index, target: Index },
    /// Forgets a root.
    Drop { root: Index },
    /// Goes on with a new cache; the old one is retired, or forgotten with what it holds.
    NewCache { retire: bool },
}

/// Some steps, and then a collection, with more steps while it marks and while it waits to be swept.
#[derive(Clone, Debug)]
struct Cycle {
    before: Vec<Step>,
    marking: Vec<Step>,
    unswept: Vec<Step>,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![
        10 => 0_usize..200,
        4 => 200_usize..8192,
        2 => 8192_usize..40_000,
        1 => 40_000_usize..300_000,
    ];
    prop_oneof![
        12 => (bytes, prop::collection::vec(any::<Index>(), 0..4), any::<bool>())
            .prop_map(|(bytes, fields, root)| Step::Make { bytes, fields, root }),
        4 => (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(object, field, target)| Step::Store { object, field, target }),
        4 => any::<Index>().prop_map(|root| Step::Drop { root }),
        1 => any::<bool>().prop_map(|retire| Step::NewCache { retire }),
    ]
}

fn cycle() -> impl Strategy<Value = Cycle> {
    let steps = |most| prop::collection::vec(step(), 0..most);
    (steps(60), steps(20), steps(20)).prop_map(|(before, marking, unswept)| Cycle {
        before,
        marking,
        unswept,
    })
}

/// A mutator, its roots, and what must be allocated.
struct Run<'h> {
    heap: &'h CellHeap,
    cache: AllocCache,
    roots: Vec<Ref>,
    next_id: usize,
    /// Made since marking began: born black, or after it.
    young: HashSet<usize>,
    /// While marking: the write barrier's output.
    grey: Option<Grey>,
}

impl Run<'_> {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Make { bytes, fields, root } => self.make(*bytes, fields, *root),
            Step::Store { object, field, target } => self.store(object, field, target),
            Step::Drop { root } if !self.roots.is_empty() => {
                self.roots.swap_remove(root.index(self.roots.len()));
            }
            Step::Drop { .. } => {}
            Step::NewCache { retire } => {
                let old = std::mem::replace(&mut self.cache, self.heap.cache());
                if *retire {
                    self.heap.retire(old);
                }
            }
        }
    }

    fn make(&mut self, bytes: usize, fields: &[Index], root: bool) {
        let fields: Vec<Ref> = fields.iter().map(|index| self.pick(index)).collect();
        fields.iter().for_each(|&target| self.barrier(target));
        self.next_id += 1;
        let cell = make(self.heap, &mut self.cache, self.next_id, &fields, bytes).unwrap();
        self.young.insert(cell.address);
        if root {
            self.roots.push(cell);
        }
    }

    fn store(&mut self, object: &Index, field: &Index, target: &Index) {
        let (object, target) = (self.pick(object), self.pick(target));
        if object != NULL && object.fields() > 0 {
            self.barrier(target);
            object.set_field(field.index(object.fields()), target);
        }
    }

    fn pick(&self, index: &Index) -> Ref {
        if self.roots.is_empty() { NULL } else { self.roots[index.index(self.roots.len())] }
    }

    fn barrier(&mut self, target: Ref) {
        if let Some(grey) = &mut self.grey {
            grey.shade(self.heap, target.address);
        }
    }

    fn run(&mut self, cycle: &Cycle) {
        cycle.before.iter().for_each(|step| self.apply(step));
        let reachable_before = addresses(&reachable(&self.roots));
        self.young.clear();
        self.mark(&cycle.marking);
        cycle.unswept.iter().for_each(|step| self.apply(step));
        self.heap.sweep();
        let left = allocated(self.heap);
        assert!(left.is_superset(&self.young));
        assert!(left.is_superset(&addresses(&reachable(&self.roots))));
        let ceiling: HashSet<usize> = reachable_before.union(&self.young).copied().collect();
        assert!(left.is_subset(&ceiling));
        // A store can hide an object from the marker that nothing else led to, and only a store can.
        let stores = cycle.marking.iter().any(|step| matches!(step, Step::Store { .. }));
        assert!(stores || left == ceiling);
    }

    fn mark(&mut self, steps: &[Step]) {
        self.heap.begin_marking();
        let mut grey = Grey::default();
        self.roots.iter().for_each(|root| grey.shade(self.heap, root.address));
        self.grey = Some(grey);
        for step in steps {
            self.grey.as_mut().unwrap().drain(self.heap, 3);
            self.apply(step);
        }
        let mut grey = self.grey.take().unwrap();
        while grey.drain(self.heap, 1000) {}
        self.heap.end_marking();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn exactly_the_unreachable_is_freed(cycles in prop::collection::vec(cycle(), 1..6)) {
        let heap = heap_of(256 << 20);
        let cache = heap.cache();
        let mut run =
            Run { heap: &heap, cache, roots: vec![], next_id: 0, young: HashSet::new(), grey: None };
        for cycle in &cycles {
            run.run(cycle);
        }
        let live = reachable(&run.roots);
        collect(&heap, &run.roots);
        prop_assert_eq!(allocated(&heap), addresses(&live));
        let bytes = |cell: &Ref| heap.object_bytes(Object(cell.address)).unwrap();
        prop_assert_eq!(heap.live_bytes(), live.iter().map(bytes).sum::<usize>());
    }
}
