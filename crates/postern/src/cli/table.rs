//! Tables that fit the terminal: the least important columns go first, then the longest is cut.
//!
//! In a pipe nothing is dropped or cut, because a program reads it.

use super::screen::{Look, Paint};

/// Space between two columns.
const GAP: usize = 2;
/// A column isn't cut below this many places.
const NARROWEST: usize = 8;

/// A heading, and how dear the column is when there is no room: 0 never goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) expendable: u8,
}

/// A column that always stays.
pub(crate) const fn kept(heading: &'static str) -> Column {
    Column { heading, expendable: 0 }
}

/// A column that may go; of several the one with the higher number goes first.
pub(crate) const fn expendable(heading: &'static str, expendable: u8) -> Column {
    Column { heading, expendable }
}

/// Draws rows under their headings. Cells are already clean and may be painted.
pub(crate) fn draw(columns: &[Column], rows: &[Vec<String>], look: Look) -> String {
    let mut widths = natural_widths(columns, rows);
    let shown = fit(columns, &mut widths, look.width);
    let headings: Vec<String> = columns.iter().map(|column| look.paint(Paint::Dim, column.heading)).collect();
    let mut text = draw_row(&headings, &shown, &widths, look);
    for row in rows {
        text.push_str(&draw_row(row, &shown, &widths, look));
    }
    text
}

/// Draws `label  value` lines, indented by two; values that are `None` are left out.
pub(crate) fn draw_facts(facts: &[(&str, Option<String>)], look: Look) -> String {
    let label_width =
        facts.iter().filter(|(_, value)| value.is_some()).map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, value) in facts {
        let Some(value) = value else { continue };
        let padded = look.paint(Paint::Dim, &format!("{label:label_width$}"));
        let value = look.wrap(value, label_width + 4);
        text.push_str(&format!("  {padded}  {value}\n"));
    }
    text
}

fn natural_widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let cell_width = |index: usize| {
        rows.iter()
            .filter_map(|row| row.get(index))
            .map(|cell| console::measure_text_width(cell))
            .max()
            .unwrap_or(0)
    };
    columns.iter().enumerate().map(|(index, column)| column.heading.len().max(cell_width(index))).collect()
}

/// Which columns are shown, by index; narrows `widths` where dropping wasn't enough.
fn fit(columns: &[Column], widths: &mut [usize], room: Option<usize>) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(room) = room else { return shown };
    while total(&shown, widths) > room {
        let dearest_to_drop = shown
            .iter()
            .copied()
            .filter(|index| columns[*index].expendable > 0)
            .max_by_key(|index| columns[*index].expendable);
        let Some(dropped) = dearest_to_drop else {
            break;
        };
        shown.retain(|index| *index != dropped);
    }
    narrow(&shown, widths, room);
    shown
}

fn narrow(shown: &[usize], widths: &mut [usize], room: usize) {
    while total(shown, widths) > room {
        let over = total(shown, widths) - room;
        let widest = shown.iter().copied().max_by_key(|index| widths[*index]);
        let Some(widest) = widest.filter(|index| widths[*index] > NARROWEST) else {
            return;
        };
        widths[widest] = widths[widest].saturating_sub(over).max(NARROWEST);
    }
}

fn total(shown: &[usize], widths: &[usize]) -> usize {
    let gaps = GAP * shown.len().saturating_sub(1);
    shown.iter().map(|index| widths[*index]).sum::<usize>() + gaps
}

fn draw_row(cells: &[String], shown: &[usize], widths: &[usize], look: Look) -> String {
    let mut line = String::new();
    for (place, index) in shown.iter().enumerate() {
        let cell = cells.get(*index).map_or("", String::as_str);
        let cell = console::truncate_str(cell, widths[*index], look.ellipsis());
        line.push_str(&cell);
        if place + 1 < shown.len() {
            let used = console::measure_text_width(&cell);
            line.push_str(&" ".repeat(widths[*index].saturating_sub(used) + GAP));
        }
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [kept("NAME"), expendable("KEY", 1), kept("STATUS")];

    fn rows() -> Vec<Vec<String>> {
        vec![
            vec!["gate".into(), "RSA 2048".into(), "valid".into()],
            vec!["a long display name".into(), "RSA 4096".into(), "expired".into()],
        ]
    }

    fn drawn(width: Option<usize>) -> String {
        draw(&COLUMNS, &rows(), Look { width, ..Look::plain() })
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        assert_eq!(
            drawn(None),
            "NAME                 KEY       STATUS\n\
             gate                 RSA 2048  valid\n\
             a long display name  RSA 4096  expired\n"
        );
    }

    #[test]
    fn the_expendable_column_goes_before_a_name_is_cut() {
        assert_eq!(
            drawn(Some(30)),
            "NAME                 STATUS\n\
             gate                 valid\n\
             a long display name  expired\n"
        );
        assert_eq!(
            drawn(Some(20)),
            "NAME         STATUS\n\
             gate         valid\n\
             a long dis…  expired\n"
        );
    }

    #[test]
    fn wide_characters_take_two_places() {
        let text = draw(
            &[kept("NAME"), kept("KEY")],
            &[vec!["門".into(), "x".into()], vec!["abc".into(), "y".into()]],
            Look::plain(),
        );
        assert_eq!(text, "NAME  KEY\n門    x\nabc   y\n");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let text = draw_facts(&[("Name", Some("gate".into())), ("Description", None)], Look::plain());
        assert_eq!(text, "  Name  gate\n");
    }
}
