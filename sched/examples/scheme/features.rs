//! What this implementation says it has.

/// What `features` and `cond-expand` know.
pub const FEATURES: [&str; 10] = [
    "r7rs",
    "exact-closed",
    "exact-complex",
    "exact-rational",
    "full-unicode",
    "ratios",
    "srfi-69",
    "return-barriers",
    std::env::consts::OS,
    std::env::consts::ARCH,
];
