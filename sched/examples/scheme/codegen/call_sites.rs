//! What the frame table and debuggers are told of a compiled function: its calls, and which places of the source its instructions stand for.

use cranelift_codegen::CompiledCode;

use super::front::frame_bytes;
use crate::scheme::continuation::record::OWN_BYTES;
use crate::scheme::core::Span;

/// Every call of a compiled function: offset of its return address, root slots in bytes below the frame's end, place.
pub fn sites(code: &CompiledCode, spans: &[Span]) -> Vec<(u32, Vec<u32>, Span)> {
    let frame = (frame_bytes(code) + OWN_BYTES) as u32;
    let places = code.buffer.get_srclocs_sorted();
    let maps = code.buffer.user_stack_maps();
    let describe = |return_offset: u32| {
        // The call itself lies before its return address.
        let place = places.iter().find(|p| p.start < return_offset && return_offset <= p.end);
        let index = place.map_or(usize::MAX, |p| p.loc.bits() as usize);
        let map = maps.iter().find(|(offset, ..)| *offset == return_offset);
        let slots = map.map_or(Vec::new(), |(_, _, map)| map.entries().map(|(_, at)| frame - at).collect());
        (return_offset, slots, spans.get(index).copied().unwrap_or_default())
    };
    code.buffer.call_sites().map(|site| describe(site.ret_addr)).collect()
}

/// From which offset on, ascending, the code stands for which place. Instructions that stand for none go with those before them.
pub fn places(code: &CompiledCode, spans: &[Span]) -> Vec<(u32, Span)> {
    let known = code.buffer.get_srclocs_sorted().iter();
    let known = known.filter_map(|place| Some((place.start, *spans.get(place.loc.bits() as usize)?)));
    let mut places: Vec<(u32, Span)> = known.filter(|(_, span)| *span != Span::default()).collect();
    places.dedup_by_key(|(_, span)| *span);
    places
}
