//! Which line of the Scheme source compiled code stands for, as debuggers read it: DWARF 5.
//!
//! ```text
//!   compilation unit: one for each file                 its ranges: those of its functions
//!     └─ function: name, range, file and line           rows: offset → line, column
//! ```
//!
//! There are no types and no variables. A function's first row is where it is defined, the second one, which a breakpoint on the function is set to, is behind
//! its prologue. The language is not said: DWARF has no number for Scheme.

use std::collections::BTreeMap;

use cranelift_codegen::gimli::constants::{
    DW_AT_comp_dir, DW_AT_decl_file, DW_AT_decl_line, DW_AT_external, DW_AT_high_pc, DW_AT_low_pc,
    DW_AT_name, DW_AT_producer, DW_AT_ranges, DW_AT_stmt_list, DW_TAG_subprogram,
};
use cranelift_codegen::gimli::write::{
    Address, AttributeValue, Dwarf, EndianVec, FileId, LineProgram, LineString, Range, RangeList, Result,
    Sections, Unit,
};
use cranelift_codegen::gimli::{Encoding, Format, LineEncoding, NativeEndian};

use super::known_code::{NamedCode, Source};
use crate::scheme::core::Span;

const ENCODING: Encoding = Encoding { format: Format::Dwarf32, version: 5, address_size: 8 };

/// The sections that say so, with their names; those that are empty are left out. `directory` is where files with relative names are.
///
/// # Errors
///
/// Those of gimli's writer.
pub fn sections(functions: &[NamedCode], directory: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut files: BTreeMap<&str, Vec<(&NamedCode, &Source)>> = BTreeMap::new();
    for function in functions {
        if let Some(source) = &function.source {
            files.entry(&source.file).or_default().push((function, source));
        }
    }
    let mut dwarf = Dwarf::new();
    for (file, functions) in files {
        dwarf.units.add(unit(file, directory, &functions));
    }
    let mut written = Sections::new(EndianVec::new(NativeEndian));
    dwarf.write(&mut written)?;
    let mut sections = Vec::new();
    written.for_each(|id, data| {
        if !data.slice().is_empty() {
            sections.push((id.name(), data.slice().to_vec()));
        }
        Ok(())
    })?;
    Ok(sections)
}

/// One file.
fn unit(file: &str, directory: &str, functions: &[(&NamedCode, &Source)]) -> Unit {
    let [name, directory] = [file, directory].map(bytes);
    let (in_lines, line) = (LineString::String(name.clone()), LineEncoding::default());
    let directory_in_lines = LineString::String(directory.clone());
    let mut lines = LineProgram::new(ENCODING, line, directory_in_lines, None, in_lines.clone(), None);
    let file = lines.add_file(in_lines, lines.default_directory(), None);
    for (function, source) in functions {
        add_rows(&mut lines, file, function, source);
    }
    let mut unit = Unit::new(ENCODING, lines);
    let ranges = functions.iter().map(|(function, _)| Range::StartLength {
        begin: Address::Constant(function.code.start as u64),
        length: function.code.len() as u64,
    });
    let ranges = unit.ranges.add(RangeList(ranges.collect()));
    let root = unit.get_mut(unit.root());
    root.set(DW_AT_producer, AttributeValue::String(bytes("Scheme, by Cranelift")));
    root.set(DW_AT_name, AttributeValue::String(name));
    root.set(DW_AT_comp_dir, AttributeValue::String(directory));
    root.set(DW_AT_stmt_list, AttributeValue::LineProgramRef);
    root.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(0)));
    root.set(DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    for (function, source) in functions {
        add_function(&mut unit, file, function, source);
    }
    unit
}

/// A string as DWARF has it: it ends with a zero, so it cannot contain one.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.split('\0').next().unwrap_or_default();
    if text.is_empty() { b"?".to_vec() } else { text.as_bytes().to_vec() }
}

fn add_rows(lines: &mut LineProgram, file: FileId, function: &NamedCode, source: &Source) {
    lines.begin_sequence(Some(Address::Constant(function.code.start as u64)));
    add_row(lines, file, 0, source.span, false);
    let behind_prologue = source.places.first().map(|(offset, _)| *offset);
    for &(offset, span) in &source.places {
        add_row(lines, file, offset, span, Some(offset) == behind_prologue);
    }
    lines.end_sequence(function.code.len() as u64);
}

fn add_row(lines: &mut LineProgram, file: FileId, offset: u32, place: Span, prologue_end: bool) {
    let row = lines.row();
    row.address_offset = u64::from(offset);
    (row.file, row.line, row.column) = (file, u64::from(place.line), u64::from(place.column));
    (row.is_statement, row.prologue_end) = (true, prologue_end);
    lines.generate_row();
}

fn add_function(unit: &mut Unit, file: FileId, function: &NamedCode, source: &Source) {
    let entry = unit.add(unit.root(), DW_TAG_subprogram);
    let entry = unit.get_mut(entry);
    entry.set(DW_AT_name, AttributeValue::String(bytes(&function.name)));
    entry.set(DW_AT_external, AttributeValue::Flag(true));
    entry.set(DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
    entry.set(DW_AT_decl_line, AttributeValue::Udata(u64::from(source.span.line)));
    entry.set(DW_AT_low_pc, AttributeValue::Address(Address::Constant(function.code.start as u64)));
    entry.set(DW_AT_high_pc, AttributeValue::Udata(function.code.len() as u64));
}
