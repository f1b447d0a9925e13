//! The other tests of this program once more, with the exceptions of Rust, C and C++ unwound by another library than libgcc.
//!
//! The program is run again with the library preloaded: its `_Unwind_…` functions then come before those of libgcc. That they are used is
//! checked inside.

use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

const PRELOADED: &str = "EXCEPTIONS_UNWINDER";

unsafe extern "C" {
    fn _Unwind_RaiseException(exception: *mut c_void) -> i32;
}

/// The file that the unwinder comes from.
fn unwinder() -> PathBuf {
    // SAFETY: zero is a valid value of it.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: any address.
    let found = unsafe { libc::dladdr(_Unwind_RaiseException as *const c_void, &mut info) };
    assert_ne!(found, 0);
    // SAFETY: the loader's string.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    std::fs::canonicalize(name.to_str().unwrap()).unwrap()
}

#[test]
fn the_unwinder_is_the_one_that_was_asked_for() {
    let unwinder = unwinder();
    match std::env::var(PRELOADED) {
        Ok(library) => assert_eq!(unwinder, Path::new(&library)),
        Err(_) => assert!(unwinder.to_str().unwrap().contains("libgcc_s"), "{}", unwinder.display()),
    }
}

/// glibc gets its forced unwinding from libgcc whatever is preloaded, and a mixture of both is not worth looking at.
const NEEDS_LIBGCC: &str = "aborts::pthread_exit";

/// Runs everything else on the first of these libraries that is there.
fn all_on(package: &str, candidates: &[&str]) {
    if std::env::var_os(PRELOADED).is_some() {
        return;
    }
    let library = candidates.iter().find_map(|path| std::fs::canonicalize(path).ok());
    let library =
        library.unwrap_or_else(|| panic!("install {package} (ci/packages.sh does): {candidates:?}"));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--test-threads=1", "--skip", "unwinders::all_tests", "--skip", NEEDS_LIBGCC]);
    let output = command
        .env("LD_PRELOAD", &library)
        .env(PRELOADED, &library)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{text}\n{words}", library.display(), output.status);
    let ran = text.matches("... ok").count();
    assert!(ran > 12 && text.contains("the_unwinder_is_the_one_that_was_asked_for ... ok"), "{text}");
}

/// Other versions, where `ci/packages.sh` unpacks them.
fn unpacked() -> Vec<String> {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/unwinders/usr/lib");
    let files = ["16", "19"].map(|version| format!("{target}/llvm-{version}/lib/libunwind.so.1"));
    files.into_iter().filter(|file| Path::new(file).exists()).collect()
}

#[test]
fn all_tests_on_llvms_libunwind() {
    let installed = ["14", "15", "16", "19"].map(|v| format!("/usr/lib/llvm-{v}/lib/libunwind.so.1"));
    all_on("libunwind-14", &installed.each_ref().map(String::as_str));
    for unpacked in unpacked() {
        println!("{unpacked}");
        all_on("libunwind", &[&unpacked]);
    }
}

/// libunwind of the nongnu project raises exceptions, too.
#[test]
fn all_tests_on_nongnu_libunwind() {
    all_on("libunwind8", &["/usr/lib/x86_64-linux-gnu/libunwind.so.8"]);
}
