//! What can go wrong with the reference heap: the caller asked for too much, or the host gave too little.

use std::io;

/// Why the heap could not be made, or could not serve a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeapError {
    /// No room below the limit, even after everything unmarked was swept. Nothing is lost: when a collection
    /// has freed something, allocation works again.
    #[error(
        "heap limit of {limit} bytes reached: {requested} bytes requested with {in_use} bytes in use; \
         drop references and collect, or raise HeapConfig::limit_bytes"
    )]
    Limit {
        /// The limit, in bytes: [`HeapConfig::limit_bytes`](super::HeapConfig::limit_bytes) rounded up to whole blocks.
        limit: usize,
        /// What was asked for, in bytes.
        requested: usize,
        /// Bytes in blocks that hold at least one object or belong to an allocation cache.
        in_use: usize,
    },
    /// The host refused the address space for the arena or its tables.
    #[error(
        "cannot reserve {bytes} bytes of address space for the heap: {source}; \
         lower HeapConfig::limit_bytes, or raise RLIMIT_AS (`ulimit -v`)"
    )]
    Map {
        /// Size of the mapping that was refused.
        bytes: usize,
        /// What the host said.
        source: io::Error,
    },
    /// The limit in the configuration is zero, or more than the block tables can number.
    #[error("heap limit of {limit} bytes is out of range; choose one from 1 to {max} bytes", max = super::arena::MAX_BYTES)]
    BadLimit {
        /// The limit that was asked for.
        limit: usize,
    },
}
