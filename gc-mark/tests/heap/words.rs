//! Conservative words: every address of the arena (elsewhere than on x86-64 some), over every kind of block, against a search in a sorted map.

use std::collections::BTreeMap;

use gc_mark::heap::{Heap, Object};

use crate::SHARE;
use crate::cells::{CellHeap, Ref, collect, heap_of, make};

const BLOCK: usize = 64 << 10;
const BLOCKS: usize = 48;

/// The object that contains `word`, by looking through all of them.
fn search(objects: &BTreeMap<usize, usize>, word: usize) -> Option<Object> {
    let (&start, &bytes) = objects.range(..=word).next_back()?;
    (word - start < bytes).then_some(Object(start))
}

/// Compares at every address from a block below the arena to a block above it.
fn check_every_address(heap: &CellHeap, base: usize) {
    let mut objects = BTreeMap::new();
    heap.for_each_object(|object, bytes| assert!(objects.insert(object.0, bytes).is_none()));
    // An odd step, so that every alignment comes.
    for word in (base - BLOCK..base + (BLOCKS + 1) * BLOCK).step_by(SHARE | 1) {
        assert_eq!(heap.object_at(word), search(&objects, word), "{word:#x}, arena at {base:#x}");
    }
}

/// Objects of every kind: full and partly used blocks of many sizes, large ones with tails; blocks stay free.
fn populate(heap: &CellHeap) -> Vec<Ref> {
    let mut cache = heap.cache();
    let mut cells = Vec::new();
    for bytes in [16, 48, 144, 720, 3000, 4368, 9360, 13_104, 21_840, 32_768, 32_769, 70_000, 200_000] {
        for _ in 0..(BLOCK / bytes / 2).max(3) {
            cells.push(make(heap, &mut cache, cells.len() + 1, &[], bytes).unwrap());
        }
    }
    cells
}

#[test]
fn object_at_finds_what_is_allocated_and_nothing_else() {
    let heap = heap_of(BLOCKS * BLOCK);
    let cells = populate(&heap);
    let base = cells[0].address; // The first object of an empty heap lies at the bottom of its arena.
    assert_eq!(base % BLOCK, 0);
    check_every_address(&heap, base);

    let survivors: Vec<Ref> = cells.iter().copied().step_by(3).collect();
    collect(&heap, &survivors);
    check_every_address(&heap, base);
    survivors.iter().for_each(|cell| cell.check());

    collect(&heap, &[]);
    assert!((base..base + BLOCKS * BLOCK).step_by(SHARE).all(|word| heap.object_at(word).is_none()));
}

#[test]
fn blocks_forget_what_they_were() {
    let heap = heap_of(BLOCKS * BLOCK);
    let large = make(&heap, &mut heap.cache(), 1, &[], 5 * BLOCK).unwrap();
    for bytes in [32, 3 * BLOCK, 40_000, 500] {
        collect(&heap, &[]);
        let next = make(&heap, &mut heap.cache(), 2, &[], bytes).unwrap();
        assert_eq!(next.address, large.address, "the test wants them in the same place");
        check_every_address(&heap, large.address);
    }
}

#[test]
fn words_far_from_the_arena_are_no_objects() {
    let heap = heap_of(BLOCK);
    let cell = make(&heap, &mut heap.cache(), 1, &[], 16).unwrap();
    // The number of a block is kept in 32 bits: an address 2^48 away would have the same one.
    for distance in (16..usize::BITS).map(|bit| 1_usize << bit) {
        for word in [cell.address.wrapping_add(distance), cell.address.wrapping_sub(distance)] {
            assert_eq!(heap.object_at(word), None);
            assert!(!heap.mark(Object(word)) && !heap.is_marked(Object(word)));
            assert_eq!(heap.object_bytes(Object(word)), None);
            heap.visit_children(Object(word), |_| panic!("no object, no children"));
        }
    }
    for word in [0, 1, usize::MAX] {
        assert_eq!(heap.object_at(word), None);
    }
}

#[test]
fn what_is_no_start_of_an_object_has_no_children() {
    let heap = heap_of(BLOCKS * BLOCK);
    let mut cache = heap.cache();
    let target = make(&heap, &mut cache, 1, &[], 16).unwrap();
    for bytes in [64, 100_000] {
        let cell = make(&heap, &mut cache, 2, &[target], bytes).unwrap();
        let children = |address| {
            let mut values = Vec::new();
            heap.visit_children(Object(address), |value| values.push(value));
            values
        };
        assert_eq!(children(cell.address), [target.address]);
        assert!((16..bytes).step_by(16).all(|inside| children(cell.address + inside).is_empty()));
    }
}
