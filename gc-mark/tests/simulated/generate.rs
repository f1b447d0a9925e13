//! Histories by proptest.

use proptest::prelude::*;

use super::life::Event;
use super::op::Op;

/// Histories of up to `length` steps over all operations. Few locals and fields are used, so that they meet.
pub fn histories(length: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 0..length)
}

fn op() -> impl Strategy<Value = Op> {
    let any_shape = 0..64_usize;
    let any_depth = 0..64_usize;
    let local = || 0..4_usize;
    let field = || 0..2_usize;
    prop_oneof![
        6 => any_shape.prop_map(|shape| Op::Call { shape }),
        3 => (1..4_usize).prop_map(|times| Op::Return { times }),
        1 => (1..6_usize).prop_map(|frames| Op::Recover { frames }),
        2 => local().prop_map(|local| Op::New { local }),
        3 => local().prop_map(|local| Op::Take { local }),
        2 => local().prop_map(|local| Op::Put { local }),
        1 => local().prop_map(|local| Op::Clear { local }),
        2 => field().prop_map(|field| Op::Load { field }),
        2 => (local(), field()).prop_map(|(local, field)| Op::Store { local, field }),
        1 => (local(), field()).prop_map(|(local, field)| Op::Cut { local, field }),
        5 => (local(), field()).prop_map(|(local, field)| Op::Grow { local, field }),
        5 => (local(), local(), field()).prop_map(|(to, local, field)| Op::Move { to, local, field }),
        5 => (local(), field()).prop_map(|(local, field)| Op::Pull { local, field }),
        4 => (any_depth.clone(), local()).prop_map(|(depth, local)| Op::StoreUp { depth, local }),
        2 => (any_depth, local(), any::<bool>()).prop_map(|(depth, local, bulk)| Op::Runtime { depth, local, bulk }),
        1 => (0..5_usize).prop_map(|quantum| Op::Mark { quantum }),
    ]
}

/// Lives of up to `length` events.
pub fn lives(length: usize) -> impl Strategy<Value = Vec<Event>> {
    let frames = || 0..8_usize;
    let event = prop_oneof![
        60 => op().prop_map(Event::Mutate),
        3 => (0..64_usize).prop_map(|shape| Event::TailCall { shape }),
        1 => frames().prop_map(|frames| Event::Longjmp { frames }),
        2 => frames().prop_map(|frames| Event::Panic { frames }),
        8 => prop::bool::weighted(0.9).prop_map(|scan| Event::Collect { scan }),
        2 => (14..19_u32).prop_map(|log2| Event::Move { log2 }),
        2 => frames().prop_map(|skip| Event::Profile { skip }),
        2 => (0..64_usize).prop_map(|depth| Event::UnwindBarriers { depth }),
        1 => Just(Event::RemoveBarriers),
        1 => (0..64_usize).prop_map(|shape| Event::EndTask { shape }),
    ];
    prop::collection::vec(event, 0..length)
}

/// Histories that build a deep stack: up to `frames` frames, each with a small tree of its own.
pub fn descents(frames: usize) -> impl Strategy<Value = Vec<Op>> {
    let frame = |shape| {
        [
            Op::Call { shape },
            Op::New { local: 1 },
            Op::Grow { local: 1, field: 0 },
            Op::Grow { local: 1, field: 0 },
            Op::Grow { local: 1, field: 1 },
            Op::Take { local: 1 },
        ]
    };
    prop::collection::vec(0..64_usize, 0..frames)
        .prop_map(move |shapes| shapes.into_iter().flat_map(frame).collect())
}
