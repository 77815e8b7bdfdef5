//! The screen of `pulse top`.
//!
//! ```text
//! mycorrhizal 0.1.0 at 127.0.0.1:6379  pid 7  up 00:01:01
//! keys 1,000  memory 2.00 KB (no limit)  commands 5,000
//!
//!  core      ops/s  hit rate  clients    memory       p99      cpu  ops/s over time
//!     0     61,204    99.0 %       25   1.20 MB    80 µs   97.0 %   ▁▃▅▇█▇
//!   all    …
//! ┌ commands per second ─────────────┐
//! │ ▁▂▃▅▆▇█▇▆▅                       │
//! └──────────────────────────────────┘
//! q quits, a look every 1 s
//! ```

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Sparkline, Table};

use crate::pulse::amount::count;
use crate::pulse::figures::Look;
use crate::pulse::table;

use super::history::History;

/// Widths of the columns of figures.
const WIDTHS: [u16; 7] = [5, 12, 9, 9, 11, 10, 9];

/// What is drawn.
pub(super) struct Screen {
    /// Where the figures are from.
    pub(super) address: String,
    /// The last look that succeeded.
    pub(super) look: Look,
    /// Why the last one did not.
    pub(super) trouble: Option<String>,
    /// Time between two looks.
    pub(super) interval: Duration,
}

impl Screen {
    /// Draws everything.
    pub(super) fn draw(&self, history: &History, frame: &mut Frame<'_>) {
        let rows = u16::try_from(self.look.figures.cores.len() + 2).unwrap_or(u16::MAX);
        let areas = Layout::vertical([
            Constraint::Length(3),
            Constraint::Max(rows),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .split(frame.area());
        self.draw_head(frame, areas[0]);
        self.draw_table(history, frame, areas[1]);
        self.draw_past(history, frame, areas[2]);
        self.draw_foot(frame, areas[3]);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let headline = Line::styled(table::headline(&self.look, &self.address), Modifier::BOLD);
        frame.render_widget(Text::from(vec![headline, Line::raw(table::contents(&self.look))]), area);
    }

    fn draw_table(&self, history: &History, frame: &mut Frame<'_>, area: Rect) {
        let taken: u16 = WIDTHS.iter().map(|width| width + 1).sum();
        let bars = usize::from(area.width.saturating_sub(taken));
        let right = |text: String| Cell::new(Text::from(text).alignment(Alignment::Right));
        let cores = self.look.figures.cores.len();
        let rows = table::rows(&self.look).into_iter().enumerate().map(|(number, cells)| {
            let past = Cell::new(Line::styled(history.bars(number, bars), Color::Cyan));
            let row = Row::new(cells.into_iter().map(right).chain(std::iter::once(past)));
            if number == cores { row.style(Modifier::BOLD) } else { row }
        });
        let head = table::COLUMNS.map(|name| right(name.to_owned()));
        let head = Row::new(head.into_iter().chain(std::iter::once(Cell::new("ops/s over time"))));
        let widths = WIDTHS.map(Constraint::Length).into_iter().chain(std::iter::once(Constraint::Min(0)));
        let table =
            Table::new(rows, widths).header(head.style(Style::new().fg(Color::DarkGray))).column_spacing(1);
        frame.render_widget(table, area);
    }

    fn draw_past(&self, history: &History, frame: &mut Frame<'_>, area: Rect) {
        let past = history.total(usize::from(area.width.saturating_sub(2)));
        let highest = past.iter().max().copied().unwrap_or(0);
        let title = format!(" commands per second, at most {} ", count(highest));
        let frame_of_past = Block::bordered().title(title).border_style(Style::new().fg(Color::DarkGray));
        let past = Sparkline::default().data(past).style(Style::new().fg(Color::Green)).block(frame_of_past);
        frame.render_widget(past, area);
    }

    fn draw_foot(&self, frame: &mut Frame<'_>, area: Rect) {
        let foot = match &self.trouble {
            Some(trouble) => {
                Paragraph::new(format!("{trouble}; trying again")).style(Style::new().fg(Color::Red))
            }
            None => {
                let text = format!("q quits, a look every {} s", self.interval.as_secs_f64());
                Paragraph::new(text).style(Style::new().fg(Color::DarkGray))
            }
        };
        frame.render_widget(foot, area);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::pulse::figures::Figures;

    fn drawn(width: u16, height: u16, trouble: Option<&str>) -> String {
        let look = Figures::parse(
            "mycorrhizal_version:0.1.0\ninstantaneous_ops_per_sec:30\nconnected_clients:2\n\
             core0:ops_per_sec=10,hits=3,misses=1,connections=1,used_memory=2048,p99_us=80,cpu_us=1\n\
             core1:ops_per_sec=20,hits=0,misses=0,connections=1,used_memory=0,p99_us=2000,cpu_us=1\n",
        )
        .since(None);
        let mut history = History::default();
        history.push(&look);
        let trouble = trouble.map(str::to_owned);
        let screen = Screen { address: "h:1".into(), look, trouble, interval: Duration::from_millis(500) };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(&history, frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn cores_the_past_and_the_foot_are_drawn() {
        let text = drawn(96, 12, None);
        let line = |start: &str| text.lines().any(|line| line.trim_matches(['"', ' ']).starts_with(start));
        assert!(line("mycorrhizal 0.1.0 at h:1  up 00:00:00"), "{text}");
        assert!(line("0           10    75.0 %         1     2.00 KB      80 µs         - ▄"), "{text}");
        assert!(line("1           20         -         1         0 B    2.00 ms         - █"), "{text}");
        assert!(line("all           30"), "{text}");
        assert!(line("┌ commands per second, at most 30 ─"), "{text}");
        assert!(line("q quits, a look every 0.5 s"), "{text}");
    }

    #[test]
    fn trouble_is_told_and_a_tiny_screen_is_no_trouble() {
        assert!(drawn(80, 12, Some("gone")).contains("gone; trying again"));
        for (width, height) in [(1, 1), (5, 2), (300, 3), (10, 80)] {
            drawn(width, height, None);
        }
    }
}
