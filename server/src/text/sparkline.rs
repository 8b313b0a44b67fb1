//! A row of numbers drawn with characters, as `LATENCY GRAPH` shows it; knows nothing of what the numbers are.

/// Lines that the numbers are drawn on.
const ROWS: usize = 4;

/// How much of a line is filled, from little to much; then comes the next line.
const LEVELS: [char; 3] = ['_', 'o', '#'];

/// Fills a line below the highest one that a number reaches.
const FULL: char = '|';

/// Draws each number as a column, the least as the lowest and the greatest as the highest, with its label below it from
/// top to bottom. What does not fit into `columns_max` follows below, after an empty line.
pub(crate) fn draw(numbers: &[(u64, String)], columns_max: usize) -> String {
    let least = numbers.iter().map(|(number, _)| *number).min();
    let least = least.unwrap_or_default();
    let greatest = numbers.iter().map(|(number, _)| *number).max();
    let range = (greatest.unwrap_or_default() - least).max(1);
    let steps = (ROWS * LEVELS.len()) as u64;
    // In whole steps, as the lines are.
    let step = |number: u64| ((number - least) * steps / range).min(steps - 1) as usize;

    let mut drawing = String::new();
    for (index, part) in numbers.chunks(columns_max).enumerate() {
        if index > 0 {
            drawing.push('\n');
        }
        for row in (0..ROWS).rev() {
            drawing.extend(part.iter().map(|(number, _)| column(step(*number), row)));
            drawing.push('\n');
        }
        // A line keeps the labels apart.
        drawing.extend(part.iter().map(|_| ' '));
        drawing.push('\n');
        let label_len = part.iter().map(|(_, label)| label.len()).max();
        for index in 0..label_len.unwrap_or_default() {
            let letters = part
                .iter()
                .map(|(_, label)| label.chars().nth(index).unwrap_or(' '));
            drawing.extend(letters);
            drawing.push('\n');
        }
    }
    drawing
}

/// What a number that has risen so many steps shows on this row, counted from the bottom.
fn column(step: usize, row: usize) -> char {
    match step.checked_sub(row * LEVELS.len()) {
        None => ' ',
        Some(above) => LEVELS.get(above).copied().unwrap_or(FULL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_columns_with_their_labels_below() {
        let numbers = [
            (10, "6s"),
            (30, "5s"),
            (50, "4s"),
            (20, "3s"),
            (90, "2m"),
            (12, "10m"),
        ];
        let numbers = numbers.map(|(number, label)| (number, label.to_owned()));
        // The columns are those that Redis 8.2.3 draws for these times.
        let expected = [
            "    # ", "  _ | ", " _| | ", "_||o|_", "      ", "654321", "ssssm0", "     m", "",
        ];
        assert_eq!(draw(&numbers, 80).split('\n').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn equal_numbers_lie_at_the_bottom_and_long_rows_go_on_below() {
        let numbers = vec![(7, String::from("s")); 3];
        assert_eq!(
            draw(&numbers, 2),
            "  \n  \n  \n__\n  \nss\n\n \n \n \n_\n \ns\n"
        );
        assert_eq!(draw(&[], 80), "");
    }
}
