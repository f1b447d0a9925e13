//! Unwind tables as a stepper: of this very program, and tables that are none.
#![cfg(all(feature = "cfi", not(target_arch = "arm"), target_os = "linux"))]

#[path = "common/task.rs"]
mod task;

use core::ffi::{c_int, c_void};

use barrier_arch::Spacing;
use barrier_arch::arch::SigningKey;
use barrier_arch::description::{self, DwarfNumbers, FrameRecord};
use task::Task;
use unwind_walk::cfi::{BadTable, UnwindTables};
use unwind_walk::{FirstOf, Registers};
use unwind_walk::{Frame, FramePointers, Step, StepError, Unwind};

fn tables() -> UnwindTables<'static> {
    // SAFETY: nothing is unloaded.
    unsafe { UnwindTables::of_this_process() }
}

/// All code here keeps frame pointers, so both steppers must find the same, as far as the chain says it.
#[test]
fn tables_and_frame_pointers_agree() {
    let mut task = Task::new(Spacing::Off, task::descend);
    task.resume();
    let [by_tables, by_chain] = [task.walk(&tables(), true), task.walk(&FramePointers, true)];
    let record = description::host().unwrap().frame_record;
    // A frame record on AArch64 does not say where its frame ends, and a back chain nothing of the frame pointer; nor does a chain say what it is in the
    // outermost frame.
    let (exact, has_fp) =
        (!cfg!(target_arch = "aarch64"), !matches!(record, FrameRecord::AtStackPointer { .. }));
    let of = |frame: &Frame| {
        let caller = frame.caller.map(|caller| (caller.return_slot, caller.return_pc));
        (frame.pc, caller, exact.then_some(frame.sp), caller.filter(|_| has_fp).map(|_| frame.fp))
    };
    assert_eq!(by_tables.len(), by_chain.len());
    for (by_tables, by_chain) in by_tables.iter().zip(&by_chain) {
        assert_eq!(of(by_tables), of(by_chain), "{by_tables} {by_chain}");
    }
}

#[test]
fn a_recursion_is_walked_by_tables_between_its_returns_through_barriers() {
    task::returns_through_barriers(&tables());
    task::returns_through_barriers(&FirstOf(tables(), FramePointers));
}

/// Frames ([`task::Frames`]) that call each other by way of the C library, which keeps no frame pointers and no back chain.
extern "C" fn by_way_of_c(task: *mut Task, depth: usize) -> usize {
    struct Level {
        task: *mut Task,
        depth: usize,
        below: usize,
    }
    extern "C" fn compare(level: *const c_void, _: *const c_void) -> c_int {
        // SAFETY: the key below, which nobody else looks at meanwhile.
        let level = unsafe { &mut *level.cast_mut().cast::<Level>() };
        level.below = by_way_of_c(level.task, level.depth);
        0
    }
    if depth == 0 {
        task::pause(task);
        return 0;
    }
    let mut level = Level { task, depth: depth - 1, below: 0 };
    let key = (&raw mut level).cast::<c_void>();
    // SAFETY: an array of one byte, in which the first that is looked at is found.
    let found = unsafe { libc::bsearch(key, key, 1, 1, Some(compare)) };
    assert_eq!(found, key);
    level.below + depth
}

#[test]
fn frames_of_the_c_library_are_walked_and_returned_from_through_barriers() {
    let tables = tables();
    let every = 3 * task::DEPTH;
    for (spacing, least) in [(Spacing::Off, 0), (Spacing::default(), 3), (Spacing::EveryFrame, every)] {
        let mut task = Task::new(spacing, by_way_of_c);
        task.resume();
        let before = task.walk(&tables, true);
        assert_eq!(
            before.len(),
            1 + (3 * task::DEPTH + 1) + 2,
            "pause, three for each depth, enter, the outermost"
        );
        let calls = |frame: &Frame| frame.pc == before[2].pc;
        assert_eq!(
            before.iter().filter(|frame| calls(frame)).count(),
            task::DEPTH,
            "each waits in the same place"
        );
        let count = task.install(&tables, spacing);
        let after = task.walk(&tables, true);
        assert!(after.iter().map(Frame::registers).eq(before.iter().map(Frame::registers)));
        assert_eq!(after.iter().filter_map(Frame::barrier).count(), count);
        assert!(count >= least, "{count} barriers");
        task.resume();
        assert_eq!(task.result, task::DEPTH * (task::DEPTH + 1) / 2);
    }
}

#[test]
fn code_without_a_table_is_unknown() {
    let tables = tables();
    let nothing = |_: usize| -> Option<usize> { None };
    for pc in [0, 1, 0x1000, usize::MAX] {
        let registers = Registers { pc, sp: 0, fp: 0 };
        let unknown: Result<Step, _> = Err(StepError::Unknown(pc));
        assert_eq!(tables.step(&registers, &nothing), unknown);
        assert_eq!(tables.step_interrupted(&registers, &nothing), unknown);
        assert_eq!(tables.signing(pc), None);
    }
    assert!(tables.code().all(|text| !text.is_empty()));
    assert!(tables.code().any(|text| text.contains(&task::code_of(task::descend as *const ()))));
}

/// At its first instruction a function's return address is in the link register, if there is one.
#[test]
fn a_return_address_in_a_register_is_said_to_be_there() {
    let pc = task::code_of(task::descend as *const ());
    let registers = Registers { pc, sp: 0x1000, fp: 0x2000 };
    let step = tables().step_interrupted(&registers, &|_: usize| None);
    match description::host().unwrap().link_register {
        Some(_) => assert_eq!(step, Err(StepError::InRegister(pc))),
        None => {
            let slot = 0x1000;
            let cfa = slot + barrier_arch::arch::SLOT_BYTES;
            assert_eq!(step, Ok(Step::Caller { cfa, return_slot: slot, fp: 0x2000 }));
        }
    }
}

/// A section with a CIE of that augmentation and, if there is one, the entry of a function of 64 bytes which starts `code` bytes above that entry, and has
/// these rules.
fn section(augmentation: &[u8], function: Option<(i32, &[u8])>) -> Vec<u8> {
    let entry = |mut body: Vec<u8>| {
        body.resize(body.len().next_multiple_of(4), 0);
        [&(body.len() as u32).to_ne_bytes(), &*body].concat()
    };
    let (sp, pc) = (DWARF.sp as u8, DWARF.return_address as u8);
    // Id 0, version 1, alignment factors 4 and -8, return address, one byte of data: addresses are relative, of four bytes. CFA = sp.
    let cie = entry([&[0, 0, 0, 0, 1], augmentation, &[0, 4, 0x78, pc, 1, 0x1b], &[0x0c, sp, 0]].concat());
    let fde = |(code, rules): (i32, &[u8])| {
        let back = cie.len() as u32 + 4;
        let words = [back.to_ne_bytes(), (code - 8).to_ne_bytes(), 64_u32.to_ne_bytes()];
        entry([words.as_flattened(), &[0], rules].concat())
    };
    [cie.clone(), function.map_or(Vec::new(), fde), vec![0; 4]].concat()
}

const DWARF: DwarfNumbers = description::host().unwrap().dwarf;

/// An expression may ask for fewer bytes than a word has; those lie as this machine's byte order has them.
#[test]
fn parts_of_words_are_loaded() {
    const WORD: usize = size_of::<usize>();
    let (sp, memory) = (0x1000, core::array::from_fn::<u8, { 2 * WORD }, _>(|i| i as u8 + 1));
    let read = |address: usize| {
        memory.as_chunks().0.get((address - sp) / WORD).map(|&word| usize::from_ne_bytes(word))
    };
    for (offset, size) in (0..WORD).flat_map(|offset| [1, 2, 4, 8].map(|size| (offset, size))) {
        // The CFA is what deref_size loads from that distance above sp; the return address is saved 8 bytes below.
        let loads = [0x0f, 4, 0x70 + DWARF.sp as u8, offset as u8, 0x94, size as u8];
        let saved = [0x05, DWARF.return_address as u8, 1];
        let section = section(b"zR", Some((1000, &[&loads[..], &saved].concat())));
        let mut tables = UnwindTables::new();
        tables.add_code(&section).unwrap();
        let pc = tables.code().next().unwrap().start + 1;
        let slot = match tables.step(&Registers { pc, sp, fp: 0 }, &read) {
            Ok(Step::Caller { return_slot, .. }) => Some(return_slot),
            refused => (assert_eq!(refused, Err(StepError::Unknown(pc))), None).1,
        };
        let cfa = (offset + size <= WORD).then(|| {
            let mut word = [0; WORD];
            let first = if cfg!(target_endian = "big") { WORD - size } else { 0 };
            word[first..][..size].copy_from_slice(&memory[offset..][..size]);
            usize::from_ne_bytes(word)
        });
        assert_eq!(slot, cfa.map(|cfa| cfa.wrapping_sub(8)), "{size} bytes at {offset}");
    }
}

#[test]
fn what_is_no_table_is_refused() {
    static NOTHING: [u8; 4] = [0; 4];
    static NONSENSE: [u8; 16] = [12, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];
    let sections = [b"zR", b"zX"].map(|augmentation| section(augmentation, None));
    let mut tables = UnwindTables::new();
    assert!(matches!(tables.add_code(&sections[0]), Err(BadTable::Empty(_))));
    assert!(matches!(tables.add_code(&sections[1]), Err(BadTable::Unparsable(..))));
    assert!(matches!(tables.add_code(&NOTHING), Err(BadTable::Empty(_))));
    assert!(matches!(tables.add_code(&NONSENSE), Err(BadTable::Unparsable(..))));
    assert_eq!(tables.code().count(), 0, "nothing was added");
}

/// AArch64's `B`, wherever it stands, says which key; elsewhere it says nothing that is known.
#[test]
fn the_key_is_in_the_augmentation() {
    const SIGNED_BEHIND_THE_FIRST_INSTRUCTION: [u8; 2] = [0x41, 0x2d];
    for (augmentation, key) in [("zR", SigningKey::A), ("zRB", SigningKey::B), ("zBR", SigningKey::B)] {
        let section = section(augmentation.as_bytes(), Some((1000, &SIGNED_BEHIND_THE_FIRST_INSTRUCTION)));
        let mut tables = UnwindTables::new();
        let added = tables.add_code(&section);
        if cfg!(target_arch = "aarch64") {
            assert_eq!(added, Ok(()));
            let text = tables.code().next().unwrap();
            let signed: Vec<_> = text.clone().map(|pc| tables.signing(pc)).collect();
            assert_eq!(signed, [vec![None; 4], vec![Some(key); 60]].concat());
            assert!(section.as_ptr_range().contains(&((text.start - 1000) as *const u8)));
        } else {
            assert_eq!(added.is_ok(), key == SigningKey::A);
        }
    }
}
