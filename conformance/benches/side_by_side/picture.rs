//! The results as SVG: rows of dots, and lines against size. Knows nothing of how anything was measured.

use maud::{Markup, html};

use super::options::count;
use super::table::number;

/// One server's look. Ours and the reference stand out; the others are told apart by colour and shape.
#[derive(Clone, Copy, Debug)]
struct Look {
    colour: &'static str,
    shape: Shape,
    filled: bool,
    size: f64,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Circle,
    Square,
    Diamond,
    Triangle,
}

/// The colours of Okabe and Ito, which colour-blind people can tell apart.
const OTHERS: [(&str, Shape); 6] = [
    ("#0072b2", Shape::Circle),
    ("#009e73", Shape::Diamond),
    ("#cc79a7", Shape::Square),
    ("#e69f00", Shape::Triangle),
    ("#56b4e9", Shape::Diamond),
    ("#888888", Shape::Circle),
];

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
const INK: &str = "#222222";
const GREY: &str = "#777777";
const GRID: &str = "#e2e2e2";

/// The servers of a picture: their names, and which stand out.
pub(crate) struct Legend {
    pub(crate) names: Vec<String>,
    pub(crate) ours: usize,
    pub(crate) reference: usize,
}

/// Rows of dots on one scale, one dot for each server.
pub(crate) struct Dots {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// What the scale counts.
    pub(crate) label: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) logarithmic: bool,
}

/// One row: its name, a value for each server, and the bar if it has one.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) bar: Option<f64>,
}

/// Lines against a size, in panels beside each other.
pub(crate) struct Lines {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// What the size counts.
    pub(crate) axis: String,
    pub(crate) panels: Vec<Panel>,
}

/// One panel: what its scale counts, and for each server its points, size and value.
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) points: Vec<Vec<(f64, f64)>>,
}

/// From values to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) logarithmic: bool,
}

impl Scale {
    /// A scale on which all values have room: from nothing, or from a round number below the smallest.
    pub(crate) fn over(
        values: impl IntoIterator<Item = f64>,
        logarithmic: bool,
        from: f64,
        to: f64,
    ) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values
            .into_iter()
            .filter(|value| value.is_finite() && (!logarithmic || *value > 0.0))
        {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (1.0, 1.0);
        }
        let (low, high) = if logarithmic {
            (round_below(low), round_above(high * 1.02))
        } else {
            (low.min(0.0), if high > 0.0 { high * 1.05 } else { 1.0 })
        };
        Scale {
            low,
            high: if high > low { high } else { low * 10.0 },
            from,
            to,
            logarithmic,
        }
    }

    /// Where a value stands.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// Round numbers along it, about as many as can be read.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            let step = round_above((self.high - self.low) / 8.0);
            let first = (self.low / step).ceil() as i64;
            let last = (self.high / step).floor() as i64;
            return (first..=last).map(|index| index as f64 * step).collect();
        }
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 4.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all = (first..=last)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        // What is a hair's breadth outside is on the edge.
        all.filter(|tick| *tick >= self.low * 0.999 && *tick <= self.high * 1.001)
            .collect()
    }
}

/// The largest of 1, 2, 5, 10, … that is not above.
fn round_below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step <= value * 1.000_001)
        .unwrap_or(power)
}

/// The smallest of 1, 2, 5, 10, … that is not below.
fn round_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(power)
}

impl Dots {
    /// The picture.
    pub(crate) fn svg(&self, legend: &Legend) -> String {
        const ROW: f64 = 24.0;
        let top = legend.bottom();
        let bottom = top + ROW * self.rows.len() as f64;
        let left = MARGIN
            + 20.0
            + 6.6
                * self
                    .rows
                    .iter()
                    .map(|row| row.name.chars().count())
                    .max()
                    .unwrap_or(0) as f64;
        let values = self
            .rows
            .iter()
            .flat_map(|row| row.values.iter().flatten().copied().chain(row.bar));
        let scale = Scale::over(values, self.logarithmic, left, WIDTH - MARGIN - 10.0);
        let row_y = |index: usize| top + ROW * (index as f64 + 0.5);
        let has_bars = self.rows.iter().any(|row| row.bar.is_some());
        frame(
            bottom + 58.0,
            &html! {
                (heading(&self.title, &self.subtitle))
                (legend.svg(has_bars))
                @for (index, row) in self.rows.iter().enumerate() {
                    @if index % 2 == 1 {
                        rect x=(MARGIN) y=(px(row_y(index) - ROW / 2.0)) width=(px(WIDTH - 2.0 * MARGIN)) height=(ROW) fill="#f6f6f6" {}
                    }
                    (text(left - 12.0, row_y(index) + 4.0, "end", 12, INK, &row.name))
                }
                (vertical_grid(&scale, top, bottom))
                (text((scale.from + scale.to) / 2.0, bottom + 42.0, "middle", 12, INK, &self.label))
                @for (index, row) in self.rows.iter().enumerate() {
                    @if let Some(bar) = row.bar {
                        (bar_mark(scale.at(bar), row_y(index)))
                    }
                    // Ours last, so that nothing hides it.
                    @for server in legend.back_to_front() {
                        @if let Some(value) = row.values[server] {
                            (marker(scale.at(value), row_y(index), legend.look(server), &format!("{}: {}", legend.names[server], number(value))))
                        }
                    }
                }
            },
        )
    }
}

impl Lines {
    /// The picture.
    pub(crate) fn svg(&self, legend: &Legend) -> String {
        const HEIGHT: f64 = 300.0;
        let top = legend.bottom() + 24.0;
        let bottom = top + HEIGHT;
        let each = (WIDTH - MARGIN) / self.panels.len().max(1) as f64;
        frame(
            bottom + 58.0,
            &html! {
                (heading(&self.title, &self.subtitle))
                (legend.svg(false))
                @for (index, panel) in self.panels.iter().enumerate() {
                    (panel.svg(legend, &self.axis, (each * index as f64 + 74.0, each * (index + 1) as f64 - 4.0), (top, bottom)))
                }
            },
        )
    }
}

impl Panel {
    fn svg(
        &self,
        legend: &Legend,
        axis: &str,
        (left, right): (f64, f64),
        (top, bottom): (f64, f64),
    ) -> Markup {
        let all = || self.points.iter().flatten();
        let across = Scale::over(all().map(|point| point.0), true, left + 12.0, right - 12.0);
        let up = Scale::over(all().map(|point| point.1), true, bottom, top);
        let mut sizes: Vec<f64> = all().map(|point| point.0).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        html! {
            (text(left, top - 12.0, "start", 13, INK, &self.label))
            @for tick in up.ticks() {
                line x1=(px(left)) x2=(px(right)) y1=(px(up.at(tick))) y2=(px(up.at(tick))) stroke=(GRID) {}
                (text(left - 8.0, up.at(tick) + 4.0, "end", 11, GREY, &tick_text(tick)))
            }
            @for size in sizes {
                line x1=(px(across.at(size))) x2=(px(across.at(size))) y1=(px(top)) y2=(px(bottom)) stroke=(GRID) {}
                (text(across.at(size), bottom + 18.0, "middle", 11, GREY, &count(size as u64)))
            }
            (text((left + right) / 2.0, bottom + 42.0, "middle", 12, INK, axis))
            @for server in legend.back_to_front() {
                @let points = &self.points[server];
                @let look = legend.look(server);
                @let path = points.iter().map(|(size, value)| format!("{},{}", px(across.at(*size)), px(up.at(*value)))).collect::<Vec<_>>().join(" ");
                polyline points=(path) fill="none" stroke=(look.colour) stroke-width=(if look.filled { "2.5" } else { "1.5" }) {}
                @for (size, value) in points {
                    (marker(across.at(*size), up.at(*value), look, &format!("{}: {}", legend.names[server], number(*value))))
                }
            }
        }
    }
}

impl Legend {
    /// Where the legend ends and the picture proper begins.
    fn bottom(&self) -> f64 {
        96.0 + 20.0 * (self.places().last().map_or(0.0, |place| place.1))
    }

    /// Where each entry stands, and in which line; the last is that of the bar.
    fn places(&self) -> Vec<(f64, f64)> {
        let (mut x, mut line) = (MARGIN, 0.0);
        let names = self
            .names
            .iter()
            .map(String::as_str)
            .chain(["bar for respect"]);
        names
            .map(|name| {
                let width = 34.0 + 7.0 * name.chars().count() as f64;
                if x + width > WIDTH - MARGIN {
                    (x, line) = (MARGIN, line + 1.0);
                }
                let place = (x, line);
                x += width;
                place
            })
            .collect()
    }

    fn svg(&self, with_bar: bool) -> Markup {
        let places = self.places();
        let y = |line: f64| 72.0 + 20.0 * line;
        html! {
            @for (server, name) in self.names.iter().enumerate() {
                @let (x, line) = places[server];
                (marker(x + 8.0, y(line), self.look(server), name))
                (text(x + 20.0, y(line) + 4.0, "start", 12, INK, name))
            }
            @if let Some((x, line)) = places.last().filter(|_| with_bar) {
                (bar_mark(x + 8.0, y(*line)))
                (text(x + 20.0, y(*line) + 4.0, "start", 12, INK, &format!("bar for {}", self.names[self.ours])))
            }
        }
    }

    fn look(&self, server: usize) -> Look {
        let standing_out = |colour, shape| Look {
            colour,
            shape,
            filled: true,
            size: 6.0,
        };
        if server == self.ours {
            return standing_out("#d55e00", Shape::Circle);
        }
        if server == self.reference {
            return standing_out("#111111", Shape::Square);
        }
        let others = (0..server)
            .filter(|other| *other != self.ours && *other != self.reference)
            .count();
        let (colour, shape) = OTHERS[others % OTHERS.len()];
        Look {
            colour,
            shape,
            filled: false,
            size: 4.5,
        }
    }

    fn back_to_front(&self) -> Vec<usize> {
        let mut servers: Vec<usize> = (0..self.names.len()).collect();
        servers.sort_by_key(|server| (*server == self.ours, *server == self.reference));
        servers
    }
}

fn frame(height: f64, inside: &Markup) -> String {
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {}", px(height))) width=(WIDTH) height=(px(height)) font-family="system-ui, sans-serif" {
            // A ground of its own: pages may be dark.
            rect width="100%" height="100%" fill="#ffffff" {}
            (inside)
        }
    };
    markup.into_string() + "\n"
}

fn heading(title: &str, subtitle: &str) -> Markup {
    html! {
        (text(MARGIN, 30.0, "start", 17, INK, title))
        (text(MARGIN, 50.0, "start", 12, GREY, subtitle))
    }
}

fn vertical_grid(scale: &Scale, top: f64, bottom: f64) -> Markup {
    html! {
        @for tick in scale.ticks() {
            line x1=(px(scale.at(tick))) x2=(px(scale.at(tick))) y1=(px(top)) y2=(px(bottom)) stroke=(GRID) {}
            (text(scale.at(tick), bottom + 18.0, "middle", 11, GREY, &tick_text(tick)))
        }
    }
}

/// A tick's number, without digits that say nothing.
pub(crate) fn tick_text(value: f64) -> String {
    if value >= 1_000.0 {
        return count(value.round() as u64);
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn text(x: f64, y: f64, anchor: &str, size: u32, fill: &str, content: &str) -> Markup {
    html! { text x=(px(x)) y=(px(y)) text-anchor=(anchor) font-size=(size) fill=(fill) { (content) } }
}

fn bar_mark(x: f64, y: f64) -> Markup {
    html! { line x1=(px(x)) x2=(px(x)) y1=(px(y - 10.0)) y2=(px(y + 10.0)) stroke="#d55e00" stroke-width="2" stroke-dasharray="3 2" {} }
}

fn marker(x: f64, y: f64, look: Look, title: &str) -> Markup {
    let fill = if look.filled { look.colour } else { "#ffffff" };
    let size = look.size;
    let polygon = |corners: &[(f64, f64)]| {
        let points: Vec<String> = corners
            .iter()
            .map(|(dx, dy)| format!("{},{}", px(x + dx * size), px(y + dy * size)))
            .collect();
        html! { polygon points=(points.join(" ")) fill=(fill) stroke=(look.colour) stroke-width="1.6" { title { (title) } } }
    };
    match look.shape {
        Shape::Circle => html! {
            circle cx=(px(x)) cy=(px(y)) r=(size) fill=(fill) stroke=(look.colour) stroke-width="1.6" { title { (title) } }
        },
        Shape::Square => polygon(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
        Shape::Diamond => polygon(&[(0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)]),
        Shape::Triangle => polygon(&[(0.0, -1.1), (1.05, 0.8), (-1.05, 0.8)]),
    }
}

/// A tenth of a pixel is as fine as it need be; finer would make every run's file differ everywhere.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
