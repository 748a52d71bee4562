// SPDX-License-Identifier: MIT

//! The rows as a heat map: a line for each kernel, a column for each chip.

use super::row::{Row, Verdict};
use svg::node::element::{Rectangle, Text, Title};
use svg::node::Comment;
use svg::Document;

const CELL: [usize; 2] = [150, 28];
/// Where the cells begin.
const MARGIN: [usize; 2] = [300, 40];
const GAP: usize = 2;

/// The map of these rows.
pub(super) fn svg(rows: &[Row]) -> String {
    let mut kernels: Vec<&str> = rows.iter().map(|row| &*row.kernel).collect();
    kernels.dedup();
    let mut chips = Vec::new();
    for row in rows {
        if !chips.contains(&row.chip) {
            chips.push(row.chip);
        }
    }
    let size = [
        MARGIN[0] + CELL[0] * chips.len(),
        MARGIN[1] + CELL[1] * kernels.len(),
    ];
    let mut document = Document::new()
        .set("viewBox", (0, 0, size[0], size[1]))
        .set("font-family", "sans-serif")
        .set("font-size", 13)
        .add(Comment::new("SPDX-License-Identifier: MIT"))
        .add(rectangle([0, 0], size, "#ffffff"));
    for (column, chip) in chips.iter().enumerate() {
        document = document.add(text([column, 0], 24, chip));
    }
    for (line, kernel) in kernels.iter().enumerate() {
        for row in rows.iter().filter(|row| row.kernel == *kernel) {
            let column = chips.iter().position(|chip| *chip == row.chip);
            let place = corner([column.unwrap_or_default(), line]);
            let size = CELL.map(|length| length - GAP);
            let cell = rectangle(place, size, colour(row)).add(Title::new(hint(row)));
            let label = text(
                [column.unwrap_or_default(), 0],
                place[1] + 18,
                &row.summary(),
            );
            document = document.add(cell).add(label);
        }
        let release = rows.iter().find(|row| row.kernel == *kernel);
        let name = release.map_or(String::new(), |row| {
            format!("{} ({})", row.kernel, row.release)
        });
        let label = Text::new(name)
            .set("x", 8)
            .set("y", corner([0, line])[1] + 18);
        document = document.add(label);
    }
    document.to_string() + "\n"
}

fn corner([column, line]: [usize; 2]) -> [usize; 2] {
    [MARGIN[0] + CELL[0] * column, MARGIN[1] + CELL[1] * line]
}

fn rectangle([x, y]: [usize; 2], [width, height]: [usize; 2], colour: &str) -> Rectangle {
    Rectangle::new()
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
        .set("fill", colour)
}

fn text(place: [usize; 2], y: usize, what: &str) -> Text {
    Text::new(what)
        .set("x", corner(place)[0] + CELL[0] / 2)
        .set("y", y)
        .set("text-anchor", "middle")
}

/// Apart in lightness too, for those who don't see red and green.
fn colour(row: &Row) -> &'static str {
    match row.result {
        Verdict::Ok => "#a6d96a",
        Verdict::Compiled => "#91bfdb",
        Verdict::Failed => "#d7191c",
        Verdict::Skipped => "#dddddd",
    }
}

/// What is read when the pointer rests on a cell.
fn hint(row: &Row) -> String {
    let failed = |scenario: &&super::row::Scenario| scenario.result == Verdict::Failed;
    let names: Vec<&str> = row
        .scenarios
        .iter()
        .filter(failed)
        .map(|s| s.name)
        .collect();
    match &row.why {
        Some(why) => why.clone(),
        None if names.is_empty() => row.summary(),
        None => format!("failed: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::testing::{no_row, row};
    use super::*;
    use crate::scenario::Outcome;

    #[test]
    fn every_row_has_its_cell() {
        let rows = [
            row("7.2.12", "navi10", vec![Outcome::Passed]),
            row("7.2.12", "navi21", vec![Outcome::Failed("<no>".to_owned())]),
            no_row("7.2.6", "navi10"),
        ];
        let svg = svg(&rows);
        for colour in ["#a6d96a", "#d7191c", "#dddddd"] {
            assert_eq!(svg.matches(colour).count(), 1, "{svg}");
        }
        assert!(svg.contains("SPDX-License-Identifier: MIT"), "{svg}");
        assert_eq!(svg.matches("7.2.12-amd64").count(), 1, "{svg}");
    }
}
