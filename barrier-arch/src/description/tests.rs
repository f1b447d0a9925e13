//! The rows against what is known otherwise: arithmetic between fields, and the machine the tests run on.

use super::*;
use std::collections::HashSet;
use std::vec::Vec;

#[test]
fn names_and_targets_belong_to_one_row_each() {
    let mut seen = HashSet::new();
    for &arch in ALL {
        let names: Vec<&str> = arch.aliases.iter().chain([&arch.name]).copied().collect();
        for &name in &names {
            assert!(seen.insert(name), "{name} twice");
            assert_eq!(by_name(name), Some(arch));
        }
        assert!(!arch.rust_targets.is_empty());
        for &triple in arch.rust_targets {
            assert!(seen.insert(triple), "{triple} twice");
            assert_eq!(by_rust_target(triple), Some(arch));
        }
    }
    assert_eq!(by_name("m68k"), None);
    assert_eq!(by_rust_target("m68k-unknown-linux-gnu"), None);
}

#[test]
fn widths_follow_from_each_other() {
    for &arch in ALL {
        assert!(arch.pointer_bytes <= arch.slot_bytes, "{}", arch.name);
        assert!(arch.stack_alignment.is_power_of_two() && arch.stack_alignment % arch.slot_bytes == 0);
        let distances = [arch.return_slot, arch.go_return_slot].map(|slot| match slot {
            ReturnSlot::FromCfa(d) | ReturnSlot::FromFramePointer(d) | ReturnSlot::FromStackPointer(d) => d,
        });
        assert!(distances.iter().all(|d| d.unsigned_abs() % arch.slot_bytes == 0), "{}", arch.name);
        match arch.frame_record {
            FrameRecord::AtFramePointer(bytes) | FrameRecord::BelowFramePointer(bytes) => {
                assert_eq!(bytes, 2 * arch.slot_bytes, "{}", arch.name);
            }
            FrameRecord::AtStackPointer { return_address } => {
                assert!(return_address >= arch.slot_bytes, "{}", arch.name);
            }
        }
    }
}

/// A machine that pushes return addresses finds the word right below the CFA; the others may have it in a
/// register.
#[test]
fn a_slot_is_below_the_cfa_exactly_without_a_link_register() {
    for &arch in ALL {
        let below = ReturnSlot::FromCfa(-(arch.slot_bytes as isize));
        assert_eq!(arch.return_slot == below, arch.link_register.is_none(), "{}", arch.name);
        assert_eq!(arch.go_return_slot == below, !arch.skip_youngest(), "{}", arch.name);
        assert_eq!(arch.go_return_slot == ReturnSlot::FromStackPointer(0), arch.skip_youngest());
    }
}

#[test]
fn no_scratch_register_is_live_at_a_return() {
    for &arch in ALL {
        for scratch in arch.trampoline_scratch {
            assert!(
                !arch.result_registers.contains(scratch) && !arch.callee_saved.contains(scratch),
                "{scratch}"
            );
        }
        // Nothing below the stack pointer to keep registers in, so the step needs some that are dead, or
        // pushes.
        let has_room = arch.red_zone_bytes >= 4 * arch.slot_bytes || !arch.trampoline_scratch.is_empty();
        assert!(has_room || arch.name == "386", "{}", arch.name);
    }
}

#[test]
fn amd64p32_has_wide_slots_and_narrow_pointers() {
    assert_eq!((AMD64P32.pointer_bytes, AMD64P32.slot_bytes), (4, 8));
    assert_eq!(AMD64P32.return_slot, AMD64.return_slot);
    assert!(ALL.iter().all(|a| (a.pointer_bytes == a.slot_bytes) == (a.name != "amd64p32")));
}

#[test]
fn slots_where_prologues_put_them() {
    let frame = FrameRegisters { cfa: 0x1000, fp: 0xf00, sp: 0xe00 };
    let at = |arch: &Architecture| (arch.return_slot.address(frame), arch.go_return_slot.address(frame));
    assert_eq!(at(&ARCH_386), (0xffc, 0xffc));
    assert_eq!(at(&AMD64), (0xff8, 0xff8));
    assert_eq!(at(&AMD64P32), (0xff8, 0xff8));
    assert_eq!(at(&ARM), (0xf04, 0xe00));
    assert_eq!(at(&ARM64), (0xf08, 0xe00));
    assert_eq!(at(&PPC64), (0x1010, 0xe00));
    assert_eq!(at(&S390X), (0x1070, 0xe00));
    // A frame pointer that is the CFA.
    let frame = FrameRegisters { fp: frame.cfa, ..frame };
    assert_eq!([&LOONG64, &RISCV64].map(|arch| arch.return_slot.address(frame)), [0xff8; 2]);
}

#[test]
fn the_hosts_row_agrees_with_the_compiler() {
    let host = host().expect("the crate compiles for described architectures only");
    assert_eq!(host.pointer_bytes, size_of::<usize>());
    let order = if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big };
    assert!(host.byte_order == order || host.byte_order == ByteOrder::Both);
    // x32 and x86-64 have one name there.
    assert!(by_name(std::env::consts::ARCH) == Some(host) || host == &AMD64P32);
}

/// The real prologue of this very function against the row.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_hosts_row_agrees_with_a_real_frame() {
    #[inline(never)]
    fn here() -> [usize; 3] {
        let (sp, fp) = crate::arch::own_frame();
        let FrameRecord::AtFramePointer(bytes) = AMD64.frame_record else { return [0; 3] };
        let slot = AMD64.return_slot.address(FrameRegisters { cfa: fp + bytes, fp, sp });
        // SAFETY: words of this live frame: saved frame pointer and return address.
        unsafe { [*(fp as *const usize), *(slot as *const usize), sp % 8] }
    }
    let (_, own_fp) = crate::arch::own_frame();
    let [saved_fp, return_pc, misaligned] = here();
    assert_eq!((saved_fp, misaligned), (own_fp, 0));
    // Within this function's code, or the closure around it: near, and not in `here`.
    let base = the_hosts_row_agrees_with_a_real_frame as *const () as usize;
    assert!(return_pc.abs_diff(base) < 1 << 16, "{return_pc:#x} is not near {base:#x}");
}
