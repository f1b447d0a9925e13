//! gdb goes by the unwind tables that it is given: two functions by hand, without frame pointers, whose instructions do not tell where their callers are.

use std::ffi::c_void;
use std::rc::Rc;

use cranelift_codegen::gimli::write::{
    Address, CallFrameInstruction, CommonInformationEntry, EhFrame, EndianVec, FrameDescriptionEntry,
    FrameTable,
};
use cranelift_codegen::gimli::{Encoding, Format, LittleEndian, X86_64};

use super::jit_debug::DebuggerEntry;
use super::known_code::NamedCode;
use crate::scheme::debugger_tests::debugger;

/// Set to "with" or "without" unwind tables.
const MODE: &str = "JIT_TABLES_MODE";

/// `outer`: calls `inner`, which stops in the debugger. Neither begins as gdb expects of a function that has a frame, and rbp is anything.
const CODE: [&[u8]; 2] = [
    &[
        0x53, //                         0  push rbx
        0x55, //                         1  push rbp
        0x48, 0x83, 0xec, 0x38, //       2  sub rsp, 56
        0xbd, 0x34, 0x12, 0x00, 0x00, // 6  mov ebp, 0x1234
        0xe8, 0x07, 0x00, 0x00, 0x00, // 11 call inner
        0x48, 0x83, 0xc4, 0x38, //       16 add rsp, 56
        0x5d, //                         20 pop rbp
        0x5b, //                         21 pop rbx
        0xc3, //                         22 ret
    ],
    &[
        0x48, 0x83, 0xec, 0x28, // 0  sub rsp, 40
        0xcc, //                   4  int3
        0x90, //                   5  nop
        0x48, 0x83, 0xc4, 0x28, // 6  add rsp, 40
        0xc3, //                   10 ret
    ],
];

/// What the frame's size is behind the instructions of `CODE` that change it; where two registers are.
fn rules(function: usize) -> Vec<(u32, CallFrameInstruction)> {
    use CallFrameInstruction::{CfaOffset, Offset, Restore};
    let [outer, inner] = [
        vec![
            (1, CfaOffset(16)),
            (1, Offset(X86_64::RBX, -16)),
            (2, CfaOffset(24)),
            (2, Offset(X86_64::RBP, -24)),
            (6, CfaOffset(80)),
            (20, CfaOffset(24)),
            (21, CfaOffset(16)),
            (21, Restore(X86_64::RBP)),
            (22, CfaOffset(8)),
        ],
        vec![(4, CfaOffset(48)), (10, CfaOffset(8))],
    ];
    [outer, inner][function].clone()
}

/// An `.eh_frame` section about functions that begin at `starts`.
fn tables(starts: [usize; 2]) -> Vec<u8> {
    let encoding = Encoding { format: Format::Dwarf32, version: 1, address_size: 8 };
    let mut common = CommonInformationEntry::new(encoding, 1, -8, X86_64::RA);
    common.add_instruction(CallFrameInstruction::Cfa(X86_64::RSP, 8));
    common.add_instruction(CallFrameInstruction::Offset(X86_64::RA, -8));
    let mut table = FrameTable::default();
    let common = table.add_cie(common);
    for (function, start) in starts.into_iter().enumerate() {
        let mut entry =
            FrameDescriptionEntry::new(Address::Constant(start as u64), CODE[function].len() as u32);
        for (offset, rule) in rules(function) {
            entry.add_instruction(offset, rule);
        }
        table.add_fde(common, entry);
    }
    let mut section = EhFrame(EndianVec::new(LittleEndian));
    table.write_eh_frame(&mut section).expect("gimli writes it");
    [section.0.into_vec(), vec![0; 4]].concat()
}

/// A page with the code in it.
fn page() -> *mut u8 {
    let (all, none) =
        (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, wherever there is room.
    let page = unsafe { libc::mmap(std::ptr::null_mut::<c_void>(), 4096, all, none, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    let bytes = CODE.concat();
    // SAFETY: fits into the page, which is nobody else's.
    unsafe { page.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    page.cast()
}

/// Rust that calls `outer`: what a debugger must find above it.
#[inline(never)]
fn calls_outer(outer: extern "C" fn()) -> usize {
    outer();
    std::hint::black_box(1)
}

/// What gdb runs; without it, nothing.
#[test]
fn inferior() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let page = page();
    let starts = [page as usize, page as usize + CODE[0].len()];
    let named = |function: usize, name: &str| NamedCode {
        name: Rc::from(name),
        code: starts[function]..starts[function] + CODE[function].len(),
        source: None,
    };
    let frames = if mode == "with" { tables(starts) } else { vec![0; 4] };
    let entry = DebuggerEntry::new(&[named(0, "outer"), named(1, "inner")], &frames).expect("an image");
    // SAFETY: code that keeps the C ABI.
    let outer = unsafe { std::mem::transmute::<*mut u8, extern "C" fn()>(page) };
    assert_eq!(calls_outer(outer), 1);
    drop(entry);
}

const STEP: &str = r#"
def frames():
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        found.append(frame.name() or "?")
        frame = frame.older()
    return found

def callers_are_right(names):
    rust = [i for i, name in enumerate(names) if "calls_outer" in name]
    return bool(rust) and names[:rust[0]] in (["inner", "outer"], ["outer"])

gdb.execute("run")
right = wrong = 0
while gdb.newest_frame().name() in ("inner", "outer"):
    good = callers_are_right(frames())
    right += good
    wrong += not good
    gdb.execute("stepi", to_string=True)
print("RIGHT", right, "WRONG", wrong)
gdb.execute("delete"); gdb.execute("continue")
"#;

#[test]
fn gdb_unwinds_by_the_tables_and_not_by_the_instructions() {
    let program = std::env::current_exe().expect("this program");
    let test = "scheme::codegen::jit_debug_tests::inferior";
    let arguments =
        ["--args", program.to_str().expect("UTF-8"), "--exact", test, "--nocapture", "--test-threads=1"];
    let seen = |mode| debugger::gdb(&arguments, (MODE, mode), STEP);
    let (Some(with), Some(without)) = (seen("with"), seen("without")) else { return };
    // At the nop, two instructions of `inner`, and four of `outer`.
    assert!(with.contains("RIGHT 7 WRONG 0"), "{with}");
    assert!(without.contains("RIGHT ") && !without.contains("WRONG 0"), "{without}");
    assert!(with.contains("exited normally") && without.contains("exited normally"), "{with}{without}");
}
