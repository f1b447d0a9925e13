//! What the heap takes from the host: address space that may be refused, memory that it gives back.

use std::process::Command;

use gc_mark::heap::{HeapConfig, HeapError, MarkSweep};

use crate::cells::{Cells, collect, heap_of, make};

const MIB: usize = 1 << 20;
/// What the process may have of addresses, and a heap that is more.
const ADDRESSES: usize = if usize::BITS == 64 { 2048 * MIB } else { 512 * MIB };
const TOO_LARGE: usize = if usize::BITS == 64 { 8192 * MIB } else { 1024 * MIB };

/// Set in the child process, which runs with little address space.
const CHILD: &str = "GC_MARK_TEST_WITH_RLIMIT_AS";

#[test]
fn a_refused_reservation_is_an_error_with_advice() {
    if std::env::var_os(CHILD).is_some() {
        return little_address_space();
    }
    let test = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {} && exec \"$@\"", ADDRESSES / 1024), "sh"]) // KiB, as RLIMIT_AS
        .arg(test)
        .args(["--exact", "host::a_refused_reservation_is_an_error_with_advice", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed") && said.contains("refused as it should be"), "{said}");
}

fn little_address_space() {
    let heap = |limit_bytes| MarkSweep::new(Cells, HeapConfig { limit_bytes, growth_percent: 100 });
    let error = heap(TOO_LARGE).unwrap_err();
    let HeapError::Map { bytes, .. } = &error else { panic!("{error}") };
    assert!(*bytes > TOO_LARGE);
    for part in [&bytes.to_string(), "address space", "HeapConfig::limit_bytes", "RLIMIT_AS", "ulimit -v"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    // A heap that fits works, in the same process.
    let small = heap(64 * MIB).unwrap();
    assert!(small.alloc(&mut small.cache(), MIB).is_ok());
    println!("refused as it should be: {error}");
}

#[test]
fn memory_beyond_the_next_goal_returns_to_the_host() {
    let heap = heap_of(256 * MIB);
    let mut cache = heap.cache();
    let cells: Vec<_> = (1..=64).map(|id| make(&heap, &mut cache, id, &[], MIB).unwrap()).collect();
    collect(&heap, &cells);
    assert_eq!(heap.stats().discarded_bytes, 0, "all is in use");
    collect(&heap, &[]);
    let stats = heap.stats();
    let kept = stats.goal_bytes + stats.goal_bytes / 8;
    assert!(stats.discarded_bytes.abs_diff(64 * MIB - kept) <= MIB, "{stats:?}");

    // What was discarded reads as zero; what is kept for the next objects was left alone.
    let first_word = |i: usize| {
        // SAFETY: the arena stays mapped while the heap lives.
        unsafe { std::ptr::with_exposed_provenance::<usize>(cells[i].address).read_volatile() }
    };
    assert_ne!(first_word(0), 0);
    assert!((8..64).all(|i| first_word(i) == 0));

    // Given back once, it is not given back again until it was used again.
    collect(&heap, &[]);
    assert_eq!(heap.stats().discarded_bytes, stats.discarded_bytes);
    let again = make(&heap, &mut cache, 1, &[], 32 * MIB).unwrap();
    again.check();
    collect(&heap, &[]);
    assert!(heap.stats().discarded_bytes > stats.discarded_bytes + 20 * MIB);
}
