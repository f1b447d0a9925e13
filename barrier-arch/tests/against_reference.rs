//! The assembly against `reference::hit`: every stub of every size class, from every position, with every
//! register watched.

mod support;

use std::sync::Mutex;

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::reference::{self, Memory};
use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
use support::TestStack;
use support::target::{EXACT, landed, return_through};

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

/// A stack with as many barriers as it takes (at most 40), 48 bytes apart; all but `target` lead to a trap.
struct Scene {
    stack: TestStack,
    slots: Vec<usize>,
}

impl Scene {
    fn new(class: SizeClass, spacing: Spacing) -> Scene {
        let stack = TestStack::new(class.bytes(), spacing);
        // The frames need a slot each, and a red zone below the youngest.
        let room = (stack.bars.stack_hi() - stack.bars.base() - 256) / 48;
        let count = stack.bars.capacity().min(40).min(room);
        let lowest = stack.bars.stack_hi() - 48 * count;
        Scene { stack, slots: (0..count).map(|i| lowest + 48 * i).collect() }
    }

    /// All barriers installed, the position moved past the first `skipped`, `target` leading to [`landed`].
    fn set(&self, target: usize, skipped: usize) {
        let bars = &self.stack.bars;
        for (i, &slot) in self.slots.iter().enumerate() {
            Live.store(slot, if i == target { landed as *const () as usize } else { 0xdead });
        }
        // SAFETY: nobody runs on the stack.
        unsafe {
            patch::purge(bars);
            for &slot in &self.slots {
                patch::install(bars, slot).unwrap();
            }
            // The highest stack pointer at which that slot is alive.
            let next = self.slots.get(skipped).map_or(usize::MAX, |&slot| arch::sp_after(slot) - SLOT_BYTES);
            assert_eq!(patch::skip(bars, next), skipped);
        }
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
    fn compare(&self, target: usize, skipped: usize) {
        self.compare_popping(0, target, skipped);
    }

    /// [`Scene::compare`], with a return that pops `more` bytes than usual.
    fn compare_popping(&self, more: usize, target: usize, skipped: usize) {
        self.set(target, skipped);
        let sp = arch::sp_after(self.slots[target]) + more;
        let stub = barrier_arch::Stub::at(Live.load(self.slots[target])).unwrap();
        let pc = reference::hit(stub, sp, &mut Live).unwrap();
        // The trampoline may keep registers where a return has popped more than the slot.
        let slot_stays = !PUSHES && more == 0;
        let expected = self.snapshot(target, slot_stays);
        assert_eq!(pc, landed as *const () as usize);

        self.set(target, skipped);
        // SAFETY: nobody uses the stack, and whoever calls this is alone.
        let registers = unsafe { return_through(self.slots[target], sp) };
        assert_eq!(registers, Ok(()), "registers, barrier {target}");
        let found = self.snapshot(target, slot_stays);
        assert_eq!(found, expected, "array and slot, barrier {target}, {skipped} skipped");
        assert_eq!(self.stack.bars.state(), (target + 1, self.slots.len()));
    }
}

#[test]
fn every_indexed_stub() {
    let _alone = ONE_AT_A_TIME.lock();
    let mut tried = 0;
    for class in SizeClass::all() {
        let scene = Scene::new(class, Spacing::default());
        for target in 0..scene.slots.len() {
            for skipped in 0..=target {
                scene.compare(target, skipped);
                tried += 1;
            }
        }
    }
    assert!(tried > 80 * SizeClass::COUNT, "{tried}");
}

/// `ret 4`, by which a function ends that returns a struct by reference, and `ret 12`.
#[cfg(target_arch = "x86")]
#[test]
fn every_stub_after_a_return_that_pops_arguments_too() {
    let _alone = ONE_AT_A_TIME.lock();
    for (class, spacing) in SizeClass::all().flat_map(|c| [(c, Spacing::default()), (c, Spacing::EveryFrame)])
    {
        let scene = Scene::new(class, spacing);
        for target in 0..scene.slots.len() {
            scene.compare_popping(4, target, target / 2);
            scene.compare_popping(12, target, 0);
        }
    }
}

#[test]
fn every_searching_stub() {
    let _alone = ONE_AT_A_TIME.lock();
    for class in SizeClass::all() {
        let scene = Scene::new(class, Spacing::EveryFrame);
        assert!(scene.slots.len() >= 15);
        for target in 0..scene.slots.len() {
            for skipped in 0..=target {
                scene.compare(target, skipped);
            }
        }
    }
}

#[test]
fn the_reference_notices_a_missing_record() {
    let _alone = ONE_AT_A_TIME.lock();
    for spacing in [Spacing::default(), Spacing::EveryFrame] {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(0, 0);
        let stub = barrier_arch::Stub::at(Live.load(scene.slots[0])).unwrap();
        let below = arch::sp_after(scene.slots[0] - 48);
        let anywhere = [scene.slots[0] + 16, scene.stack.bars.stack_hi()];
        for sp in [below].into_iter().chain(anywhere.into_iter().filter(|_| EXACT)) {
            assert_eq!(reference::hit(stub, sp, &mut Live), Err(reference::Lost { sp }));
        }
    }
}

/// The trampoline must stop the process, with a dump, and not jump to an unknown address.
#[test]
fn the_assembly_stops_at_a_missing_record() {
    for spacing in [Spacing::default(), Spacing::EveryFrame] {
        let scene = Scene::new(SizeClass::of(1 << 16).unwrap(), spacing);
        scene.set(0, 0);
        let stub_pc = Live.load(scene.slots[0]);
        let wrong = scene.slots[0] - 2 * SLOT_BYTES; // no record has this slot, and none is popped
        Live.store(wrong, stub_pc);
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
                let _ = return_through(wrong, arch::sp_after(wrong));
                libc::_exit(0);
            }
            libc::close(pipe[1]);
            let mut status = 0;
            libc::waitpid(child, &mut status, 0);
            let mut text = [0_u8; 4096];
            let n = libc::read(pipe[0], text.as_mut_ptr().cast(), text.len());
            let text = String::from_utf8_lossy(&text[..n.max(0) as usize]);
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGILL, "{status:#x}");
            assert!(
                text.contains(&format!("lost at {:#x}: [", arch::sp_after(wrong))) && text.contains("@@@ *"),
                "{text}"
            );
        }
    }
}
