//! Procedures written in Rust.
//!
//! Each is a plain function from a [`Machine`] and values to a value or a [`Fault`]; [`Primitive`] wraps it as a C
//! function that compiled code calls. A fault leaves the program only after the function has returned, so that
//! nothing droppable is left on the stack.
//!
//! No primitive calls back into compiled code: no Rust frame ever lies between Scheme frames. They run in the red
//! zone below the stack limit, so none recurses over data.

pub mod boxes;
pub mod bytevectors;
pub mod characters;
pub mod check;
pub mod complex;
pub mod concurrency;
pub mod control;
pub mod equality;
pub mod evaluate;
pub mod exact;
pub mod hashing;
pub mod inexact;
pub mod input;
pub mod integers;
pub mod labels;
pub mod lists;
pub mod numerals;
pub mod output;
pub mod ports;
pub mod predicates;
pub mod random;
pub mod read;
pub mod records;
pub mod string_order;
pub mod strings;
pub mod symbols;
pub mod system;
pub mod tables;
pub mod vectors;
pub mod write;

use super::fault::Fault;
use super::machine::{Machine, Task};
use super::object::Arity;
use super::runtime::arguments::Arguments;
use super::value::Value;

/// A procedure in Rust.
#[derive(Clone, Debug)]
pub struct Primitive {
    /// The global that it is bound to.
    pub name: &'static str,
    /// What it takes.
    pub arity: Arity,
    /// Its C function: `(task, a0 …)` for a fixed number of arguments, `(task, count, a0 … a3)` for a variable one.
    pub code: usize,
}

/// What a primitive returns.
pub type Outcome = Result<Value, Fault>;

/// A function item, conjured up from its type.
///
/// # Panics
///
/// At compile time, if `F` is not the type of a function item or of a closure that captures nothing.
fn conjure<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a function item has no size") };
    // SAFETY: a type without bytes has exactly one value, and the caller of a shim once had it: see `Primitive::one`.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}

macro_rules! fixed {
    ($name:ident, $shim:ident, $count:literal, $($arg:ident)*) => {
        extern "C-unwind" fn $shim<F: Fn(&Machine<'_> $(, $crate::scheme::primitives::word!($arg))*) -> Outcome + Copy>(
            task: *const Task $(, $arg: Value)*
        ) -> Value {
            // SAFETY: compiled code passes the task that it runs on.
            let machine = unsafe { Machine::from_raw(task) };
            let outcome = conjure::<F>()(&machine $(, $arg)*);
            machine.deliver(outcome)
        }

        impl Primitive {
            #[doc = concat!("A primitive of ", $count, " argument(s).")]
            pub fn $name<F: Fn(&Machine<'_> $(, $crate::scheme::primitives::word!($arg))*) -> Outcome + Copy>(
                name: &'static str, _: F,
            ) -> Primitive {
                Primitive { name, arity: Arity::Exactly($count), code: $shim::<F> as *const () as usize }
            }
        }
    };
}

macro_rules! word {
    ($arg:ident) => {
        Value
    };
}
use word;

fixed!(none, shim0, 0,);
fixed!(one, shim1, 1, a);
fixed!(two, shim2, 2, a b);
fixed!(three, shim3, 3, a b c);
fixed!(four, shim4, 4, a b c d);

extern "C-unwind" fn shim_many<F: Fn(&Machine<'_>, &Arguments<'_>) -> Outcome + Copy>(
    task: *const Task,
    count: usize,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let outcome = {
        let first = [a, b, c, d];
        conjure::<F>()(&machine, &Arguments::new(&machine, &first, count))
    };
    machine.deliver(outcome)
}

impl Primitive {
    /// A primitive of `least` or more arguments.
    pub fn many<F: Fn(&Machine<'_>, &Arguments<'_>) -> Outcome + Copy>(
        name: &'static str,
        least: u8,
        _: F,
    ) -> Primitive {
        Primitive { name, arity: Arity::AtLeast(least), code: shim_many::<F> as *const () as usize }
    }

    /// A C function of the embedder: `(task, a0 …)` for [`Arity::Exactly`] at most 4, `(task, count, a0 … a3)` for
    /// [`Arity::AtLeast`].
    ///
    /// # Safety
    ///
    /// `code` is such a function, and keeps what the collector wants: it stops only at safepoints, and stores
    /// references with [`Machine::shade`].
    pub unsafe fn from_raw(name: &'static str, arity: Arity, code: usize) -> Primitive {
        Primitive { name, arity, code }
    }
}

/// All primitives.
pub fn all() -> Vec<Primitive> {
    [
        lists::table(),
        predicates::table(),
        equality::table(),
        complex::table(),
        exact::table(),
        inexact::table(),
        integers::table(),
        numerals::table(),
        bytevectors::table(),
        characters::table(),
        strings::table(),
        string_order::table(),
        hashing::table(),
        tables::table(),
        random::table(),
        symbols::table(),
        vectors::table(),
        ports::table(),
        input::table(),
        output::table(),
        control::table(),
        system::table(),
        records::table(),
        evaluate::table(),
        boxes::table(),
        concurrency::table(),
    ]
    .concat()
}
