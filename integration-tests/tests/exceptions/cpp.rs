//! C++ exceptions, and what happens when they and Rust's meet.

use std::cell::Cell;
use std::ffi::{CString, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};

use integration_tests::foreign::{Foreign, call_back};

use crate::{Drops, each, mixed_descend, rust_descend};

const DEPTHS: [usize; 5] = [0, 1, 4, 13, 30];

/// What C++ caught from `leaf`.
fn cpp_catch(foreign: &Foreign, text: &str, leaf: &mut dyn FnMut()) -> c_long {
    let text = CString::new(text).unwrap();
    // SAFETY: a C string and our own callback.
    call_back(leaf, |call, argument| unsafe { (foreign.cpp_catch)(call, argument, text.as_ptr()) })
}

fn throw(foreign: &Foreign, value: c_long) {
    // SAFETY: somebody above catches it.
    unsafe { (foreign.cpp_throw)(value) }
}

/// Thrown in C++, through C++, C and Rust frames whose drops run, to a handler in C++.
#[test]
fn throw_and_catch() {
    each(|case| {
        for depth in DEPTHS {
            case.run(|ground| {
                let drops = Drops::default();
                let value = cpp_catch(&case.foreign, "", &mut || {
                    mixed_descend(&case.foreign, depth, &drops, &mut || {
                        ground.scan();
                        throw(&case.foreign, 4711);
                    });
                });
                assert_eq!(value, 4711, "{}", case.label());
                assert_eq!(drops.all(), (depth + 1, depth + 1), "{}", case.label());
                ground.check_exact();
            });
        }
    });
}

/// An exception object with a destructor, matched by its base class.
#[test]
fn a_standard_exception_keeps_its_text() {
    each(|case| {
        case.run(|ground| {
            let drops = Drops::default();
            let value = cpp_catch(&case.foreign, "a text longer than a short string", &mut || {
                mixed_descend(&case.foreign, 12, &drops, &mut || {
                    ground.scan();
                    // SAFETY: a C string.
                    unsafe { (case.foreign.cpp_throw_text)(c"a text longer than a short string".as_ptr()) }
                });
            });
            assert_eq!((value, drops.all()), (-1, (13, 13)), "{}", case.label());
            ground.check_exact();
        });
    });
}

/// `catch (...) { throw; }` in every frame.
#[test]
fn rethrow_in_every_frame() {
    each(|case| {
        for depth in DEPTHS {
            case.run(|ground| {
                let caught = Cell::new(0);
                let value = cpp_catch(&case.foreign, "", &mut || {
                    let mut leaf = || {
                        ground.scan();
                        throw(&case.foreign, 7);
                    };
                    // SAFETY: our own callback and counter.
                    call_back(&mut leaf, |call, argument| unsafe {
                        (case.foreign.cpp_rethrow)(depth as c_long, call, argument, caught.as_ptr())
                    });
                });
                assert_eq!((value, caught.get()), (7, depth as c_long + 1), "{}", case.label());
                ground.check_exact();
            });
        }
    });
}

/// Exceptions thrown and caught while others are being handled.
#[test]
fn exceptions_inside_handlers() {
    each(|case| {
        case.run(|ground| {
            let mut leaf = || {
                ground.scan();
                throw(&case.foreign, 100);
            };
            // SAFETY: our own callback.
            let value = call_back(&mut leaf, |call, argument| unsafe {
                (case.foreign.cpp_nested)(10, call, argument)
            });
            assert_eq!(value, 110, "{}", case.label());
            ground.check_exact();
        });
    });
}

/// A Rust panic is a foreign exception to C++: its destructors run, `catch (...)` catches it and throws it on.
#[test]
fn a_panic_through_cpp_handlers() {
    each(|case| {
        for depth in DEPTHS {
            case.run(|ground| {
                let (drops, caught) = (Drops::default(), Cell::new(0));
                let out = catch_unwind(AssertUnwindSafe(|| {
                    let mut leaf = || {
                        mixed_descend(&case.foreign, depth, &drops, &mut || {
                            ground.scan();
                            panic!("through C++");
                        });
                    };
                    // SAFETY: our own callback and counter.
                    call_back(&mut leaf, |call, argument| unsafe {
                        (case.foreign.cpp_rethrow)(depth as c_long, call, argument, caught.as_ptr())
                    })
                }));
                assert_eq!(*out.unwrap_err().downcast::<&str>().unwrap(), "through C++");
                assert_eq!(caught.get(), depth as c_long + 1, "{}", case.label());
                assert_eq!(drops.all(), (depth + 1, depth + 1), "{}", case.label());
                ground.check_exact();
            });
        }
    });
}

/// A scan in each Rust drop on the way of a C++ exception.
#[test]
fn scans_while_a_cpp_exception_is_in_flight() {
    struct Scans<'a>(&'a integration_tests::ground::Ground);
    impl Drop for Scans<'_> {
        fn drop(&mut self) {
            self.0.scan();
        }
    }
    each(|case| {
        case.run(|ground| {
            let drops = Drops::default();
            let value = cpp_catch(&case.foreign, "", &mut || {
                mixed_descend(&case.foreign, 5, &drops, &mut || {
                    let _scans = Scans(ground);
                    rust_descend(5, &drops.rust, &mut || {
                        let _scans = Scans(ground);
                        ground.scan();
                        throw(&case.foreign, 9);
                    });
                });
            });
            assert_eq!((value, drops.all()), (9, (12, 6)), "{}", case.label());
            assert_eq!(ground.scans(), 3);
            ground.check_exact();
        });
    });
}
