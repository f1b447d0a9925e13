//! The function of the outermost frame of every stack that `barrier_arch` prepares: unwind tables lead on from there, to the stack that resumed it,
//! where a walk of one stack must end.

use barrier_arch::arch;

/// More than the function has bytes up to the return address of its one call.
#[cfg(all(feature = "framehop", target_arch = "x86_64"))]
const BYTES: usize = 16;

/// Where a stack that has been prepared starts to run: the function's first byte.
pub(crate) fn address() -> usize {
    extern "C" fn never(_: usize) -> ! {
        arch::trap()
    }
    #[repr(align(16))]
    struct Scratch([usize; 128]);
    let mut scratch = Scratch([0; 128]);
    let hi = scratch.0.as_mut_ptr_range().end as usize;
    // SAFETY: nobody uses this piece of memory as a stack, and nobody will run on it.
    unsafe { arch::prepare(hi, never, 0).context.registers().pc }
}

/// Does the outermost frame wait at `pc`, or is about to run from there?
#[cfg(all(feature = "framehop", target_arch = "x86_64"))]
pub(crate) fn is_at(pc: usize) -> bool {
    pc.wrapping_sub(address()) < BYTES
}
