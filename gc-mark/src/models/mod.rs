//! Model checking of what marking threads share, on the code itself (`ci/models.sh`).

#[cfg(shuttle)]
mod grey;
#[cfg(loom)]
mod receipt;
