//! Which objects of a structure need a datum label: a walk without recursion over all of it.

use std::collections::HashMap;

use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::write::Labels;

/// A structure with fewer ways to go than this surely ends, and nobody need remember where he has been.
const SMALL: usize = 2000;

/// The objects to label, by address, none of them numbered yet.
pub fn find(value: Value, labels: Labels) -> HashMap<usize, Option<usize>> {
    match labels {
        Labels::None => HashMap::new(),
        Labels::Cycles if ends_soon(value) => HashMap::new(),
        labels => search(value, labels),
    }
}

/// Does a walk that forgets where it has been end after a few steps?
fn ends_soon(value: Value) -> bool {
    let mut todo = vec![value];
    let mut steps = 0;
    while let Some(value) = todo.pop() {
        steps += 1;
        if steps + todo.len() > SMALL {
            return false;
        }
        todo.extend(
            parts(value).into_iter().flat_map(|(object, count)| (1..=count).map(move |i| object.field(i))),
        );
    }
    true
}

/// A pair or vector, and how many fields it has.
fn parts(value: Value) -> Option<(ObjectRef, usize)> {
    let object = ObjectRef::any(value)?;
    match object.header().kind()? {
        Kind::Pair => Some((object, 2)),
        Kind::Vector => Some((object, object.header().length())),
        _ => None,
    }
}

/// Where a walk has been.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Some of its fields are still to be looked at: it lies on the way from the root.
    Inside,
    Done,
}

/// An object on the way from the root, and its next field.
struct Step {
    object: ObjectRef,
    count: usize,
    next: usize,
}

fn search(value: Value, labels: Labels) -> HashMap<usize, Option<usize>> {
    let mut found = HashMap::new();
    let mut seen: HashMap<usize, Seen> = HashMap::new();
    let mut way: Vec<Step> = Vec::new();
    let mut at = Some(value);
    loop {
        if let Some((object, count)) = at.and_then(parts) {
            match seen.insert(object.address(), Seen::Inside) {
                None => way.push(Step { object, count, next: 1 }),
                Some(former) => {
                    seen.insert(object.address(), former);
                    if former == Seen::Inside || labels == Labels::Shared {
                        found.insert(object.address(), None);
                    }
                }
            }
        }
        let Some(step) = way.last_mut() else { return found };
        at = (step.next <= step.count).then(|| step.object.field(step.next));
        step.next += 1;
        if at.is_none() {
            seen.insert(step.object.address(), Seen::Done);
            way.pop();
        }
    }
}
