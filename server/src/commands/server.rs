//! The server itself: its time, its end, its art.

use crate::config::REDIS_VERSION;
use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("time", "2.6.0", Group::Server, 1, Run::Engine(time))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .summary("Returns the server time.")
        .complexity("O(1)")
        .tips(&["nondeterministic_output"]),
    Command::new("lastsave", "1.0.0", Group::Server, 1, Run::Engine(lastsave))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .categories(Categories::ADMIN.union(Categories::DANGEROUS))
        .summary(
            "Returns the Unix timestamp of the last successful save to \
             disk.",
        )
        .complexity("O(1)")
        .tips(&["nondeterministic_output"]),
    Command::new(
        "shutdown",
        "1.0.0",
        Group::Server,
        -1,
        Run::Engine(shutdown),
    )
    .flags(
        Flags::ADMIN
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::NO_MULTI)
            .union(Flags::ALLOW_BUSY),
    )
    .args(&[
        Arg::one_of(
            "save-selector",
            &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
        )
        .optional(),
        Arg::word("now", "NOW").since("7.0.0").optional(),
        Arg::word("force", "FORCE").since("7.0.0").optional(),
        Arg::word("abort", "ABORT").since("7.0.0").optional(),
    ])
    .summary(
        "Synchronously saves the database(s) to disk and shuts down the \
         Redis server.",
    )
    .complexity(
        "O(N) when saving, where N is the total number of keys in all \
         databases when saving data, otherwise O(1)",
    )
    .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")]),
    Command::new("lolwut", "5.0.0", Group::Server, -1, Run::Engine(lolwut))
        .flags(Flags::READONLY.union(Flags::FAST))
        .args(&[Arg::new("version", ArgKind::Integer)
            .token("VERSION")
            .optional()])
        .summary("Displays computer art and the Redis version"),
];

fn time(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let wall_us = engine.now.wall_us;
    call.reply.array(2);
    call.reply.bulk_int(wall_us / 1_000_000);
    call.reply.bulk_int(wall_us % 1_000_000);
    Ok(())
}

/// Nothing is saved yet, so the last moment at which data and disk agreed is the start, as Redis counts it too.
fn lastsave(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.int(engine.started.wall_s());
    Ok(())
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT].
fn shutdown(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let (mut save, mut no_save, mut abort) = (false, false, false);
    for word in call.args.rest(1) {
        match word.to_ascii_lowercase().as_slice() {
            b"nosave" => no_save = true,
            b"save" => save = true,
            b"abort" => abort = true,
            // Both concern replicas and saves that fail.
            b"now" | b"force" => {}
            _ => return Err(Error::SYNTAX),
        }
    }
    if abort && call.args.len() > 2 || save && no_save {
        return Err(Error::SYNTAX);
    }
    if abort {
        return Err(Error::fixed("ERR No shutdown in progress."));
    }
    log::warn!("User requested shutdown...");
    // Nobody is answered: the connection just ends, as Redis ends it.
    engine.stopping = true;
    Ok(())
}

/// Squares in a row and in a column, and columns of the canvas, as LOLWUT VERSION 5 has them by default.
const ART_DEFAULTS: [i64; 3] = [66, 8, 12];
const ART_MAX: [i64; 3] = [1000, 200, 200];

/// LOLWUT [VERSION n] [columns [squares in a row [squares in a column]]].
fn lolwut(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let mut version = None;
    if call.args.is(1, "version") && call.args.len() > 2 {
        version = Some(integers::parse_i64(call.args.at(2)).ok_or(Error::NOT_INTEGER)?);
    }
    // The art of each version has its own sizes; that of the latest has none, and looks at nothing else it is given.
    let sizes = match version {
        Some(5) => 3,
        Some(6) => 2,
        _ => 0,
    };
    let mut wanted = ART_DEFAULTS;
    for ((place, max), text) in wanted
        .iter_mut()
        .zip(ART_MAX)
        .zip(call.args.rest(3).take(sizes))
    {
        *place = integers::parse_i64(text)
            .ok_or(Error::NOT_INTEGER)?
            .clamp(1, max);
    }
    let [columns, in_row, in_column] = wanted.map(|size| size as usize);
    let mut art = schotter(columns, in_row, in_column, &mut engine.rng);
    art.push_str(&format!(
        "\nGeorg Nees - schotter, plotter on paper, 1968. Redis ver. {REDIS_VERSION}\n"
    ));
    call.reply.verbatim("txt", art.as_bytes());
    Ok(())
}

/// Rows of squares that fall into disorder towards the bottom, drawn in the eight dots of Braille letters.
fn schotter(columns: usize, in_row: usize, in_column: usize, rng: &mut fastrand::Rng) -> String {
    let width = columns * 2;
    let side = if in_row > 1 {
        width as f64 / (in_row as f64 + 1.0)
    } else {
        width as f64 / 2.0
    };
    let margin = (width as f64 - side * in_row as f64) / 2.0;
    let height = (side * in_column as f64 + margin * 2.0).ceil() as usize;
    let mut canvas = Canvas::new(width, height.next_multiple_of(4));
    for row in 0..in_column {
        let disorder = row as f64 / in_column as f64;
        for column in 0..in_row {
            let mut wobble = |range: f64| (rng.f64() - 0.5) * range * disorder;
            let x = margin + side * (column as f64 + 0.5) + wobble(side * 0.6);
            let y = margin + side * (row as f64 + 0.5) + wobble(side * 0.6);
            canvas.square(x, y, side, wobble(std::f64::consts::FRAC_PI_2));
        }
    }
    canvas.to_text()
}

/// Dots, two by four to a letter.
struct Canvas {
    width: usize,
    height: usize,
    dots: Vec<bool>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas {
            width,
            height,
            dots: vec![false; width * height],
        }
    }

    fn square(&mut self, x: f64, y: f64, side: f64, turn: f64) {
        let radius = side / 2.0_f64.sqrt();
        let corner = |quarter: usize| {
            let angle = turn + std::f64::consts::FRAC_PI_2 * (quarter as f64 + 0.5);
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        for quarter in 0..4 {
            self.line(corner(quarter), corner(quarter + 1));
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = dx.abs().max(dy.abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let (x, y) = ((from.0 + dx * part).round(), (from.1 + dy * part).round());
            if x >= 0.0 && y >= 0.0 && (x as usize) < self.width && (y as usize) < self.height {
                self.dots[y as usize * self.width + x as usize] = true;
            }
        }
    }

    fn to_text(&self) -> String {
        /// The bit of each dot in a Braille letter, by row and column.
        const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let mut text = String::new();
        for top in (0..self.height).step_by(4) {
            for left in (0..self.width).step_by(2) {
                let mut letter = 0x2800;
                for (dy, bits) in BITS.iter().enumerate() {
                    for (dx, bit) in bits.iter().enumerate() {
                        if self.dots[(top + dy) * self.width + left + dx] {
                            letter |= bit;
                        }
                    }
                }
                text.extend(char::from_u32(letter));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_in_order_and_every_line_as_wide_as_asked() {
        let art = schotter(20, 3, 3, &mut fastrand::Rng::with_seed(1));
        assert!(art.lines().all(|line| line.chars().count() == 20));
        let again = schotter(20, 3, 3, &mut fastrand::Rng::with_seed(2));
        assert_eq!(
            art.lines().nth(2),
            again.lines().nth(2),
            "disorder begins in the second row"
        );
        assert_ne!(art, again);
    }
}
