//! C and C++ for the tests, each compiled with and without frame pointers: `foreign/`. And where there is compiled code: `src/compiled/`.

fn main() {
    println!("cargo::rerun-if-changed=foreign");
    println!("cargo::rustc-check-cfg=cfg(has_compiled_tasks)");
    let of_target = |what| std::env::var(format!("CARGO_CFG_TARGET_{what}")).expect("cargo says so");
    let (arch, pointer_width) = (of_target("ARCH"), of_target("POINTER_WIDTH"));
    if pointer_width == "64" && ["x86_64", "aarch64", "riscv64", "s390x"].contains(&arch.as_str()) {
        println!("cargo::rustc-cfg=has_compiled_tasks");
    }
    // The tests with other people's code are x86-64's.
    if arch == "x86_64" && pointer_width == "64" {
        foreign();
    }
}

fn foreign() {
    // What is set for other people's C would come last, after our own flags.
    // SAFETY: no other thread is there yet.
    unsafe { std::env::remove_var("CFLAGS_x86_64_unknown_linux_gnu") };
    for (suffix, flag) in [("fp", "-fno-omit-frame-pointer"), ("nofp", "-fomit-frame-pointer")] {
        let mut build = cc::Build::new();
        // Ours come last, after whatever RUSTFLAGS asks for.
        build.inherit_rustflags(false).force_frame_pointer(false).opt_level(2).warnings(true);
        build.flag(flag).flag("-fexceptions").flag("-fno-optimize-sibling-calls");
        build.define("NAME(name)", format!("name##_{suffix}").as_str());
        build.clone().file("foreign/frames.c").compile(&format!("frames_{suffix}"));
        build.cpp(true).std("c++17").file("foreign/throw.cpp").compile(&format!("throw_{suffix}"));
    }
}
