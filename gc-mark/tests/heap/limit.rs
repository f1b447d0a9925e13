//! The limit, and life after it; large objects; sizes at the edges.

use gc_mark::heap::{Heap, HeapError, MarkSweep};
use proptest::prelude::*;

use crate::cells::{CellHeap, Cells, Ref, allocated, collect, heap_of, make};

const BLOCK: usize = 64 << 10;

/// Allocates objects of `bytes` bytes until the heap refuses.
fn fill(heap: &CellHeap, bytes: usize) -> Vec<Ref> {
    let mut cache = heap.cache();
    let mut cells = Vec::new();
    loop {
        match make(heap, &mut cache, cells.len() + 1, &[], bytes) {
            Ok(cell) => cells.push(cell),
            Err(HeapError::Limit { limit, requested, in_use }) => {
                assert_eq!(limit, heap.stats().limit_bytes);
                assert!(requested >= bytes && in_use <= limit);
                return cells;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn free_all(heap: &CellHeap) {
    collect(heap, &[]);
    assert_eq!((heap.stats().in_use_bytes, heap.live_bytes()), (0, 0));
}

#[test]
fn the_message_says_what_to_do() {
    let heap = heap_of(3 * BLOCK);
    let error = heap.alloc(&mut heap.cache(), 4 * BLOCK).unwrap_err().to_string();
    assert_eq!(
        error,
        "heap limit of 196608 bytes reached: 262144 bytes requested with 0 bytes in use; \
         drop references and collect, or raise HeapConfig::limit_bytes"
    );
}

#[test]
fn after_a_collection_allocation_works_again() {
    let heap = heap_of(32 * BLOCK);
    for bytes in [16, 64, 1000, 8000, 30_000, 65_000, 150_000] {
        let cells = fill(&heap, bytes);
        let again = fill(&heap, bytes);
        assert!(again.is_empty(), "a full heap stays full");
        let (kept, dropped): (Vec<_>, Vec<_>) = cells.iter().enumerate().partition(|(i, _)| i % 2 == 0);
        let kept: Vec<Ref> = kept.into_iter().map(|(_, &cell)| cell).collect();
        collect(&heap, &kept);
        assert_eq!(fill(&heap, bytes).len(), dropped.len(), "exactly what was freed, {bytes} bytes each");
        kept.iter().for_each(|cell| cell.check());
        free_all(&heap);
        assert_eq!(fill(&heap, bytes).len(), cells.len(), "nothing is lost");
        free_all(&heap);
    }
}

#[test]
fn a_full_heap_recovers_through_the_cache_that_met_the_limit() {
    let heap = heap_of(4 * BLOCK);
    let mut cache = heap.cache();
    for bytes in [16, 128, 144, 1024, 128, 8192, 16] {
        let mut count = 0;
        while make(&heap, &mut cache, 1, &[], bytes).is_ok() {
            count += 1;
        }
        assert_eq!(count, 4 * (BLOCK / bytes));
        collect(&heap, &[]);
    }
}

#[test]
fn the_limit_sweeps_what_is_unswept_before_it_refuses() {
    let heap = heap_of(8 * BLOCK);
    // Nobody calls `sweep`, and everything is garbage of another class.
    for (garbage, wanted, count) in [(48, 8 * BLOCK, 1), (64, 1024, 512), (8 * BLOCK, 32, 16_384)] {
        fill(&heap, garbage);
        heap.begin_marking();
        heap.end_marking();
        assert_eq!(fill(&heap, wanted).len(), count);
        free_all(&heap);
    }
}

#[test]
fn the_whole_arena_can_be_one_object() {
    let heap = heap_of(16 * BLOCK - 5);
    assert_eq!(heap.stats().limit_bytes, 16 * BLOCK);
    assert_eq!(fill(&heap, 16 * BLOCK).len(), 1);
    free_all(&heap);
    assert_eq!(fill(&heap, 16 * BLOCK + 8).len(), 0);
}

#[test]
fn holes_serve_large_objects_that_fit_and_no_others() {
    let heap = heap_of(30 * BLOCK);
    let cells = fill(&heap, 3 * BLOCK);
    assert_eq!(cells.len(), 10);
    let kept: Vec<Ref> = cells.iter().copied().step_by(2).collect();
    collect(&heap, &kept);
    assert_eq!(heap.stats().in_use_bytes, 15 * BLOCK);
    assert_eq!(fill(&heap, 4 * BLOCK).len(), 0, "no hole is that large");
    let mut holes = fill(&heap, 2 * BLOCK);
    assert_eq!(holes.len(), 5);
    holes.extend(fill(&heap, BLOCK));
    assert_eq!((holes.len(), heap.stats().in_use_bytes), (10, 30 * BLOCK));
    holes.extend(kept);
    assert_eq!(allocated(&heap).len(), holes.len());
    collect(&heap, &holes);
    holes.iter().for_each(|cell| cell.check());
}

#[test]
fn neighbours_that_are_freed_merge() {
    let heap = heap_of(16 * BLOCK);
    for bytes in [BLOCK, 2 * BLOCK, 64, 20_000] {
        let cells = fill(&heap, bytes);
        let (low, high): (Vec<Ref>, Vec<Ref>) =
            cells.iter().partition(|cell| cell.address < cells[0].address + 8 * BLOCK);
        collect(&heap, &low);
        assert_eq!(fill(&heap, 8 * BLOCK).len(), 1);
        low.iter().for_each(|cell| cell.check());
        assert!(!high.is_empty());
        free_all(&heap);
    }
}

#[test]
fn zero_bytes_are_an_object_and_more_than_the_address_space_is_not() {
    let heap = heap_of(16 * BLOCK);
    let mut cache = heap.cache();
    let mut empties: Vec<usize> =
        (0..100).map(|_| heap.alloc(&mut cache, 0).unwrap().as_ptr() as usize).collect();
    empties.sort_unstable();
    assert!(empties.windows(2).all(|pair| pair[0] + 16 <= pair[1] && pair[0] % 16 == 0));
    for bytes in [usize::MAX, usize::MAX - 15, isize::MAX as usize, 1 << (usize::BITS - 2), 16 * BLOCK + 1] {
        let Err(HeapError::Limit { requested, .. }) = heap.alloc(&mut cache, bytes) else {
            panic!("{bytes}")
        };
        assert_eq!(requested, bytes);
    }
    assert!(heap.alloc(&mut cache, 32).is_ok());
}

#[test]
fn limits_out_of_range_are_named() {
    let most = 1 << if usize::BITS == 64 { 46 } else { 31 };
    for limit in [0, most + 1, usize::MAX] {
        let config = gc_mark::heap::HeapConfig { limit_bytes: limit, growth_percent: 100 };
        let error = MarkSweep::new(Cells, config).unwrap_err();
        assert!(matches!(error, HeapError::BadLimit { limit: named } if named == limit), "{error}");
        assert!(error.to_string().contains(&limit.to_string()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_size_gets_a_slot_that_holds_it_with_an_eighth_to_spare_at_most(bytes in 1_usize..200_000) {
        let heap = heap_of(16 * BLOCK);
        let cell = heap.alloc(&mut heap.cache(), bytes).unwrap().as_ptr() as usize;
        let slot = heap.object_bytes(gc_mark::Object(cell)).unwrap();
        prop_assert!(slot >= bytes);
        let most = match bytes {
            0..=8192 => bytes + bytes / 8 + 16,
            8193..=32_768 => bytes + bytes / 2 + 16,
            _ => bytes.next_multiple_of(BLOCK),
        };
        prop_assert!(slot <= most, "{bytes} in {slot}");
    }
}
