//! The rows of the table in `description.rs`, one constant per architecture.

use super::{Architecture, ByteOrder, DwarfNumbers, FrameRecord, ReturnSlot};

/// Intel 386, called `386` by Go.
#[cfg(any(feature = "arch-386", target_arch = "x86"))]
pub const ARCH_386: Architecture = Architecture {
    name: "386",
    aliases: &["x86", "i386", "i686"],
    rust_targets: &["i686-unknown-linux-gnu", "i686-unknown-linux-musl", "i586-unknown-linux-gnu"],
    pointer_bytes: 4,
    slot_bytes: 4,
    byte_order: ByteOrder::Little,
    link_register: None,
    return_slot: ReturnSlot::FromCfa(-4),
    go_return_slot: ReturnSlot::FromCfa(-4),
    frame_record: FrameRecord::AtFramePointer(8),
    // A function that returns a struct by reference ends in `ret 4`: it pops the hidden argument, too.
    return_may_pop_more: true,
    stack_alignment: 16,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 8, pc: Some(8), sp: 4, fp: 5 },
    result_registers: &["eax", "edx", "st(0)", "st(1)", "mm0", "xmm0", "ymm0", "zmm0"],
    callee_saved: &["ebx", "esi", "edi", "ebp", "esp", "x87 control word", "mxcsr control bits"],
    trampoline_scratch: &[],
    abi: "System V ABI, Intel386 Architecture Processor Supplement, version 1.1",
};

/// x86-64.
#[cfg(any(feature = "arch-amd64", feature = "arch-amd64p32", target_arch = "x86_64"))]
pub const AMD64: Architecture = Architecture {
    name: "amd64",
    aliases: &["x86_64"],
    rust_targets: &["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Little,
    link_register: None,
    return_slot: ReturnSlot::FromCfa(-8),
    go_return_slot: ReturnSlot::FromCfa(-8),
    frame_record: FrameRecord::AtFramePointer(16),
    return_may_pop_more: false,
    stack_alignment: 16,
    red_zone_bytes: 128,
    dwarf: DwarfNumbers { return_address: 16, pc: Some(16), sp: 7, fp: 6 },
    result_registers: &["rax", "rdx", "xmm0", "xmm1", "ymm0", "zmm0", "st(0)", "st(1)"],
    callee_saved: &[
        "rbx",
        "rbp",
        "rsp",
        "r12",
        "r13",
        "r14",
        "r15",
        "x87 control word",
        "mxcsr control bits",
    ],
    // None: Rust and Cranelift return in more registers, and `gcc -fipa-ra` keeps values in r10 and r11.
    trampoline_scratch: &[],
    abi: "System V ABI, AMD64 Architecture Processor Supplement, version 1.0",
};

/// x86-64 with 32-bit pointers: Go's name for it under Native Client, x32 on Linux.
///
/// Calls push 64 bits, pointers have 32: the two widths must not be mixed up.
#[cfg(any(feature = "arch-amd64p32", all(target_arch = "x86_64", target_pointer_width = "32")))]
pub const AMD64P32: Architecture = Architecture {
    name: "amd64p32",
    aliases: &["x32"],
    rust_targets: &["x86_64-unknown-linux-gnux32"],
    pointer_bytes: 4,
    abi: "System V ABI, AMD64 Architecture Processor Supplement, version 1.0, ILP32 chapter",
    ..AMD64
};

/// 32-bit Arm, A32 and T32 code.
///
/// Bit 0 of a return address says that the caller is T32 code. In A32 code the frame pointer is r11, in T32
/// code r7.
#[cfg(any(feature = "arch-arm", target_arch = "arm"))]
pub const ARM: Architecture = Architecture {
    name: "arm",
    aliases: &["armv7", "thumbv7"],
    rust_targets: &[
        "armv7-unknown-linux-gnueabihf",
        "armv7-unknown-linux-gnueabi",
        "thumbv7neon-unknown-linux-gnueabihf",
        "arm-unknown-linux-gnueabihf",
    ],
    pointer_bytes: 4,
    slot_bytes: 4,
    byte_order: ByteOrder::Little,
    link_register: Some("lr"),
    return_slot: ReturnSlot::FromFramePointer(4),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::AtFramePointer(8),
    return_may_pop_more: false,
    stack_alignment: 8,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 14, pc: Some(15), sp: 13, fp: 11 },
    result_registers: &["r0", "r1", "r2", "r3", "d0", "d1", "d2", "d3", "q0", "q1", "q2", "q3"],
    callee_saved: &[
        "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "sp", "d8", "d9", "d10", "d11", "d12", "d13",
        "d14", "d15",
    ],
    trampoline_scratch: &["r12", "lr"],
    abi: "Procedure Call Standard for the Arm Architecture (AAPCS32)",
};

/// 64-bit Arm, called `arm64` by Go.
#[cfg(any(feature = "arch-arm64", target_arch = "aarch64"))]
pub const ARM64: Architecture = Architecture {
    name: "arm64",
    aliases: &["aarch64"],
    rust_targets: &["aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Little,
    link_register: Some("x30"),
    return_slot: ReturnSlot::FromFramePointer(8),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::AtFramePointer(16),
    return_may_pop_more: false,
    stack_alignment: 16,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 30, pc: Some(32), sp: 31, fp: 29 },
    result_registers: &[
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
    ],
    callee_saved: &[
        "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "sp", "d8", "d9", "d10",
        "d11", "d12", "d13", "d14", "d15",
    ],
    // The linker's veneers may use x16 and x17 at any branch, and a return has used up x30.
    trampoline_scratch: &["x16", "x17", "x30"],
    abi: "Procedure Call Standard for the Arm 64-bit Architecture (AAPCS64)",
};

/// 64-bit PowerPC, either byte order: Go's `ppc64` and `ppc64le`, `ppc64x` for both.
///
/// A function stores the return address in its *caller's* frame, so the slot lies above the CFA. r2 is the
/// caller's table of contents, and a trampoline is returned to: it may neither use r12 as its own address
/// nor touch r2.
#[cfg(any(feature = "arch-ppc64", target_arch = "powerpc64"))]
pub const PPC64: Architecture = Architecture {
    name: "ppc64",
    aliases: &["ppc64le", "ppc64x", "powerpc64"],
    rust_targets: &["powerpc64-unknown-linux-gnu", "powerpc64le-unknown-linux-gnu"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Both,
    link_register: Some("lr"),
    return_slot: ReturnSlot::FromCfa(16),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::AtStackPointer { return_address: 16 },
    return_may_pop_more: false,
    stack_alignment: 16,
    red_zone_bytes: 288,
    dwarf: DwarfNumbers { return_address: 65, pc: None, sp: 1, fp: 31 },
    result_registers: &[
        "r3", "r4", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
        "v9",
    ],
    callee_saved: &["r1", "r2", "r13", "r14-r31", "f14-f31", "v20-v31", "cr2", "cr3", "cr4", "vrsave"],
    trampoline_scratch: &["r0", "r11", "r12", "ctr", "lr"],
    abi: "64-bit PowerPC ELF ABI Supplement 1.9 (ELFv1); Power Architecture 64-bit ELF V2 ABI 1.5 (ELFv2)",
};

/// z/Architecture in 64-bit mode.
///
/// A function stores the registers that it must preserve in its *caller's* frame, the return address among them. What
/// unwinders there call the CFA is the stack pointer plus 160; here it is the caller's stack pointer, as everywhere.
#[cfg(any(feature = "arch-s390x", target_arch = "s390x"))]
pub const S390X: Architecture = Architecture {
    name: "s390x",
    aliases: &[],
    rust_targets: &["s390x-unknown-linux-gnu", "s390x-unknown-linux-musl"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Big,
    link_register: Some("r14"),
    return_slot: ReturnSlot::FromCfa(112),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::AtStackPointer { return_address: 112 },
    return_may_pop_more: false,
    stack_alignment: 8,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 14, pc: Some(65), sp: 15, fp: 11 },
    result_registers: &["r2", "r3", "r4", "r5", "f0", "f2", "f4", "f6", "v24", "v26", "v28", "v30"],
    callee_saved: &[
        "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r15", "f8", "f9", "f10", "f11", "f12", "f13",
        "f14", "f15",
    ],
    // What else it needs it keeps in the area for registers, which is dead after a return.
    trampoline_scratch: &["r14"],
    abi: "ELF Application Binary Interface, s390x Supplement, version 1.6",
};

/// 64-bit LoongArch with double-precision floating point, called `loong64` by Go.
///
/// The frame pointer is the stack pointer at the function's entry: its CFA, but for the register arguments that a variadic function
/// stores above.
#[cfg(any(feature = "arch-loong64", target_arch = "loongarch64"))]
pub const LOONG64: Architecture = Architecture {
    name: "loong64",
    aliases: &["loongarch64"],
    rust_targets: &["loongarch64-unknown-linux-gnu", "loongarch64-unknown-linux-musl"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Little,
    link_register: Some("ra"),
    return_slot: ReturnSlot::FromFramePointer(-8),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::BelowFramePointer(16),
    return_may_pop_more: false,
    stack_alignment: 16,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 1, pc: None, sp: 3, fp: 22 },
    result_registers: &["a0", "a1", "fa0", "fa1", "vr0", "vr1", "xr0", "xr1"],
    callee_saved: &[
        "sp", "fp", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "fs0", "fs1", "fs2", "fs3", "fs4",
        "fs5", "fs6", "fs7",
    ],
    // `gcc -fipa-ra` keeps values in the temporaries.
    trampoline_scratch: &["ra"],
    abi: "Application Binary Interface for the LoongArch Architecture, LP64D",
};

/// 64-bit RISC-V with double-precision floating point.
///
/// The frame pointer is the stack pointer at the function's entry: its CFA, but for the register arguments that a variadic function
/// stores above.
#[cfg(any(feature = "arch-riscv64", target_arch = "riscv64"))]
pub const RISCV64: Architecture = Architecture {
    name: "riscv64",
    aliases: &["riscv64gc", "rv64gc"],
    rust_targets: &["riscv64gc-unknown-linux-gnu", "riscv64gc-unknown-linux-musl"],
    pointer_bytes: 8,
    slot_bytes: 8,
    byte_order: ByteOrder::Little,
    link_register: Some("ra"),
    return_slot: ReturnSlot::FromFramePointer(-8),
    go_return_slot: ReturnSlot::FromStackPointer(0),
    frame_record: FrameRecord::BelowFramePointer(16),
    return_may_pop_more: false,
    stack_alignment: 16,
    red_zone_bytes: 0,
    dwarf: DwarfNumbers { return_address: 1, pc: None, sp: 2, fp: 8 },
    result_registers: &["a0", "a1", "fa0", "fa1", "v8-v23"],
    callee_saved: &[
        "sp", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "fs0", "fs1", "fs2",
        "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11",
    ],
    // `gcc -fipa-ra` keeps values in the temporaries, t0 may be a second link register.
    trampoline_scratch: &["ra"],
    abi: "RISC-V ABIs Specification 1.0, LP64D",
};
