//! Model checking of what the scheduler's threads share, on the code itself (`ci/models.sh`).

#[cfg(loom)]
mod claim;
#[cfg(loom)]
mod dirty_list;
#[cfg(shuttle)]
mod gate;
#[cfg(shuttle)]
mod runtime;
