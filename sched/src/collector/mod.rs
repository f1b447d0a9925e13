//! The collector: a thread of its own that runs cycles when somebody asks.
//!
//! | file | what |
//! |---|---|
//! | `cycle.rs` | one cycle, concurrent or with the world stopped |
//! | `compare.rs` | the oracle that watches for missing write barriers, if asked for |
//! | `errand.rs` | its share that workers do, at a task's safepoint |
//! | `markers.rs` | threads that help marking |
//! | `stats.rs` | what each cycle did |
//! | `fatal.rs` | the end, when an invariant is broken |

mod compare;
mod cycle;
pub(crate) mod errand;
pub(crate) mod fatal;
pub(crate) mod markers;
pub(crate) mod stats;

use std::sync::Arc;

use crate::language::Language;
use crate::shared::Shared;
use cycle::Collector;

/// The life of the collector's thread.
pub(crate) fn run<L: Language>(shared: &Arc<Shared<L>>) {
    let mut collector = Collector::new(shared);
    while shared.requests.next() {
        let cycle =
            if shared.modes.stop_the_world { Some(collector.stopped()) } else { collector.concurrent() };
        let Some(stats) = cycle else { return };
        if shared.modes.trace {
            eprintln!("{stats}");
        }
        shared.log.add(stats);
        shared.requests.serve();
    }
}
