//! The rows as a table for people, and as a picture.

use std::error::Error;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use plotters::prelude::*;

use crate::scheme::units::{bytes, time};
use crate::workload::Row;

/// One table, a row per measurement.
pub(crate) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([
        "stack",
        "barriers",
        "GC cycles",
        "pause median",
        "pause p99",
        "pause max",
        "longest stall",
        "re-scanned",
        "work/s",
        "total",
    ]);
    for row in rows {
        table.add_row([
            bytes(row.stack_bytes as u64),
            row.barriers.to_owned(),
            row.cycles.to_string(),
            time(row.pause_median_ns),
            time(row.pause_p99_ns),
            time(row.pause_max_ns),
            time(row.stall_max_ns),
            bytes(row.rescanned_bytes_median),
            (row.work_items * 1000 / row.work_ms.max(1)).to_string(),
            format!("{:.1} s", row.total_ms as f64 / 1e3),
        ]);
    }
    for column in table.column_iter_mut().filter(|column| column.index != 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What it comes to, in a sentence per depth that was measured both ways.
pub(crate) fn summary(rows: &[Row]) -> String {
    let find = |bytes, barriers| {
        rows.iter().find(|r| r.stack_bytes == bytes && r.barriers == barriers && r.cycles > 0)
    };
    let mut lines = Vec::new();
    for off in rows.iter().filter(|row| row.barriers == "off" && row.cycles > 0) {
        if let Some(on) = find(off.stack_bytes, "on") {
            let ratio = off.pause_median_ns as f64 / on.pause_median_ns.max(1) as f64;
            lines.push(format!(
                "{:>8} of stack: the median pause is {ratio:.0}x shorter with barriers",
                bytes(off.stack_bytes as u64)
            ));
        }
    }
    lines.join("\n")
}

/// Pause against depth, both axes logarithmic, a line per mode.
pub(crate) fn draw(rows: &[Row], file: &Path) -> Result<(), Box<dyn Error>> {
    let drawn: Vec<_> = rows.iter().filter(|row| row.cycles > 0).collect();
    let extreme = |of: fn(&Row) -> f64| {
        let values = drawn.iter().map(|row| of(row));
        values.fold((f64::MAX, f64::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)))
    };
    if drawn.is_empty() {
        return Err("there is nothing to draw: no cycle was measured".into());
    }
    let (x_lo, x_hi) = extreme(mebibytes);
    let (y_lo, y_hi) = extreme(milliseconds);
    let area = SVGBackend::new(file, (900, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Mark-termination pause against the depth of the stack", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(80)
        .build_cartesian_2d((x_lo / 1.3..x_hi * 1.6).log_scale(), (y_lo / 3.0..y_hi * 3.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("stack in use (MiB)")
        .y_desc("median pause (ms)")
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y}"))
        .label_style(("sans-serif", 15))
        .light_line_style(WHITE)
        .draw()?;
    let modes = [
        ("off", "without barriers", RGBColor(200, 60, 40)),
        ("on", "with barriers", RGBColor(20, 110, 180)),
        ("every-frame", "a barrier at every frame", RGBColor(90, 150, 60)),
    ];
    for (mode, label, colour) in modes {
        let points: Vec<_> =
            drawn.iter().filter(|r| r.barriers == mode).map(|r| (mebibytes(r), milliseconds(r))).collect();
        let Some(&last) = points.last() else { continue };
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(3)).point_size(4))?;
        // The label stands by its line: above the rising one's end, below the flat one's.
        let style = TextStyle::from(("sans-serif", 17).into_font()).color(&colour);
        let anchor = style.pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Bottom,
        ));
        chart.draw_series([EmptyElement::at(last) + Text::new(label, (0, -10), anchor)])?;
    }
    area.present()?;
    Ok(())
}

fn mebibytes(row: &Row) -> f64 {
    row.stack_bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(row: &Row) -> f64 {
    row.pause_median_ns as f64 / 1e6
}
