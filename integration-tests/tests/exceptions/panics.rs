//! Rust panics.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

use integration_tests::foreign::call_back;
use integration_tests::ground::Ground;

use crate::{Case, Counts, Drops, each, mixed_descend, rust_descend};

const DEPTHS: [usize; 7] = [0, 1, 2, 3, 8, 21, 40];

/// `panic!` from below so many frames of each language, to a handler above them all.
#[test]
fn a_panic_from_any_depth_runs_every_drop_once() {
    each(|case| {
        for depth in DEPTHS {
            case.run(|ground| {
                let drops = Drops::default();
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    mixed_descend(&case.foreign, depth, &drops, &mut || {
                        ground.scan();
                        panic!("from depth {depth}");
                    })
                }));
                let text = *caught.unwrap_err().downcast::<String>().unwrap();
                assert_eq!(text, format!("from depth {depth}"), "{}", case.label());
                assert_eq!(drops.all(), (depth + 1, depth + 1), "{}", case.label());
                ground.check_exact();
                // And the stack is as good as new.
                rust_descend(depth, &drops.rust, &mut || {
                    ground.scan();
                });
                ground.check_exact();
            });
        }
    });
}

/// Caught and sent on in every frame, a scan in between: each leg starts under new barriers.
#[test]
fn resume_unwind_in_every_frame() {
    #[inline(never)]
    fn relay(depth: usize, ground: &Ground, case: &Case, drops: &Drops) -> usize {
        let below = catch_unwind(AssertUnwindSafe(|| match depth {
            0 => {
                ground.scan();
                panic_any(41_usize)
            }
            _ => mixed_descend(&case.foreign, 1, drops, &mut || {
                black_box(relay(black_box(depth - 1), ground, case, drops));
            }),
        }));
        ground.check_exact();
        ground.scan();
        let value = *below.unwrap_err().downcast::<usize>().unwrap();
        resume_unwind(Box::new(value + 1));
    }
    each(|case| {
        let drops = Drops::default();
        let out = catch_unwind(AssertUnwindSafe(|| case.run(|ground| relay(12, ground, &case, &drops))));
        assert_eq!(*out.unwrap_err().downcast::<usize>().unwrap(), 41 + 13, "{}", case.label());
        assert_eq!(drops.all(), (24, 24));
    });
}

/// A destructor panics while nothing else is under way.
#[test]
fn a_panic_that_begins_in_a_drop() {
    struct Panics<'a>(&'a Ground);
    impl Drop for Panics<'_> {
        fn drop(&mut self) {
            self.0.scan();
            panic!("in a drop");
        }
    }
    each(|case| {
        case.run(|ground| {
            let drops = Drops::default();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                mixed_descend(&case.foreign, 10, &drops, &mut || drop(black_box(Panics(ground))))
            }));
            assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "in a drop");
            assert_eq!(drops.all(), (11, 11), "{}", case.label());
            ground.check_exact();
        });
    });
}

/// While one panic is under way, each destructor on its path scans, throws another one below many frames, and catches it.
#[test]
fn panics_and_scans_in_the_drops_of_a_panic() {
    struct Busy<'a>(&'a Ground, &'a Case, &'a Drops);
    impl Drop for Busy<'_> {
        fn drop(&mut self) {
            let Busy(ground, case, drops) = self;
            ground.scan();
            let inner = catch_unwind(AssertUnwindSafe(|| {
                mixed_descend(&case.foreign, 5, drops, &mut || {
                    ground.scan();
                    resume_unwind(Box::new(()));
                })
            }));
            assert!(inner.is_err());
            ground.check_exact();
            ground.scan();
        }
    }
    #[inline(never)]
    fn outer(depth: usize, ground: &Ground, case: &Case, drops: &Drops, outer_drops: &Cell<usize>) -> usize {
        let _counts = Counts(outer_drops);
        let _busy = Busy(ground, case, drops);
        if depth == 0 {
            ground.scan();
            panic!("outer");
        }
        // C in between: barriers that a drop installs stand in C frames that are yet to be unwound.
        let mut leaf = || {
            black_box(outer(black_box(depth - 1), ground, case, drops, outer_drops));
        };
        // SAFETY: the callback is ours.
        call_back(&mut leaf, |call, argument| unsafe { (case.foreign.descend)(2, call, argument) }) as usize
    }
    each(|case| {
        case.run(|ground| {
            let (drops, outer_drops) = (Drops::default(), Cell::new(0));
            let caught = catch_unwind(AssertUnwindSafe(|| outer(9, ground, &case, &drops, &outer_drops)));
            assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "outer");
            assert_eq!(outer_drops.get(), 10, "{}", case.label());
            assert_eq!(drops.all(), (60, 60), "{}", case.label());
            ground.check_exact();
        });
    });
}

/// A handler in each frame: directly above each barrier there is one. libgcc tells frames apart by their CFA, which is the same there.
#[test]
fn a_handler_directly_above_each_barrier() {
    #[inline(never)]
    fn nest(depth: usize, ground: &Ground, caught: &Cell<usize>) {
        let below = catch_unwind(AssertUnwindSafe(|| {
            if depth == 0 {
                ground.scan();
                panic_any(depth);
            }
            nest(black_box(depth - 1), ground, caught);
        }));
        caught.set(caught.get() + 1);
        resume_unwind(below.unwrap_err());
    }
    each(|case| {
        for depth in DEPTHS {
            let caught = Cell::new(0);
            let out = catch_unwind(AssertUnwindSafe(|| case.run(|ground| nest(depth, ground, &caught))));
            assert!(out.is_err());
            assert_eq!(caught.get(), depth + 1);
        }
    });
}
