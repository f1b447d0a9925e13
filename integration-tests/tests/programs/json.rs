//! serde_json with serde_stacker: two that switch stacks at once.
//!
//! A task comes to safepoints on its own stack only; on a piece of stack that `stacker` made, none of its frames below could be found. What this
//! shows: barriers installed before such a switch are hit after it, by returns and by panics.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::Deserialize;

use crate::{Here, same_as_on_a_thread};

/// Frames of our own on the task's stack, with safepoints on the way down and up.
#[inline(never)]
fn descend(here: Here, depth: usize, then: &mut dyn FnMut() -> usize) -> usize {
    let words = black_box([depth; 40]);
    here.come_by();
    let below = if depth == 0 { then() } else { descend(here, black_box(depth - 1), then) };
    here.come_by();
    below + black_box(&words)[9] - depth
}

/// Nesting so deep that it does not fit on the stack; how deep it was.
fn parse(depth: usize) -> usize {
    let text = "[".repeat(depth) + &"]".repeat(depth);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    deserializer.disable_recursion_limit();
    let value = serde_json::Value::deserialize(serde_stacker::Deserializer::new(&mut deserializer)).unwrap();
    measure(value)
}

/// Takes it apart from the outside: dropping it as a whole would recurse.
fn measure(mut value: serde_json::Value) -> usize {
    let mut levels = 0;
    while let serde_json::Value::Array(mut items) = value {
        levels += 1;
        match items.pop() {
            Some(inner) => value = inner,
            None => break,
        }
    }
    levels
}

fn run(here: Here) -> String {
    let mut levels = Vec::new();
    for round in 0..40 {
        let depth = 2000 + 500 * round;
        levels.push(descend(here, 60, &mut || stacker::grow(256 << 10, || parse(depth))).to_string());
    }
    levels.join(" ")
}

#[test]
fn deep_json_gives_the_same_answers() {
    same_as_on_a_thread(run);
}

#[test]
fn a_panic_crosses_stacks_of_both_kinds() {
    fn panics(here: Here) -> String {
        let mut caught = Vec::new();
        for depth in 0..100 {
            let run =
                || descend(here, depth, &mut || stacker::grow(128 << 10, || resume_unwind(Box::new(depth))));
            let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
            caught.push(panic.downcast::<usize>().unwrap().to_string());
        }
        caught.join(" ")
    }
    same_as_on_a_thread(panics);
}
