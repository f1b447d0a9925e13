//! The order of a cycle: black allocation, caches that live through it, calls out of turn.

use std::collections::HashSet;
use std::sync::Barrier;

use gc_mark::heap::{Heap, HeapConfig, MarkSweep, Object};

use crate::SHARE;
use crate::cells::{Cells, Grey, Ref, allocated, collect, heap_of, make, mark_from};

const MIB: usize = 1 << 20;
const SIZES: [usize; 5] = [16, 100, 2000, 30_000, 100_000];

#[test]
fn objects_are_born_black_while_marking_and_white_otherwise() {
    let heap = heap_of(64 * MIB);
    let mut cache = heap.cache();
    let born_black = |cache: &mut _, bytes| {
        let cell = make(&heap, cache, 1, &[], bytes).unwrap();
        heap.is_marked(Object(cell.address))
    };
    for _ in 0..3 {
        assert!(SIZES.iter().all(|&bytes| !born_black(&mut cache, bytes)));
        heap.begin_marking();
        assert!(SIZES.iter().all(|&bytes| born_black(&mut cache, bytes)), "from a cache with white runs");
        assert!(SIZES.iter().all(|&bytes| born_black(&mut heap.cache(), bytes)), "from a new cache");
        heap.end_marking();
        assert!(SIZES.iter().all(|&bytes| !born_black(&mut cache, bytes)), "while unswept");
        heap.sweep();
        heap.for_each_object(|object, _| assert!(!heap.is_marked(object), "sweeping clears the marks"));
    }
}

#[test]
fn a_conservative_word_never_leads_into_an_object_that_is_not_initialised() {
    let heap = heap_of(64 * MIB);
    let mut cache = heap.cache();
    heap.begin_marking();
    for bytes in SIZES {
        let address = heap.alloc(&mut cache, bytes).unwrap().as_ptr() as usize;
        let found = heap.object_at(address + bytes - 1).unwrap();
        assert_eq!(found, Object(address));
        assert!(!heap.mark(found), "{bytes}: it would become grey and be visited");
    }
}

#[test]
fn each_object_turns_from_white_once() {
    const MARKERS: usize = 3;
    let heap = heap_of(8 * MIB);
    let mut cache = heap.cache();
    let cells: Vec<Ref> = (1..=20_000).map(|id| make(&heap, &mut cache, id, &[], 16).unwrap()).collect();
    let start = Barrier::new(MARKERS);
    let mark_all = || {
        start.wait();
        cells.iter().filter(|cell| heap.mark(Object(cell.address))).count()
    };
    for _ in 0..20 {
        heap.begin_marking();
        let total: usize = std::thread::scope(|scope| {
            let markers = [(); MARKERS].map(|()| scope.spawn(mark_all));
            markers.into_iter().map(|marker| marker.join().unwrap()).sum()
        });
        assert_eq!(total, cells.len());
        heap.end_marking();
        heap.sweep();
        assert_eq!(allocated(&heap).len(), cells.len());
    }
}

#[test]
fn caches_that_live_through_cycles_never_hand_out_what_is_in_use() {
    let heap = heap_of(64 * MIB);
    let mut caches = [heap.cache(), heap.cache()];
    let mut live: Vec<Ref> = Vec::new();
    for round in 0..60 / SHARE {
        let mut in_use: HashSet<usize> = live.iter().map(|cell| cell.address).collect();
        for i in 0..400 {
            let cell = make(&heap, &mut caches[i % 2], round * 1000 + i, &[], SIZES[i % 4]).unwrap();
            assert!(in_use.insert(cell.address), "{cell:?} handed out twice");
            live.push(cell);
        }
        live.retain(|cell| cell.id.wrapping_mul(0x9e37_79b9) >> 7 & 3 == 0 || cell.id + 1000 > round * 1000);
        live.drain(..live.len().saturating_sub(300));
        collect(&heap, &live);
        live.iter().for_each(|cell| cell.check());
        assert_eq!(allocated(&heap).len(), live.len());
    }
}

#[test]
fn a_retired_cache_gives_its_blocks_to_the_next() {
    let heap = heap_of(64 * MIB);
    for bytes in [16, 500] {
        let mut first = heap.cache();
        let old = make(&heap, &mut first, 1, &[], bytes).unwrap();
        let other = make(&heap, &mut heap.cache(), 2, &[], bytes).unwrap();
        assert_ne!(old.address >> 16, other.address >> 16, "a block has one owner");
        heap.retire(first);
        let new = make(&heap, &mut heap.cache(), 3, &[], bytes).unwrap();
        assert_eq!(old.address >> 16, new.address >> 16);
        assert_ne!(old.address, new.address);
    }
}

#[test]
fn a_cache_retired_after_the_cycle_that_voided_it_owns_nothing() {
    let heap = heap_of(64 * MIB);
    let mut cache = heap.cache();
    let cell = make(&heap, &mut cache, 1, &[], 64).unwrap();
    collect(&heap, &[cell]);
    let in_use = heap.stats().in_use_bytes;
    heap.retire(cache);
    // Were its block listed twice, two caches would get it.
    let blocks = [(); 2].map(|()| make(&heap, &mut heap.cache(), 2, &[], 64).unwrap().address >> 16);
    assert_ne!(blocks[0], blocks[1]);
    assert_eq!(heap.stats().in_use_bytes, in_use + (64 << 10));
}

#[test]
fn a_collection_is_due_at_the_goal_and_not_before_the_last_one_is_swept() {
    let config = HeapConfig { limit_bytes: 256 * MIB, growth_percent: 50 };
    let heap = MarkSweep::new(Cells, config).unwrap();
    let mut cache = heap.cache();
    let mut live = Vec::new();
    let mut grow_to_goal = |live: &mut Vec<Ref>| {
        let start = heap.allocated_bytes();
        while !heap.wants_collection() {
            live.push(make(&heap, &mut cache, live.len() + 1, &[], 1024).unwrap());
        }
        heap.allocated_bytes() - start
    };
    let slack = 80 << 10; // A started run, at most a block, and what a cache has not reported.
    let grown = grow_to_goal(&mut live);
    assert!(grown.abs_diff(4 * MIB) <= slack && (live.len() * 1024).abs_diff(4 * MIB) <= slack, "{grown}");
    for _ in 0..3 {
        heap.begin_marking();
        mark_from(&heap, &live);
        assert!(!heap.wants_collection(), "marking");
        heap.end_marking();
        assert!(!heap.wants_collection(), "unswept");
        assert_eq!(heap.allocated_bytes(), 0);
        heap.sweep();
        assert!(!heap.wants_collection(), "swept");
        assert_eq!(heap.live_bytes(), live.len() * 1024);
        assert_eq!(heap.goal_bytes(), (heap.live_bytes() * 3 / 2).max(4 * MIB));
        let grown = grow_to_goal(&mut live);
        assert!(grown.abs_diff(heap.goal_bytes() - heap.live_bytes()) <= slack, "{grown} {:?}", heap.stats());
    }
    assert_eq!(heap.stats().cycles, 3);
    let total = heap.stats().total_allocated_bytes as usize;
    assert!(total.abs_diff(live.len() * 1024) <= 4 * slack, "{total}");
}

#[test]
fn what_is_allocated_before_the_sweep_does_not_make_another_collection_due() {
    let heap = heap_of(64 * MIB);
    let mut cache = heap.cache();
    heap.begin_marking();
    heap.end_marking();
    (1..=8).for_each(|id| drop(make(&heap, &mut cache, id, &[], MIB)));
    assert!(heap.allocated_bytes() >= heap.goal_bytes() && !heap.wants_collection());
    heap.sweep();
    assert!(heap.wants_collection());
}

#[test]
fn marking_can_be_driven_in_small_steps() {
    let heap = heap_of(64 * MIB);
    let mut cache = heap.cache();
    let mut list = crate::cells::NULL;
    for id in 1..=10_000 {
        list = make(&heap, &mut cache, id, &[list], 32).unwrap();
        make(&heap, &mut cache, id, &[list], 32).unwrap();
    }
    heap.begin_marking();
    let mut grey = Grey::default();
    grey.shade(&heap, list.address);
    while grey.drain(&heap, 1) {}
    heap.end_marking();
    heap.sweep();
    assert_eq!((allocated(&heap).len(), heap.live_bytes()), (10_000, 320_000));
}

#[test]
#[should_panic(expected = "the heap that made it")]
fn a_cache_of_another_heap_is_refused() {
    let (heap, other) = (heap_of(MIB), heap_of(MIB));
    let mut cache = other.cache();
    other.alloc(&mut cache, 32).unwrap();
    let _ = heap.alloc(&mut cache, 32);
}

#[test]
#[should_panic(expected = "before sweep has returned")]
fn marking_again_before_the_sweep_is_refused() {
    let heap = heap_of(MIB);
    heap.begin_marking();
    heap.end_marking();
    heap.begin_marking();
}

#[test]
#[should_panic(expected = "marking already")]
fn beginning_twice_is_refused() {
    let heap = heap_of(MIB);
    heap.begin_marking();
    heap.begin_marking();
}

#[test]
#[should_panic(expected = "end_marking without begin_marking")]
fn ending_what_has_not_begun_is_refused() {
    heap_of(MIB).end_marking();
}
