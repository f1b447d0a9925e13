//! libunwind, of both families, by its own interface: `unw_init_local`, `unw_step`, `unw_get_reg`.

use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::transmute;

use crate::{ONE_EACH, Trace, same_frames};

/// DWARF's number of the instruction pointer in nongnu's libunwind on x86-64.
const NONGNU_IP: c_int = 16;
/// LLVM's.
const LLVM_IP: c_int = -1;

type GetContext = unsafe extern "C" fn(*mut c_void) -> c_int;
type Init = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
type Step = unsafe extern "C" fn(*mut c_void) -> c_int;
type GetReg = unsafe extern "C" fn(*mut c_void, c_int, *mut usize) -> c_int;

/// The interface of one libunwind. Loaded at run time: both families cannot be linked.
#[derive(Clone, Copy)]
struct Unw {
    get_context: GetContext,
    init: Init,
    step: Step,
    get_reg: GetReg,
    ip: c_int,
}

fn load(candidates: &[&CStr], package: &str, names: [&CStr; 4], ip: c_int) -> Unw {
    // SAFETY: libraries without surprises in their constructors.
    let open = |path: &&CStr| unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    let library = candidates.iter().map(open).find(|handle| !handle.is_null());
    let library =
        library.unwrap_or_else(|| panic!("install {package} (ci/packages.sh does): {candidates:?}"));
    let symbol = |name: &CStr| {
        // SAFETY: a loaded library and a C string.
        let address = unsafe { libc::dlsym(library, name.as_ptr()) };
        assert!(!address.is_null(), "{name:?}");
        address
    };
    let [get_context, init, step, get_reg] = names.map(symbol);
    // SAFETY: these functions have these types.
    unsafe {
        Unw {
            get_context: transmute::<*mut c_void, GetContext>(get_context),
            init: transmute::<*mut c_void, Init>(init),
            step: transmute::<*mut c_void, Step>(step),
            get_reg: transmute::<*mut c_void, GetReg>(get_reg),
            ip,
        }
    }
}

/// Larger than either family's context and cursor.
#[repr(align(16))]
struct Room([usize; 512]);

#[inline(never)]
fn trace(unw: Unw) -> Trace {
    let (mut context, mut cursor, mut seen) = (Room([0; 512]), Room([0; 512]), Vec::new());
    let (context, cursor) = (context.0.as_mut_ptr().cast(), cursor.0.as_mut_ptr().cast());
    // SAFETY: enough room, and this frame lives as long as the cursor.
    unsafe {
        assert_eq!((unw.get_context)(context), 0);
        assert_eq!((unw.init)(cursor, context), 0);
        while (unw.step)(cursor) > 0 && seen.len() < 1000 {
            let mut pc = 0;
            assert_eq!((unw.get_reg)(cursor, unw.ip, &mut pc), 0);
            seen.push(pc);
        }
    }
    seen
}

#[test]
fn libunwind_of_the_nongnu_project() {
    let names = [c"_Ux86_64_getcontext", c"_ULx86_64_init_local", c"_ULx86_64_step", c"_ULx86_64_get_reg"];
    let unw = load(&[c"libunwind.so.8"], "libunwind8", names, NONGNU_IP);
    same_frames("nongnu libunwind", ONE_EACH, &mut |_| trace(unw));
}

#[test]
fn libunwind_of_llvm() {
    let names = [c"unw_getcontext", c"unw_init_local", c"unw_step", c"unw_get_reg"];
    let candidates = [
        c"/usr/lib/llvm-14/lib/libunwind.so.1",
        c"/usr/lib/llvm-16/lib/libunwind.so.1",
        c"/usr/lib/llvm-19/lib/libunwind.so.1",
    ];
    let unw = load(&candidates, "libunwind-14", names, LLVM_IP);
    same_frames("LLVM libunwind", ONE_EACH, &mut |_| trace(unw));
    // Other versions, where `ci/packages.sh` unpacks them.
    for version in ["16", "19"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/unwinders/usr/lib");
        let path = CString::new(format!("{path}/llvm-{version}/lib/libunwind.so.1")).unwrap();
        if std::path::Path::new(path.to_str().unwrap()).exists() {
            let unw = load(&[&path], "libunwind", names, LLVM_IP);
            same_frames(&format!("LLVM libunwind {version}"), ONE_EACH, &mut |_| trace(unw));
        }
    }
}
