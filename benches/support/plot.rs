//! The plots in `benches/plots`, with logarithmic axes.

#![allow(dead_code, reason = "each benchmark draws one of them")]

use std::path::PathBuf;

use plotters::prelude::*;

const COLOURS: [RGBColor; 5] = [
    RGBColor(136, 136, 136),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];
const FONT: &str = "sans-serif";

/// A line through points: the number of tasks, and nanoseconds.
pub struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Line {
    pub fn new(name: &str, xs: &[usize], ys: &[f64]) -> Self {
        let points = xs.iter().map(|x| *x as f64).zip(ys.iter().copied());
        Self {
            name: name.to_owned(),
            points: points.collect(),
        }
    }
}

/// A median and a 99th percentile.
pub struct Latency {
    pub name: String,
    pub p50_ns: f64,
    pub p99_ns: f64,
}

/// The path of a plot's file.
fn path(file: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/plots");
    std::fs::create_dir_all(&folder).expect("a folder for plots");
    folder.join(file)
}

/// Draws lines by the number of tasks.
pub fn growth(file: &str, lines: &[Line]) {
    let path = path(file);
    let root = SVGBackend::new(&path, (860, 460)).into_drawing_area();
    root.fill(&WHITE).expect("drawn");
    let xs = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.0)
    };
    let ys = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.1)
    };
    let x_range = xs().fold(f64::MAX, f64::min)..xs().fold(0.0, f64::max);
    let y_range = 1.0..2.0 * ys().fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "The cost of an operation by the number of tasks",
            (FONT, 20),
        )
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x_range.log_scale(), y_range.log_scale())
        .expect("a chart");
    chart
        .configure_mesh()
        .x_desc("tasks")
        .y_desc("ns an operation")
        .label_style((FONT, 14))
        .light_line_style(WHITE)
        .draw()
        .expect("drawn");
    for (line, colour) in lines.iter().zip(COLOURS) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .expect("drawn")
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        let dots = line
            .points
            .iter()
            .map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots).expect("drawn");
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(COLOURS[0])
        .label_font((FONT, 14))
        .draw()
        .expect("drawn");
    root.present().expect("the plot is written");
}

/// Draws a row for each name, from its median to its 99th percentile.
pub fn latency(file: &str, latencies: &[Latency]) {
    let path = path(file);
    let root = SVGBackend::new(&path, (860, 60 + 44 * latencies.len() as u32)).into_drawing_area();
    root.fill(&WHITE).expect("drawn");
    let longest = latencies
        .iter()
        .map(|latency| latency.p99_ns)
        .fold(0.0, f64::max);
    let last = latencies.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(&root)
        .caption("A round trip: median and 99th percentile", (FONT, 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(150)
        .build_cartesian_2d((1.0..2.0 * longest).log_scale(), last..-0.5)
        .expect("a chart");
    let name = |row: &f64| {
        let latency = latencies.get(row.round() as usize);
        let is_row = (row - row.round()).abs() < 0.01;
        latency
            .filter(|_| is_row)
            .map_or(String::new(), |latency| latency.name.clone())
    };
    chart
        .configure_mesh()
        .x_desc("ns")
        .label_style((FONT, 14))
        .y_labels(latencies.len() + 1)
        .y_label_formatter(&name)
        .light_line_style(WHITE)
        .draw()
        .expect("drawn");
    for (row, latency) in latencies.iter().enumerate() {
        let (row, colour) = (row as f64, COLOURS[if row == 0 { 2 } else { 1 }]);
        let ends = [(latency.p50_ns, row), (latency.p99_ns, row)];
        chart
            .draw_series([PathElement::new(ends, colour.stroke_width(4))])
            .expect("drawn");
        chart
            .draw_series(ends.map(|end| Circle::new(end, 5, colour.filled())))
            .expect("drawn");
    }
    root.present().expect("the plot is written");
}
