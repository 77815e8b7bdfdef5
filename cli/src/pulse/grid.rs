//! Tables of text: a line of headings, then the rows, each column as wide as its widest cell.

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the left: words.
    Left,
    /// To the right: numbers.
    Right,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table with these columns. A heading that begins with `#` (not shown) is of a column of numbers.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        let column = |heading: &&'static str| match heading.strip_prefix('#') {
            Some(heading) => (heading, Side::Right),
            None => (*heading, Side::Left),
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; a cell that is empty is shown as `-`.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The headings and the rows, without white space at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(self.columns[at].0.chars().count())
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for ((cell, (_, side)), width) in cells.zip(&self.columns).zip(&widths) {
                match side {
                    Side::Left => text.push_str(&format!("{cell:<width$}  ")),
                    Side::Right => text.push_str(&format!("{cell:>width$}  ")),
                }
            }
            text.trim_end().to_owned()
        };
        let headings = line(&mut self.columns.iter().map(|(heading, _)| *heading));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        std::iter::once(headings).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let mut grid = Grid::new(&["name", "#cores", "links"]);
        grid.row(["node-0".into(), "2".into(), "127.0.0.1:8946".into()]);
        grid.row(["é".into(), "16".into(), String::new()]);
        let expected = ["name    cores  links", "node-0      2  127.0.0.1:8946", "é          16  -"];
        assert_eq!(grid.lines(), expected);
    }
}
