//! Allocations, frees and moves against a model that keeps a list.

use barrier_arch::{SizeClass, StkbarSlice};
use stack_alloc::{Config, GuardPages, Stack, StackCache, StackError, StackPool, relocate};

use super::{SPACINGS, assert_tagged, peek, tag};

const WORD: usize = size_of::<usize>();

/// One step; `via` chooses the pool or one of two caches, `which` one of the live stacks.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Alloc {
        log2: u32,
        via: usize,
    },
    /// Of any size: there may be no such stack.
    AllocBytes {
        bytes: usize,
        via: usize,
    },
    Free {
        which: usize,
        via: usize,
    },
    /// Moves what is on one stack to another, if it fits.
    Relocate {
        from: usize,
        to: usize,
        used: usize,
    },
    Flush {
        via: usize,
    },
    Trim,
}

/// The pool, two caches, and a list of what is out.
pub(crate) struct Model {
    pool: StackPool,
    caches: [StackCache; 2],
    live: Vec<(Stack, StkbarSlice)>,
}

impl Model {
    /// A pool of that kind, and nothing out.
    pub(crate) fn new(config: Config) -> Model {
        let pool = StackPool::new(config);
        let caches = [pool.cache(), pool.cache()];
        Model { pool, caches, live: Vec::new() }
    }

    /// Does it, and looks whether everything adds up.
    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Alloc { log2, via } => self.alloc(1 << log2, via).unwrap(),
            Op::AllocBytes { bytes, via } => {
                let due = SizeClass::of(bytes);
                let made = self.alloc(bytes, via);
                // The largest need not be there.
                let wanted = due.is_ok() && bytes <= SizeClass::MAX.bytes() >> 6;
                assert!(made.is_ok() || !wanted, "{bytes} bytes: {made:?}");
                assert!(due.is_ok() || made.is_err(), "{bytes} bytes: {made:?}");
            }
            Op::Relocate { from, to, used } => self.relocate(from, to, used),
            Op::Free { which, via } if !self.live.is_empty() => {
                let (stack, stkbars) = self.live.swap_remove(which % self.live.len());
                self.free(stack, stkbars, via);
            }
            Op::Free { .. } => {}
            Op::Flush { via } => self.caches[via].flush(),
            Op::Trim => {
                self.pool.trim();
            }
        }
        self.check();
    }

    fn alloc(&mut self, size: usize, via: usize) -> Result<(), StackError> {
        let (stack, stkbars) = match self.caches.get_mut(via) {
            Some(cache) => cache.alloc(size),
            None => self.pool.alloc(size),
        }?;
        let overlaps =
            |(other, _): &&(Stack, StkbarSlice)| stack.base() < other.top() && other.base() < stack.top();
        assert!(self.live.iter().find(overlaps).is_none(), "{stack:?} is handed out twice");
        assert!(stkbars.is_empty());
        tag(&stack, &stkbars);
        self.live.push((stack, stkbars));
        Ok(())
    }

    /// The words in use go along, to the same distance below the top; the old stack stays as it was; or nothing happens at all.
    fn relocate(&mut self, from: usize, to: usize, used: usize) {
        if self.live.len() < 2 {
            return;
        }
        let (from, to) = (from % self.live.len(), to % self.live.len());
        let ((old, old_bars), (new, new_bars)) = (&self.live[from], &self.live[to]);
        let sp = old_bars.stack_hi().wrapping_sub(used);
        let fits = from != to
            && sp.is_multiple_of(WORD)
            && (old.limit()..=old_bars.stack_hi()).contains(&sp)
            && used <= new_bars.stack_hi() - new.limit();
        if from == to {
            return; // two stacks, by contract
        }
        let before: Vec<usize> =
            if fits { (sp..old_bars.stack_hi()).step_by(WORD).map(peek).collect() } else { vec![] };
        // SAFETY: nothing runs on either; there are no pointers to shift.
        let moved = unsafe { relocate((old, old_bars), (new, new_bars), sp, |_| {}) };
        assert_eq!(moved.is_ok(), fits, "{used} bytes from {old:?} to {new:?}: {moved:?}");
        if let Ok(new_sp) = moved {
            assert_eq!(new_sp, new_bars.stack_hi() - used);
            let copies = |lo: usize, hi: usize| (lo..hi).step_by(WORD).map(peek).eq(before.iter().copied());
            assert!(copies(new_sp, new_bars.stack_hi()) && copies(sp, old_bars.stack_hi()));
            tag(new, new_bars);
        }
    }

    fn free(&mut self, stack: Stack, stkbars: StkbarSlice, via: usize) {
        match self.caches.get_mut(via) {
            // SAFETY: nothing runs on it.
            Some(cache) => unsafe { cache.free(stack, stkbars) },
            // SAFETY: as above.
            None => unsafe { self.pool.free(stack, stkbars) },
        }
    }

    fn check(&self) {
        let stats = self.pool.stats();
        for class in SizeClass::all() {
            let expected = self.live.iter().filter(|(stack, _)| stack.class() == class).count();
            assert_eq!(stats.class(class).in_use, expected, "{class:?}");
        }
        if !self.pool.config().electric_fence {
            assert_eq!(stats.mapped_bytes, stats.in_use_bytes() + stats.cached_bytes(), "{stats:?}");
        }
        self.live.iter().for_each(|(stack, stkbars)| assert_tagged(stack, stkbars));
    }

    /// Everything comes back.
    pub(crate) fn finish(mut self) {
        while let Some((stack, stkbars)) = self.live.pop() {
            self.free(stack, stkbars, self.live.len() % 3);
        }
        self.check();
        drop(self.caches);
        self.pool.trim();
        let stats = self.pool.stats();
        assert_eq!((stats.mapped_bytes, stats.mappings, stats.cached()), (0, 0, 0));
    }
}

/// Does what a fuzzer's bytes stand for.
pub(crate) fn run(bytes: &[u8]) {
    let (config, ops) = decode(bytes);
    let mut model = Model::new(config);
    ops.into_iter().for_each(|op| model.step(op));
    model.finish();
}

/// A pool and what is done to it, from a fuzzer's bytes: any are some.
fn decode(bytes: &[u8]) -> (Config, Vec<Op>) {
    let (head, rest) = bytes.split_at(bytes.len().min(2));
    let byte = |at: usize| usize::from(head.get(at).copied().unwrap_or(0));
    let guard = [GuardPages::Off, GuardPages::Cheapest, GuardPages::Mprotect][byte(0) / 3 % 3];
    let config = Config {
        spacing: SPACINGS[byte(0) % 3],
        guard,
        cached_per_class: byte(0) / 9 % 4,
        poison: byte(1) % 2 == 1,
        electric_fence: byte(1) % 8 == 0,
        ..Config::default()
    };
    let op = |chunk: &[u8]| {
        decode_op(chunk[0], usize::from(chunk[1]), usize::from(chunk[2]), usize::from(chunk[3]))
    };
    (config, rest.chunks_exact(4).map(op).collect())
}

fn decode_op(kind: u8, a: usize, b: usize, c: usize) -> Op {
    let via = b % 3;
    match kind % 16 {
        0..5 => Op::Alloc { log2: 11 + (a % 13) as u32, via },
        5 => Op::AllocBytes { bytes: a << (c % 14) | b, via },
        6 => Op::AllocBytes { bytes: usize::MAX.rotate_right(c as u32 % 64) - a, via: 2 },
        7..11 => Op::Free { which: a, via },
        11..14 => Op::Relocate { from: a, to: b, used: c * WORD * (1 + a % 64) },
        14 => Op::Flush { via: via % 2 },
        _ => Op::Trim,
    }
}
