//! Sets `cfg(sanitized)` if the crate's code will be instrumented. (`cfg(sanitize)` itself is not stable; nor is instrumenting.)

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(sanitized)");
    if std::env::var_os("CARGO_CFG_SANITIZE").is_some() {
        println!("cargo::rustc-cfg=sanitized");
    }
}
