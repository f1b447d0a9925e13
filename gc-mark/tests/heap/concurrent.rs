//! Two mutators allocate, store and drop while a third thread marks and sweeps, for many cycles.
//!
//! The world stops by a lock: a mutator holds it shared for a few operations at a time, the collector exclusively at
//! the beginning and the end of marking. Writes into objects go through a Dijkstra barrier; roots carry none, and are
//! marked again with the world stopped, as stacks are.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use gc_mark::heap::{AllocCache, Heap, Object};

use crate::SHARE;
use crate::cells::{CellHeap, Grey, NULL, Ref, addresses, allocated, collect, heap_of, make, reachable};

const MUTATORS: usize = 2;
const CYCLES: usize = 300 / SHARE;
const ROOTS: usize = 48;
/// Quanta between the ends of two cycles, at least.
const QUANTA: usize = 4;

struct World {
    heap: CellHeap,
    running: RwLock<()>,
    marking: AtomicBool,
    done: AtomicBool,
    /// The roots of each mutator. Its own lock only makes them shareable: the collector looks while it is stopped.
    roots: [Mutex<Vec<Ref>>; MUTATORS],
    /// What the write barriers have shaded.
    shaded: Mutex<Grey>,
    cycles: AtomicUsize,
    /// How many quanta the mutators have ended: the lock alone does not promise that one runs between two cycles.
    quanta: AtomicUsize,
    /// Has a mutator ended, by a failure perhaps? Nobody waits for its quanta then.
    left: AtomicBool,
}

struct Mutator<'w> {
    world: &'w World,
    number: usize,
    cache: AllocCache,
    random: u64,
    made: usize,
    limits: usize,
}

impl Mutator<'_> {
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % below
    }

    fn run(mut self) -> (usize, usize) {
        while !self.world.done.load(Ordering::Relaxed) {
            let running = self.world.running.read().unwrap();
            for _ in 0..20 {
                self.operate();
            }
            drop(running);
            self.world.quanta.fetch_add(1, Ordering::Relaxed);
            if self.random(200) == 0 {
                let fresh = self.world.heap.cache();
                let running = self.world.running.read().unwrap();
                self.world.heap.retire(std::mem::replace(&mut self.cache, fresh));
                drop(running);
            }
        }
        (self.made, self.limits)
    }

    fn operate(&mut self) {
        let world = self.world;
        let mut roots = world.roots[self.number].lock().unwrap();
        let (at, other) = (self.random(ROOTS), self.random(ROOTS));
        match self.random(10) {
            0..5 => self.make(&mut roots, at, other),
            5..7 => self.store(roots[at], roots[other]),
            7 => roots[at] = NULL,
            8 => roots[at] = self.take_child(roots[other]),
            _ => self.follow(roots[at]),
        }
    }

    fn make(&mut self, roots: &mut [Ref], at: usize, other: usize) {
        let bytes = match self.random(100) {
            0 => 70_000 + self.random(200_000),
            1..5 => 4000 + self.random(30_000),
            _ => 16 + self.random(500),
        };
        let fields = [roots[at], roots[other], NULL];
        fields.iter().for_each(|&target| self.barrier(target));
        self.made += 1;
        match make(&self.world.heap, &mut self.cache, self.made * MUTATORS + self.number + 1, &fields, bytes)
        {
            Ok(cell) => roots[other] = cell,
            Err(_) => {
                self.limits += 1;
                roots[at] = NULL;
            }
        }
    }

    fn store(&mut self, object: Ref, target: Ref) {
        if object != NULL {
            self.barrier(target);
            object.set_field(self.random(object.fields()), target);
        }
    }

    /// Moves a reference out of an object into a root: a white object may hang on nothing else then.
    fn take_child(&mut self, object: Ref) -> Ref {
        if object == NULL {
            return NULL;
        }
        let field = self.random(object.fields());
        let child = object.field(field);
        object.set_field(field, NULL);
        child
    }

    fn follow(&mut self, mut cell: Ref) {
        for _ in 0..30 {
            if cell == NULL {
                return;
            }
            cell.check();
            cell = cell.field(self.random(cell.fields()));
        }
    }

    fn barrier(&self, target: Ref) {
        if self.world.marking.load(Ordering::Relaxed) {
            self.world.shaded.lock().unwrap().shade(&self.world.heap, target.address);
        }
    }
}

impl Drop for Mutator<'_> {
    fn drop(&mut self) {
        self.world.left.store(true, Ordering::Relaxed);
    }
}

impl World {
    fn collect_many_times(&self) {
        for cycle in 0..CYCLES {
            while self.quanta.load(Ordering::Relaxed) < cycle * QUANTA && !self.left.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            self.collect_concurrently();
        }
    }

    fn roots(&self) -> Vec<Ref> {
        self.roots.iter().flat_map(|roots| roots.lock().unwrap().clone()).collect()
    }

    fn collect_concurrently(&self) {
        let stopped = self.running.write().unwrap();
        self.heap.begin_marking();
        self.marking.store(true, Ordering::Relaxed);
        let mut grey = Grey::default();
        self.roots().iter().for_each(|root| grey.shade(&self.heap, root.address));
        drop(stopped);

        while grey.drain(&self.heap, 100) || self.take_shaded(&mut grey) {}

        let stopped = self.running.write().unwrap();
        self.take_shaded(&mut grey);
        self.roots().iter().for_each(|root| grey.shade(&self.heap, root.address));
        while grey.drain(&self.heap, 1000) {}
        self.check_marks();
        self.marking.store(false, Ordering::Relaxed);
        self.heap.end_marking();
        drop(stopped);

        self.heap.sweep();
        self.cycles.fetch_add(1, Ordering::Relaxed);
    }

    /// Moves what the barriers have shaded to `grey`; `false` if that was nothing.
    fn take_shaded(&self, grey: &mut Grey) -> bool {
        grey.append(&mut self.shaded.lock().unwrap())
    }

    /// World stopped: is everything marked that can be reached, and is it what it should be?
    fn check_marks(&self) {
        for cell in reachable(&self.roots()) {
            assert_eq!(self.heap.object_at(cell.address), Some(Object(cell.address)));
            assert!(self.heap.is_marked(Object(cell.address)), "{cell:?} was lost");
        }
    }
}

#[test]
fn mutators_and_collector_together() {
    let world = World {
        heap: heap_of(24 << 20),
        running: RwLock::new(()),
        marking: AtomicBool::new(false),
        done: AtomicBool::new(false),
        roots: std::array::from_fn(|_| Mutex::new(vec![NULL; ROOTS])),
        shaded: Mutex::new(Grey::default()),
        cycles: AtomicUsize::new(0),
        quanta: AtomicUsize::new(0),
        left: AtomicBool::new(false),
    };
    let (made, limits) = std::thread::scope(|scope| {
        let mutators = [0, 1].map(|number| {
            let (world, cache) = (&world, world.heap.cache());
            let mutator = Mutator { world, number, cache, random: 77 + number as u64, made: 0, limits: 0 };
            scope.spawn(move || mutator.run())
        });
        let collector = scope.spawn(|| world.collect_many_times());
        let collected = collector.join();
        world.done.store(true, Ordering::Relaxed);
        let counts = mutators.map(|mutator| mutator.join().unwrap());
        collected.unwrap();
        (counts.iter().map(|c| c.0).sum::<usize>(), counts.iter().map(|c| c.1).sum::<usize>())
    });
    assert_eq!(world.cycles.load(Ordering::Relaxed), CYCLES);
    assert!(made > 10 * CYCLES, "the mutators hardly ran: {made} objects, {limits} refused");
    assert!(limits < made / 2, "{limits} of {made} refused");

    let live = reachable(&world.roots());
    collect(&world.heap, &world.roots());
    assert_eq!(allocated(&world.heap), addresses(&live));
}
