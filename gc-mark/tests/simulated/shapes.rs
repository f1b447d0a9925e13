//! The functions of the simulated program: how large their frames are and what is known of them.

use core::fmt;

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::description::{self, Architecture};
use barrier_arch::reference::Machine;
use gc_mark::{FrameMap, FrameRoots};

/// One function. It has one call site, so one return address.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Words of locals; all are null or values.
    pub locals: usize,
    pub precise: bool,
    pub vouched: bool,
    /// May its return go through a barrier?
    pub permits: bool,
}

const BASE: usize = 0x40_0000;
const BYTES: usize = 256;

/// The frame map of the program.
pub struct Shapes {
    shapes: Vec<Shape>,
    /// Slot `i` is `i` words above the first local: the slots of a frame are a prefix.
    offsets: Vec<u32>,
    pub machine: Machine,
    /// Are return addresses kept where each function likes to (`apart.rs`)?
    apart: bool,
    /// May the program drop frames and tell nobody?
    pub drops_frames: bool,
}

impl Shapes {
    /// On this machine.
    pub fn new(shapes: &[Shape]) -> Shapes {
        Shapes::on(description::host().expect("a host with barriers is described"), shapes)
    }

    /// On another one.
    pub fn on(arch: &Architecture, shapes: &[Shape]) -> Shapes {
        let machine = Machine::of(arch);
        let most = shapes.iter().map(|shape| shape.locals).max().unwrap_or(0);
        let offset = |i| (machine.locals_at() + SLOT_BYTES * i) as u32;
        Shapes {
            shapes: shapes.to_vec(),
            offsets: (0..most).map(offset).collect(),
            machine,
            apart: false,
            drops_frames: false,
        }
    }

    /// On another one, each function keeping its return address elsewhere, if the ABI lets it.
    pub fn apart_on(arch: &Architecture, shapes: &[Shape]) -> Shapes {
        Shapes { apart: arch.slots_move(), ..Shapes::on(arch, shapes) }
    }

    /// How many words lie between the function's return slot and its CFA; 0 if it is where frame pointers alone find it.
    pub fn apart(&self, shape: usize) -> usize {
        if self.apart { 1 + shape * 23 % 61 } else { 0 }
    }

    /// Functions of all kinds, small and large.
    pub fn mixed() -> Shapes {
        Shapes::new(&Shapes::all_kinds())
    }

    /// A function of each kind in four sizes.
    pub fn all_kinds() -> Vec<Shape> {
        let mut shapes = Vec::new();
        for locals in [1, 3, 12, 90] {
            for (precise, vouched, permits) in [
                (true, true, true),
                (true, false, true),
                (false, true, true),
                (false, false, true),
                (true, true, false),
            ] {
                shapes.push(Shape { locals, precise, vouched, permits });
            }
        }
        shapes
    }

    /// Only functions that are vouched for, with frames of these sizes.
    pub fn vouched(locals: &[usize]) -> Shapes {
        let shape = |&locals| Shape { locals, precise: true, vouched: true, permits: true };
        Shapes::new(&locals.iter().map(shape).collect::<Vec<_>>())
    }

    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    pub fn get(&self, shape: usize) -> Shape {
        self.shapes[shape]
    }

    /// Where the function goes on after its call.
    pub fn pc(&self, shape: usize) -> usize {
        BASE + shape * BYTES + 5
    }

    /// Bytes of the largest frame.
    pub fn largest(&self) -> usize {
        let bytes =
            |(i, shape): (usize, &Shape)| self.machine.frame_bytes(shape.locals) + self.apart(i) * SLOT_BYTES;
        self.shapes.iter().enumerate().map(bytes).max().unwrap_or(0)
    }

    /// From the function's one return address to another place in it.
    pub const ELSEWHERE: usize = 32;

    fn at(&self, pc: usize) -> Shape {
        assert_eq!((pc - BASE) % Self::ELSEWHERE, 5, "{pc:#x} is no return address");
        self.shapes[(pc - BASE) / BYTES]
    }
}

impl FrameMap for Shapes {
    fn roots_at(&self, pc: usize) -> FrameRoots<'_> {
        match self.at(pc) {
            Shape { precise: true, vouched, locals, .. } => {
                FrameRoots::Precise { slots: &self.offsets[..locals], vouched }
            }
            Shape { vouched, .. } => FrameRoots::Conservative { vouched },
        }
    }

    fn describe(&self, pc: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "shape {}", (pc - BASE) / BYTES)
    }

    fn permits_barrier(&self, pc: usize, _return_pc: usize) -> bool {
        self.at(pc).permits
    }

    fn may_drop_frames(&self) -> bool {
        self.drops_frames
    }
}
