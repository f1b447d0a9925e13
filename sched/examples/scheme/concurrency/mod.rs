//! Tasks that a program starts, and what they wait for: channels, each other, the clock.
//!
//! ```text
//!   channel-receive, channel-send, join, select, sleep          prelude/concurrency.scm
//!            │ at once, if it can be done
//!            │ else a waiter with a clause for each thing that may happen
//!            ▼
//!   waiter ──▶ clause ──▶ …                                     objects on the heap
//!                │  ▲
//!                ▼  │ in the queue of what it waits for
//!   channel: values, receivers, senders      task: result, joiners
//!            │
//!            ▼
//!   exchange: who waits and who does not, one lock              Rust
//! ```
//!
//! A value goes from task to task through objects on the heap only: the sender stores it in the receiver's waiter, with the write barrier, and
//! unparks the receiver, which holds its waiter by a root of its own (I4: nobody writes into a stack that is not his).
//!
//! # Rules
//!
//! 1. All fields of channels, tasks, waiters and clauses are read and written under the lock of the [`exchange`]. While it is held there is no
//!    allocation and no safepoint: whoever waits for the lock holds a collection up no longer than that.
//! 2. A clause is in at most one queue, and only while its waiter has not fired. Who fires a waiter takes all its clauses out.
//! 3. A task parks in one place, [`wait::finish`], with its waiter in its [`TaskState`](super::runtime::state::TaskState). It may be unparked at any time: only
//!    the waiter says whether it goes on.
//! 4. A task counts as running from before it is queued until it has ended, except while it is listed as blocked. If nobody runs and no
//!    alarm is set, nothing can happen any more: a deadlock.
//! 5. Parameters are those of whoever spawns; handlers, winders and continuations begin anew (rule 6 of the
//!    [continuations](super::continuation)).
//!
//! | file | what |
//! |---|---|
//! | `exchange.rs` | the lock; who is blocked; deadlocks |
//! | `clause.rs` | waiters, clauses and queues as objects |
//! | `channel.rs` | channels |
//! | `wait.rs` | waiting, timeouts |
//! | `tasks.rs` | tasks: their objects, start and end |
//! | `ending.rs` | the end of the program: exit codes, errors that nobody asked for |

pub mod channel;
pub mod clause;
pub mod ending;
pub mod exchange;
pub mod tasks;
#[cfg(test)]
mod tests;
pub mod wait;
