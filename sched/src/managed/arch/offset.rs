//! Where the words of a [`Crossing`] lie, in bytes from the task's address: for assembly.

use std::mem::offset_of;

use crate::managed::crossing::{CROSSING_OFFSET, Crossing};

pub(super) const TARGET: usize = CROSSING_OFFSET + offset_of!(Crossing, target);
pub(super) const MANAGED_SP: usize = CROSSING_OFFSET + offset_of!(Crossing, managed_sp);
pub(super) const NATIVE_SP: usize = CROSSING_OFFSET + offset_of!(Crossing, native_sp);
pub(super) const LEAVES: usize = CROSSING_OFFSET + offset_of!(Crossing, leaves);
pub(super) const BETWEEN: usize = CROSSING_OFFSET + offset_of!(Crossing, between);
pub(super) const PANICKED: usize = CROSSING_OFFSET + offset_of!(Crossing, panicked);
pub(super) const STEP: usize = CROSSING_OFFSET + offset_of!(Crossing, step);
pub(super) const RETURNED: usize = CROSSING_OFFSET + offset_of!(Crossing, returned);
pub(super) const WORDS: usize = CROSSING_OFFSET + offset_of!(Crossing, words);
