//! The assembly against `reference::hit`: every stub of every size class, from every position, with every
//! register watched.
//!
//! In all three modes: on the stacks of each, both kinds of stub are tried, also the kind that an installation would not have chosen there. On
//! a stack without barriers the same returns are made, and nobody may come by the trampoline.

mod support;

use std::sync::Mutex;

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::reference::{self, Memory};
use barrier_arch::{INDEXED_STUBS, Key, SizeClass, Spacing, StkbarSlice, Stub, patch};
use support::target::{EXACT, landed, return_through};
use support::{MODES, TestStack};

/// One at a time: the harness keeps its own stack pointer and what it saw in statics.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Does a searching tail keep registers where the slot was?
const PUSHES: bool = cfg!(target_arch = "arm");

/// The live stack as the reference's memory.
struct Live;

impl Memory for Live {
    fn load(&self, address: usize) -> usize {
        // SAFETY: the reference reads the test stack's array and slot.
        unsafe { (address as *const usize).read() }
    }
    fn store(&mut self, address: usize, word: usize) {
        // SAFETY: as above.
        unsafe { (address as *mut usize).write(word) }
    }
}

/// A kind of stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Indexed,
    Searching,
}

/// A stack with as many barriers as it takes (at most 40), 48 bytes apart; all but `target` lead to a trap. With barriers off, as many
/// return slots without.
struct Scene {
    stack: TestStack,
    slots: Vec<usize>,
}

impl Scene {
    fn new(class: SizeClass, spacing: Spacing) -> Scene {
        let stack = TestStack::new(class.bytes(), spacing);
        // The frames need a slot each, and a red zone below the youngest.
        let room = (stack.bars.stack_hi() - stack.bars.base() - 256) / 48;
        let most = if spacing == Spacing::Off { 40 } else { stack.bars.capacity() };
        let count = most.min(40).min(room);
        let lowest = stack.bars.stack_hi() - 48 * count;
        Scene { stack, slots: (0..count).map(|i| lowest + 48 * i).collect() }
    }

    /// Are there barriers in this mode?
    fn has_barriers(&self) -> bool {
        self.stack.bars.capacity() > 0
    }

    /// All barriers installed, that of `target` of this kind, the position moved past the first `skipped`, `target` leading to [`landed`].
    fn set(&self, kind: Kind, target: usize, skipped: usize) {
        let bars = &self.stack.bars;
        for (i, &slot) in self.slots.iter().enumerate() {
            Live.store(slot, if i == target { landed as *const () as usize } else { 0xdead });
        }
        // SAFETY: nobody runs on the stack.
        unsafe { patch::purge(bars) };
        if !self.has_barriers() {
            // SAFETY: as above.
            let refused = self.slots.iter().all(|&slot| unsafe { patch::install(bars, slot) }.is_err());
            return assert!(refused && bars.is_empty());
        }
        // SAFETY: as above.
        self.slots.iter().for_each(|&slot| unsafe { patch::install(bars, slot) }.unwrap());
        // The highest stack pointer at which that slot is alive.
        let next = self.slots.get(skipped).map_or(usize::MAX, |&slot| arch::sp_after(slot) - SLOT_BYTES);
        // SAFETY: as above.
        assert_eq!(unsafe { patch::skip(bars, next) }, skipped);
        let key = if kind == Kind::Indexed { Key::Index(target as u8) } else { Key::Search };
        Live.store(self.slots[target], Stub::new(bars.class(), key).pc());
    }

    fn snapshot(&self, target: usize, slot_stays: bool) -> Vec<usize> {
        // The header and 48 records, or as many as there are: with a barrier at every frame the array is longer.
        let bars: &StkbarSlice = &self.stack.bars;
        (bars.stack_hi().max(bars.top() - 800)..bars.top())
            .step_by(SLOT_BYTES)
            .chain(slot_stays.then_some(self.slots[target]))
            .map(|a| Live.load(a))
            .collect()
    }

    /// One hit of barrier `target`, by the reference and by the assembly.
    fn compare(&self, kind: Kind, target: usize, skipped: usize) {
        self.compare_popping(0, kind, target, skipped);
    }

    /// [`Scene::compare`], with a return that pops `more` bytes than usual.
    fn compare_popping(&self, more: usize, kind: Kind, target: usize, skipped: usize) {
        self.set(kind, target, skipped);
        let sp = arch::sp_after(self.slots[target]) + more;
        let pc = match Stub::at(Live.load(self.slots[target])) {
            Some(stub) => reference::hit(stub, sp, &mut Live).unwrap(),
            None => Live.load(self.slots[target]),
        };
        // The trampoline may keep registers where a return has popped more than the slot.
        let slot_stays = !PUSHES && more == 0;
        let expected = self.snapshot(target, slot_stays);
        assert_eq!(pc, landed as *const () as usize);

        self.set(kind, target, skipped);
        // SAFETY: nobody uses the stack, and whoever calls this is alone.
        let registers = unsafe { return_through(self.slots[target], sp) };
        assert_eq!(registers, Ok(()), "registers, {kind:?} barrier {target}");
        let found = self.snapshot(target, slot_stays);
        assert_eq!(found, expected, "array and slot, {kind:?} barrier {target}, {skipped} skipped");
        // Without barriers: an ordinary return, which left no trace in the list.
        let due = if self.has_barriers() { (target + 1, self.slots.len()) } else { (0, 0) };
        assert_eq!(self.stack.bars.state(), due);
    }

    /// The stubs of this kind that records of this stack can have.
    fn targets(&self, kind: Kind) -> std::ops::Range<usize> {
        0..if kind == Kind::Indexed { self.slots.len().min(INDEXED_STUBS) } else { self.slots.len() }
    }
}

/// A stack of each class in each mode, one at a time: among 32-bit addresses there is no room for two of the largest.
fn scenes() -> impl Iterator<Item = Scene> {
    SizeClass::all().flat_map(|class| MODES.into_iter().map(move |spacing| Scene::new(class, spacing)))
}

/// Every stub of this kind, of every class, in every mode, from every position. Returns how many returns came by a stub, and how many
/// were ordinary ones.
fn every_stub(kind: Kind) -> (usize, usize) {
    let _alone = ONE_AT_A_TIME.lock();
    let (mut hit, mut ordinary) = (0, 0);
    for scene in scenes() {
        let counter = if scene.has_barriers() { &mut hit } else { &mut ordinary };
        for target in scene.targets(kind) {
            // Nothing can be skipped where there is nothing.
            for skipped in 0..=if scene.has_barriers() { target } else { 0 } {
                scene.compare(kind, target, skipped);
                *counter += 1;
            }
        }
    }
    (hit, ordinary)
}

#[test]
fn every_indexed_stub() {
    let (hit, ordinary) = every_stub(Kind::Indexed);
    assert!(hit > 200 * SizeClass::COUNT && ordinary > 20 * SizeClass::COUNT, "{hit} {ordinary}");
}

/// What is compared in each mode is compared in earnest: on a stack without barriers, too, a register that is not as it should be is noticed.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_wrong_register_is_noticed() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        for target in scene.targets(Kind::Searching) {
            scene.set(Kind::Searching, target, 0);
            // SAFETY: nobody uses the stack.
            let registers =
                unsafe { return_through(scene.slots[target], arch::sp_after(scene.slots[target]) + 8) };
            assert!(registers.is_err(), "the stack pointer is 8 less");
        }
    }
}

/// `ret 4`, by which a function ends that returns a struct by reference, and `ret 12`.
#[cfg(target_arch = "x86")]
#[test]
fn every_stub_after_a_return_that_pops_arguments_too() {
    let _alone = ONE_AT_A_TIME.lock();
    for (class, spacing) in SizeClass::all().flat_map(|c| [(c, Spacing::default()), (c, Spacing::EveryFrame)])
    {
        let scene = Scene::new(class, spacing);
        let kind = if spacing == Spacing::EveryFrame { Kind::Searching } else { Kind::Indexed };
        for target in scene.targets(kind) {
            scene.compare_popping(4, kind, target, target / 2);
            scene.compare_popping(12, kind, target, 0);
        }
    }
}

#[test]
fn every_searching_stub() {
    let (hit, ordinary) = every_stub(Kind::Searching);
    assert!(hit > 200 * SizeClass::COUNT && ordinary > 20 * SizeClass::COUNT, "{hit} {ordinary}");
}

/// Stubs for which the list of the scene has no record wherever it is looked for: of either kind. (Where a slot cannot be told exactly, an indexed stub
/// of an empty list would find words of the stack in the record's place.)
fn without_record(scene: &Scene) -> Vec<Stub> {
    let class = scene.stack.bars.class();
    let kinds = [Key::Search, Key::Index(0)].map(|key| Stub::new(class, key));
    kinds[..if scene.has_barriers() || EXACT { 2 } else { 1 }].to_vec()
}

#[test]
fn the_reference_notices_a_missing_record() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(Kind::Searching, 0, 0);
        for stub in without_record(&scene) {
            let below = arch::sp_after(scene.slots[0] - 48);
            let anywhere = [scene.slots[0] + 16, scene.stack.bars.stack_hi()];
            let all = !scene.has_barriers() || EXACT;
            for sp in [below].into_iter().chain(anywhere.into_iter().filter(|_| all)) {
                assert_eq!(reference::hit(stub, sp, &mut Live), Err(reference::Lost { sp }), "{spacing:?}");
            }
        }
    }
}

/// Returns through `slot` in a child process, which dies or ends with status 0. Its status, and what it said.
fn return_in_a_child(slot: usize) -> (libc::c_int, String) {
    // SAFETY: the child only writes to a pipe, sets a handler and dies.
    unsafe {
        let mut pipe = [0; 2];
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        let child = libc::fork();
        if child == 0 {
            libc::dup2(pipe[1], 2);
            barrier_arch::fatal::set_lost_handler(|sp, bars| {
                let text = format!("stack barrier lost at {sp:#x}: {}", bars.unwrap());
                libc::write(2, text.as_ptr().cast(), text.len());
            });
            let _ = return_through(slot, arch::sp_after(slot));
            libc::_exit(0);
        }
        libc::close(pipe[1]);
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        let mut text = [0_u8; 4096];
        let n = libc::read(pipe[0], text.as_mut_ptr().cast(), text.len());
        libc::close(pipe[0]);
        (status, String::from_utf8_lossy(&text[..n.max(0) as usize]).into_owned())
    }
}

/// The trampoline must stop the process, with a dump, and not jump to an unknown address. An ordinary return in the same place goes
/// through.
#[test]
fn the_assembly_stops_at_a_missing_record() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in MODES {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(Kind::Searching, 0, 0);
        let wrong = scene.slots[0] - 2 * SLOT_BYTES; // no record has this slot, and none is popped
        Live.store(wrong, landed as *const () as usize);
        assert_eq!(return_in_a_child(wrong), (0, String::new()), "{spacing:?}");
        for stub in without_record(&scene) {
            Live.store(wrong, stub.pc());
            let (status, text) = return_in_a_child(wrong);
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGILL, "{status:#x}");
            let said = text.contains(&format!("lost at {:#x}: [", arch::sp_after(wrong)));
            // An empty list has no mark: an indexed stub has set the position before it looks.
            assert!(said && (!scene.has_barriers() || text.contains("@@@ *")), "{spacing:?}: {text}");
        }
    }
}
